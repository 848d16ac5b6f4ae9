"""0060_past_balances: the numbered SQL file of that name, and nothing else."""

from payments_schema.database.revision import apply

revision = "0060"
down_revision = "0050"


def upgrade() -> None:
    apply("0060_past_balances.sql")
