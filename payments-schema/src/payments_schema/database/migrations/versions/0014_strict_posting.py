"""0014_strict_posting: the numbered SQL file of that name, and nothing else."""

from payments_schema.database.revision import apply

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    apply("0014_strict_posting.sql")
