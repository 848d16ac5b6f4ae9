"""The one tree of errors that callers may meet, each with a stable code and an HTTP status.

Must not know HTTP beyond that number, and must never carry a value that a client sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar


class PaymentsError(Exception):
    """Base of all errors a client or operator may see. `extra` joins the problem document as it is."""

    code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500

    def __init__(self, detail: str, **extra: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.extra: dict[str, Any] = extra


class InvalidRequest(PaymentsError):
    """The request cannot be carried out as written."""

    code = "invalid_request"
    status = 422


class MissingField(InvalidRequest):
    """A field (or the key) that must be there is missing, null or empty."""

    code = "missing_field"
    status = 400


class AmountMalformed(InvalidRequest):
    """Not a decimal number, or with more decimals than its currency."""

    code = "amount_malformed"


class AmountOutOfRange(InvalidRequest):
    """Beyond what 64 bits of minor units hold."""

    code = "amount_out_of_range"


class UnknownCurrency(InvalidRequest):
    """Not a currency of ISO 4217 that we know."""

    code = "unknown_currency"


class InvalidAmount(InvalidRequest):
    """More than what remains; `remaining` says how much that is in minor units."""

    code = "invalid_amount"

    def __init__(self, detail: str, *, remaining: int | None = None, **extra: Any) -> None:
        super().__init__(detail, remaining=remaining, **extra)


class InvalidCursor(InvalidRequest):
    """A page cursor that we did not make."""

    code = "invalid_cursor"


class NotFound(PaymentsError):
    """No such thing, or no id at all."""

    code = "not_found"
    status = 404


class PaymentNotFound(NotFound):
    """No such payment."""

    code = "payment_not_found"

    def __init__(self, detail: str = "Payment not found", **extra: Any) -> None:
        super().__init__(detail, **extra)


class JobNotFound(NotFound):
    """No such job."""

    code = "job_not_found"

    def __init__(self, detail: str = "Job not found", **extra: Any) -> None:
        super().__init__(detail, **extra)


class InvalidTransition(PaymentsError):
    """The state forbids it now; says the present state and what it allows."""

    code = "invalid_state_transition"
    status = 409

    def __init__(
        self, detail: str, *, current_status: str, allowed_actions: Sequence[str], **extra: Any
    ) -> None:
        super().__init__(
            detail, current_status=current_status, allowed_actions=list(allowed_actions), **extra
        )


class ApprovalRequired(PaymentsError):
    """More than one person may do alone; `limit` says from where on, in major units."""

    code = "approval_required"
    status = 403

    def __init__(self, limit: Decimal) -> None:
        super().__init__(
            f"More than {limit:f} in all needs a second person: ask for an approval", limit=f"{limit:f}"
        )


class SecondPersonNeeded(PaymentsError):
    """Nobody agrees with himself."""

    code = "second_person_needed"
    status = 403

    def __init__(self) -> None:
        super().__init__("Whoever asked cannot decide: it needs a second person")


class IdempotencyKeyMissing(MissingField):
    """A request that moves money came without a key."""

    code = "idempotency_key_missing"

    def __init__(self, detail: str = "Idempotency-Key header is required", **extra: Any) -> None:
        super().__init__(detail, **extra)


class IdempotencyKeyReused(PaymentsError):
    """The key belongs to another request; `differs` names the fields, never their values."""

    code = "idempotency_key_reused"
    status = 422

    def __init__(self, differs: Sequence[str], **extra: Any) -> None:
        names = ", ".join(differs)
        super().__init__(
            f"This Idempotency-Key was used for another request: {names} differs", differs=list(differs)
        )
        self.extra.update(extra)


class IdempotencyKeyInFlight(PaymentsError):
    """A request with this key is being worked on right now."""

    code = "idempotency_key_in_flight"
    status = 409

    def __init__(self, retry_after_s: int = 1) -> None:
        super().__init__("A request with this Idempotency-Key is still in flight")
        self.retry_after_s = retry_after_s


class PostingRejected(PaymentsError):
    """The ledger's rules forbid the posting, an account's minimum for example."""

    code = "posting_rejected"
    status = 409


class UnbalancedPosting(PaymentsError):
    """Debits and credits differ: a fault of ours, never of the client."""

    code = "unbalanced_posting"
    status = 500


class Overloaded(PaymentsError):
    """No connection became free in time; nothing was done."""

    code = "overloaded"
    status = 503

    def __init__(self, detail: str = "The service is busy; nothing was done", retry_after_s: int = 1) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


def problem_fields(error: PaymentsError) -> Mapping[str, Any]:
    """What a problem document says of an error, beside its type and title."""
    return {
        "code": error.code,
        "status": error.status,
        "detail": error.detail,
        "error": error.detail,
        **error.extra,
    }
