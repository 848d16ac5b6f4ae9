"""0010_cards: the numbered SQL file of that name, and nothing else."""

from payments_schema.database.revision import apply

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    apply("0010_cards.sql")
