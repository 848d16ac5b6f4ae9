"""0021_outgoing_events: the numbered SQL file of that name, and nothing else."""

from payments_schema.database.revision import apply

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    apply("0021_outgoing_events.sql")
