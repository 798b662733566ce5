"""Run by alembic: migrates inside the transaction that `cloud.registry.schema.migrate` hands over."""

from alembic import context

from cloud.registry.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"], target_metadata=METADATA, render_as_batch=True
)
with context.begin_transaction():
    context.run_migrations()
