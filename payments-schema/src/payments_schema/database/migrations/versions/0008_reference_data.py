"""0008_reference_data: the numbered SQL file of that name, and nothing else."""

from payments_schema.database.revision import apply

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    apply("0008_reference_data.sql")
