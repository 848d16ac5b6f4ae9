"""0009_privileges: the numbered SQL file of that name, and nothing else."""

from payments_schema.database.revision import apply

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    apply("0009_privileges.sql")
