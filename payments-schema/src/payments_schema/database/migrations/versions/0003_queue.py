"""0003_queue: the numbered SQL file of that name, and nothing else."""

from payments_schema.database.revision import apply

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    apply("0003_queue.sql")
