"""The journal, the projections of it, and the evidence of verdicts: the layout that guardian began with.

Databases of this schema were made before there were revisions, so nothing is left to be done for them here.
"""

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Do nothing: whoever begins with an empty file gets the newest schema at once."""
