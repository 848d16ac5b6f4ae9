"""What follows a provider's word, or silence: settle, ask again, send again, try another, give up. Pure.

Must not let another provider be tried before a definite failure: an unknown outcome is asked about instead.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from payments_schema.wallets.figures import ABOUT_THE_PROVIDER
from payments_schema.wallets.lifecycle import Attempt, Failure, StillOpen, Success, Verdict
from payments_schema.wire.wallets import AttemptState

from recon_worker.wallets.providers.protocol import (
    Accepted,
    NeedsVoucher,
    NotFound,
    NotSent,
    Observation,
    Refused,
    Succeeded,
    Unknown,
)

# Our float is the provider's matter; the payer's empty wallet is the payment's.
FLOAT_CODES = frozenset({"NOT_ENOUGH_FUNDS"})


@dataclass(frozen=True, slots=True)
class Policy:
    """Pauses in milliseconds, doubled each time up to the longest, with up to half as much jitter."""

    poll_ms: int = 500
    longest_poll_ms: int = 15_000
    longest_late_poll_ms: int = 900_000
    resend_ms: int = 500
    most_sends: int = 5
    most_connects: int = 3
    settled_after_s: int = 900
    """A reference not found so long after its last send will never be: nothing is under way that long."""


def decide(
    observation: Observation,
    attempt: Attempt,
    *,
    is_payout: bool,
    is_over: bool,
    policy: Policy,
    now: datetime,
) -> Verdict:
    """The verdict on an attempt. is_over: the payment's time has ended, nothing may be sent any more."""
    match observation:
        case Succeeded(provider_id, fee_minor, raw):
            return Success(provider_id, fee_minor, raw)
        case Refused(code, raw):
            is_theirs = code in ABOUT_THE_PROVIDER or (is_payout and code in FLOAT_CODES)
            return Failure(code, is_theirs and not is_over, raw)
        case Accepted(raw):
            return StillOpen(AttemptState.ACCEPTED, _later(attempt, policy, now, is_over=is_over), None, raw)
        case NeedsVoucher(is_wrong, raw):
            code = "wrong_voucher" if is_wrong else "voucher_needed"
            return StillOpen(AttemptState.VOUCHER, now + timedelta(seconds=30), code, raw)
        case NotSent(code):
            return _not_sent(code, attempt, is_over, policy, now)
        case NotFound(raw):
            return _not_found(raw, attempt, is_over, policy, now)
        case Unknown(code, raw):
            return StillOpen(AttemptState.UNKNOWN, _later(attempt, policy, now, is_over=is_over), code, raw)


def _not_sent(code: str, attempt: Attempt, is_over: bool, policy: Policy, now: datetime) -> Verdict:
    if attempt.purpose == "refund":
        return StillOpen(AttemptState.RESEND, _later(attempt, policy, now, attempt.sends), code)
    if attempt.inquiries:
        return StillOpen(AttemptState.UNKNOWN, _later(attempt, policy, now), code)
    # Never asked about means that no request ever left: as definite as a refusal, once patience is over.
    if is_over or code == "circuit_open" or attempt.sends >= policy.most_connects:
        return Failure("UNDELIVERABLE", not is_over)
    return StillOpen(AttemptState.RESEND, _later(attempt, policy, now, attempt.sends), code)


def _not_found(raw: str | None, attempt: Attempt, is_over: bool, policy: Policy, now: datetime) -> Verdict:
    if is_over:
        ago = now - attempt.created_at
        if ago >= timedelta(seconds=policy.settled_after_s):
            return Failure("NEVER_RECEIVED", may_try_others=False, raw=raw)
        return StillOpen(AttemptState.UNKNOWN, _later(attempt, policy, now, is_over=True), "not_found", raw)
    if attempt.sends >= policy.most_sends:
        return StillOpen(AttemptState.UNKNOWN, _later(attempt, policy, now), "not_found", raw)
    # The same reference again: if the first request arrives after all, the provider takes it once.
    wait_ms = pause_ms(attempt, attempt.sends - 1, policy.resend_ms, policy.longest_poll_ms)
    return StillOpen(AttemptState.RESEND, now + timedelta(milliseconds=wait_ms), "not_found", raw)


def _later(
    attempt: Attempt, policy: Policy, now: datetime, times: int | None = None, *, is_over: bool = False
) -> datetime:
    many = attempt.inquiries if times is None else times
    longest_ms = policy.longest_poll_ms
    if is_over:
        # What comes after the end is asked for more and more seldom, but for ever.
        age_ms = (now - attempt.created_at) // timedelta(milliseconds=1)
        longest_ms = min(max(longest_ms, age_ms // 10), policy.longest_late_poll_ms)
    return now + timedelta(milliseconds=pause_ms(attempt, many, policy.poll_ms, longest_ms))


def pause_ms(attempt: Attempt, times: int, first_ms: int, longest_ms: int) -> int:
    """Exponential with jitter; the same attempt waits the same in every replay."""
    base = min(first_ms << min(max(times, 0), 16), longest_ms)
    drawn = hashlib.blake2b(f"{attempt.reference}:{times}".encode(), digest_size=4).digest()
    return base + int.from_bytes(drawn, "big") % (base // 2 + 1)
