"""0061_timelines: the numbered SQL file of that name, and nothing else."""

from payments_schema.database.revision import apply

revision = "0061"
down_revision = "0060"


def upgrade() -> None:
    apply("0061_timelines.sql")
