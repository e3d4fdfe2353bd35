"""Run by Alembic: one transaction, which whoever called it has begun and ends."""

from alembic import context

from guardian.records.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite alters a table by making another one in its place
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
