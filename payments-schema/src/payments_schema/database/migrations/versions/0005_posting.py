"""0005_posting: the numbered SQL file of that name, and nothing else."""

from payments_schema.database.revision import apply

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    apply("0005_posting.sql")
