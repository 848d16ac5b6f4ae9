"""0030_wallet_operations: the numbered SQL file of that name, and nothing else."""

from payments_schema.database.revision import apply

revision = "0030"
down_revision = "0021"


def upgrade() -> None:
    apply("0030_wallet_operations.sql")
