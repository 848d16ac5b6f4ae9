"""0001_schemas_and_currencies: the numbered SQL file of that name, and nothing else."""

from payments_schema.database.revision import apply

revision = "0001"
down_revision = None


def upgrade() -> None:
    apply("0001_schemas_and_currencies.sql")
