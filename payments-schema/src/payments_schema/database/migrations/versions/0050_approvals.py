"""0050_approvals: the numbered SQL file of that name, and nothing else."""

from payments_schema.database.revision import apply

revision = "0050"
down_revision = "0030"


def upgrade() -> None:
    apply("0050_approvals.sql")
