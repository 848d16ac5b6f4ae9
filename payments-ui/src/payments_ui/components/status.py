"""How a status is shown: a word, a shape and a colour, so that none of the three is needed alone.

It must not decide what a status means for money; it only names it.
"""

from dataclasses import dataclass

from markupsafe import Markup


@dataclass(frozen=True, slots=True)
class Look:
    """A status in the reader's words; `shape` and `tone` are classes of style.css."""

    word: str
    shape: str
    tone: str
    meaning: str


LOOKS = {
    "pending": Look("pending", "ring", "wait", "Accepted; the worker has not reconciled it yet."),
    "completed": Look("completed", "disc", "good", "Reconciled and posted to the ledger."),
    "failed": Look("failed", "square", "bad", "Reconciliation refused it; nothing was posted."),
    "completed_with_discrepancy": Look(
        "discrepancy",
        "triangle",
        "warn",
        "Posted, with a part held in suspense until an operator resolves it.",
    ),
}


def look_of(status: str) -> Look:
    """Return how a status looks; one that this version does not know keeps its own word."""
    return LOOKS.get(status) or Look(status.replace("_", " "), "diamond", "wait", "")


def badge(status: str) -> Markup:
    """Markup of a status."""
    look = look_of(status)
    return Markup(
        '<span class="pay-status pay-{}" title="{}"><i class="pay-shape pay-{}"></i>{}</span>'
    ).format(look.tone, look.meaning, look.shape, look.word)
