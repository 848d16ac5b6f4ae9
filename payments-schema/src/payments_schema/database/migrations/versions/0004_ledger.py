"""0004_ledger: the numbered SQL file of that name, and nothing else."""

from payments_schema.database.revision import apply

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    apply("0004_ledger.sql")
