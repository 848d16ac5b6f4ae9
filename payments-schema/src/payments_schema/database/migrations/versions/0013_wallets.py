"""0013_wallets: the numbered SQL file of that name, and nothing else."""

from payments_schema.database.revision import apply

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    apply("0013_wallets.sql")
