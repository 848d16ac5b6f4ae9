"""Another provider only after a definite failure; silence is asked about; pauses grow and are bounded."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any
from uuid import UUID

import pytest
from payments_schema.wallets.lifecycle import Attempt, Failure, StillOpen, Success
from payments_schema.wire.wallets import AttemptState, WalletProvider

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
from recon_worker.wallets.retries import Policy, decide, pause_ms

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
ATTEMPT = Attempt("payment", 1, WalletProvider.MTN, UUID(int=7), AttemptState.SENDING, 19, NOW, sends=1)
POLICY = Policy()


def verdict(said: Observation, attempt: Attempt = ATTEMPT, **more: Any) -> Any:
    options = {"is_payout": True, "is_over": False, "policy": POLICY, "now": NOW, **more}
    return decide(said, attempt, **options)


def test_success_settles_and_keeps_what_was_said() -> None:
    assert verdict(Succeeded("77", 12, "raw")) == Success("77", 12, "raw")


@pytest.mark.parametrize(
    ("code", "is_payout", "others"),
    [
        ("SERVICE_UNAVAILABLE", True, True),
        ("INTERNAL_PROCESSING_ERROR", False, True),
        ("NOT_ENOUGH_FUNDS", True, True),
        ("NOT_ENOUGH_FUNDS", False, False),
        ("APPROVAL_REJECTED", True, False),
        ("SOMETHING_NEW", True, False),
    ],
)
def test_refusals_are_mapped(code: str, is_payout: bool, others: bool) -> None:
    found = verdict(Refused(code), is_payout=is_payout)
    assert found == Failure(code, others)
    assert not verdict(Refused(code), is_payout=is_payout, is_over=True).may_try_others


def test_silence_never_leads_to_another_provider() -> None:
    silent = (Unknown("read_timeout"), NotFound(), Accepted(), NeedsVoucher())
    for said, sends, inquiries in product(silent, range(1, 8), range(5)):
        attempt = replace(ATTEMPT, sends=sends, inquiries=inquiries)
        assert isinstance(verdict(said, attempt), StillOpen)


def test_not_sent_is_definite_only_if_nothing_else_was_ever_sent() -> None:
    first = verdict(NotSent("connect_error"))
    assert (first.state, first.due_at > NOW) == (AttemptState.RESEND, True)
    assert verdict(NotSent("connect_error"), replace(ATTEMPT, sends=3)) == Failure("UNDELIVERABLE", True)
    assert verdict(NotSent("circuit_open")) == Failure("UNDELIVERABLE", True)
    asked = verdict(NotSent("connect_error"), replace(ATTEMPT, sends=3, inquiries=1))
    assert asked.state is AttemptState.UNKNOWN


def test_not_found_is_sent_again_a_bounded_number_of_times() -> None:
    assert verdict(NotFound()).state is AttemptState.RESEND
    assert verdict(NotFound(), replace(ATTEMPT, sends=5)).state is AttemptState.UNKNOWN


def test_after_the_end_not_found_closes_only_when_nothing_can_be_under_way() -> None:
    assert verdict(NotFound(), is_over=True).state is AttemptState.UNKNOWN
    later = NOW + timedelta(seconds=POLICY.settled_after_s)
    assert verdict(NotFound(), is_over=True, now=later) == Failure("NEVER_RECEIVED", may_try_others=False)


def test_a_refund_that_cannot_be_sent_waits() -> None:
    refund = replace(ATTEMPT, purpose="refund", sends=9)
    assert verdict(NotSent("circuit_open"), refund).state is AttemptState.RESEND


def test_pauses_grow_are_bounded_and_replay() -> None:
    pauses = [pause_ms(ATTEMPT, times, 500, 15_000) for times in range(40)]
    assert pauses == [pause_ms(ATTEMPT, times, 500, 15_000) for times in range(40)]
    assert all(500 <= pause <= 22_500 for pause in pauses)
    assert all(min(500 << n, 15_000) <= pause for n, pause in enumerate(pauses[:20]))
