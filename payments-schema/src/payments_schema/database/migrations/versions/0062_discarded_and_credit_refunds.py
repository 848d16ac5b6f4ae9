"""0062_discarded_and_credit_refunds: the numbered SQL file of that name, and nothing else."""

from payments_schema.database.revision import apply

revision = "0062"
down_revision = "0061"


def upgrade() -> None:
    apply("0062_discarded_and_credit_refunds.sql")
