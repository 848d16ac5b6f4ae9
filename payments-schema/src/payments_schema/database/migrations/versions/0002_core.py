"""0002_core: the numbered SQL file of that name, and nothing else."""

from payments_schema.database.revision import apply

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    apply("0002_core.sql")
