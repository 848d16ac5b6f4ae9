"""Alembic's entry: migrates on the connection that `migrate` hands over. Opens none of its own."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=None,
    version_table="migration",
    version_table_schema="core",
    transaction_per_migration=True,
    on_version_apply=context.config.attributes["on_version_apply"],
)
with context.begin_transaction():
    context.run_migrations()
