"""The journal's oldest entries may go into an archive, so nothing refers to entries but by number; an index finds what is old."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Make the table, and those that referred to the journal anew, without the reference."""
    op.create_table(
        "archived",
        sa.Column("place", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("head", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )
    op.drop_index("deployments_by_service", "deployments")
    for table in _remade():
        with op.batch_alter_table(table.name, recreate="always", copy_from=table):
            pass
    op.create_index("deployments_by_age", "deployments", ["service", "first_entry", "ended_at"])
    op.create_index("outbox_by_deployment", "outbox", ["deployment"])


def _remade() -> tuple[sa.Table, ...]:
    metadata = sa.MetaData()
    services = sa.Table(
        "services",
        metadata,
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("entry", sa.Integer, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )
    deployments = sa.Table(
        "deployments",
        metadata,
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("service", sa.Text, sa.ForeignKey("services.name"), nullable=False),
        sa.Column("first_entry", sa.Integer, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("phase", sa.Text, nullable=False),
        sa.Column("requested_at", sa.Double, nullable=False),
        sa.Column("ended_at", sa.Double),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Index("deployments_by_first_entry", "first_entry"),
    )
    outbox = sa.Table(
        "outbox",
        metadata,
        sa.Column("channel", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("entry", sa.Integer, nullable=False),
        sa.Column("place", sa.Integer, nullable=False),
        sa.Column("deployment", sa.Text),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("unsure", sa.Integer, nullable=False),
        sa.Column("reference", sa.Text, nullable=False),
        sa.Column("settled", sa.Integer, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Index("outbox_by_entry", "entry", "place"),
    )
    tokens = sa.Table(
        "tokens",
        metadata,
        sa.Column("id", sa.String(12), primary_key=True),
        sa.Column("token", sa.Text, nullable=False),
        sa.Column("entry", sa.Integer, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )
    return services, deployments, outbox, tokens
