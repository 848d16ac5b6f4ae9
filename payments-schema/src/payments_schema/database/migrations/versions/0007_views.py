"""0007_views: the numbered SQL file of that name, and nothing else."""

from payments_schema.database.revision import apply

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    apply("0007_views.sql")
