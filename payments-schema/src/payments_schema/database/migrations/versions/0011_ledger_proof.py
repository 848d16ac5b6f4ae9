"""0011_ledger_proof: the numbered SQL file of that name, and nothing else."""

from payments_schema.database.revision import apply

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    apply("0011_ledger_proof.sql")
