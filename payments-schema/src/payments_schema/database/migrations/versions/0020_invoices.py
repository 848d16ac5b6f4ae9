"""0020_invoices: the numbered SQL file of that name, and nothing else."""

from payments_schema.database.revision import apply

revision = "0020"
down_revision = "0014"


def upgrade() -> None:
    apply("0020_invoices.sql")
