"""0012_event_order: the numbered SQL file of that name, and nothing else."""

from payments_schema.database.revision import apply

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    apply("0012_event_order.sql")
