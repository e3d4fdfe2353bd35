"""The outbox: letters to channels, on their way and delivered."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "outbox",
        sa.Column("channel", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("entry", sa.Integer, sa.ForeignKey("journal.number"), nullable=False),
        sa.Column("place", sa.Integer, nullable=False),
        sa.Column("deployment", sa.Text),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("unsure", sa.Integer, nullable=False),
        sa.Column("reference", sa.Text, nullable=False),
        sa.Column("settled", sa.Integer, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )
    op.create_index("outbox_by_entry", "outbox", ["entry", "place"])
