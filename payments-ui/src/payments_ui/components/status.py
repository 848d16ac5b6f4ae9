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
    "authorized": Look("authorized", "ring", "wait", "Funds are held; nothing was taken yet."),
    "captured": Look("captured", "disc", "good", "Held funds were taken; the merchant is still owed."),
    "settled": Look("settled", "disc", "good", "The merchant was paid."),
    "voided": Look("voided", "bars", "wait", "The hold was released; nothing was taken."),
    "expired": Look("expired", "bars", "wait", "The hold ran out; nothing was taken."),
    "partially_refunded": Look("partly refunded", "triangle", "warn", "A part was returned."),
    "refunded": Look("refunded", "bars", "wait", "Everything taken was returned."),
    "INITIATED": Look("initiated", "ring", "wait", "Accepted; not looked at yet."),
    "VALIDATING": Look("validating", "ring", "wait", "Being checked before it is sent."),
    "PENDING": Look("queued", "ring", "wait", "Checked; waits for a provider."),
    "PROCESSING": Look("with the provider", "diamond", "wait", "The provider has it; its outcome is open."),
    "CONFIRMED": Look("confirmed", "disc", "good", "The provider moved the money."),
    "FAILED": Look("failed", "square", "bad", "The money was definitely not moved."),
    "EXPIRED": Look("expired", "bars", "wait", "Its time ran out."),
    "CANCELLED": Look("cancelled", "bars", "wait", "Cancelled before it was sent."),
    "REFUNDED": Look("refunded", "bars", "wait", "Sent back to the payer."),
    "queued": Look("queued", "ring", "wait", "Waits for a worker."),
    "scheduled": Look("scheduled", "ring", "wait", "Waits for its time."),
    "running": Look("running", "diamond", "wait", "A worker has it."),
    "done": Look("done", "disc", "good", "Finished."),
    "dead": Look("dead letter", "square", "bad", "Given up; retry or discard it."),
    "ok": Look("ok", "disc", "good", "As it should be."),
    "degraded": Look("degraded", "triangle", "warn", "Works, but not as it should."),
    "up": Look("up", "disc", "good", "Answers, and most of what is sent succeeds."),
    "down": Look("down", "square", "bad", "Nothing passes: payments go to the others."),
    "unavailable": Look("unavailable", "square", "bad", "Does not work."),
    "sent": Look("sent", "ring", "wait", "Nothing was paid yet."),
    "partially_paid": Look("partly paid", "triangle", "warn", "A part is still open."),
    "paid": Look("paid", "disc", "good", "Paid in full."),
    "void": Look("void", "bars", "wait", "Given up before anything was paid."),
    "waiting": Look("waiting", "ring", "wait", "Tried again until its time is over."),
    "applied": Look("applied", "disc", "good", "Counted once."),
    "repaired": Look("repaired", "disc", "good", "Put right by an operator."),
    "discarded": Look("discarded", "bars", "wait", "Given up for good by an operator; not applied."),
    "delivered": Look("delivered", "disc", "good", "The receiver took it."),
    "withdrawn": Look("withdrawn", "bars", "wait", "Taken back by who asked."),
    "rejected": Look("rejected", "square", "bad", "The second person said no."),
    "approved": Look("approved", "diamond", "wait", "Agreed to; it is being carried out."),
    "enabled": Look("enabled", "disc", "good", "Is told of events."),
    "disabled": Look("disabled", "bars", "wait", "Is told of nothing."),
}


def look_of(status: str) -> Look:
    """Return how a status looks; one that this version does not know keeps its own word."""
    return LOOKS.get(status) or Look(status.replace("_", " "), "diamond", "wait", "")


def badge(status: str) -> Markup:
    """Markup of a status."""
    return drawn(look_of(status))


def drawn(look: Look) -> Markup:
    """Markup of a look: shape, tone and word, its meaning on hover."""
    return Markup(
        '<span class="pay-status pay-{}" title="{}"><i class="pay-shape pay-{}"></i>{}</span>'
    ).format(look.tone, look.meaning, look.shape, look.word)
