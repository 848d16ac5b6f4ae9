"""0063_saved_views: the numbered SQL file of that name, and nothing else."""

from payments_schema.database.revision import apply

revision = "0063"
down_revision = "0062"


def upgrade() -> None:
    apply("0063_saved_views.sql")
