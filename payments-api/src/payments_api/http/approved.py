"""Under which name and key an approved deed is done, so that it is done once.

Must not know deeds.
"""

from __future__ import annotations

CLIENT = "approvals\x1f"
"""No caller is called so: a token's client is printable. Nobody else can use up these keys."""


def key_of(approval_id: int) -> str:
    """The idempotency key of an approval's deed."""
    return f"approval-{approval_id}"


def actor_of(asked_by: str, decided_by: str | None) -> str:
    """Both persons, for the audit trail."""
    return f"{asked_by}, approved by {decided_by}"
