"""0006_payments: the numbered SQL file of that name, and nothing else."""

from payments_schema.database.revision import apply

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    apply("0006_payments.sql")
