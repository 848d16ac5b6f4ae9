"""Evidence can be handed on: complete in what happened, masked in whom it concerns."""

import json
from datetime import UTC, datetime

from payments_schema.wire.operations import Step, StepKind, Story

from payments_ui.components import evidence, timeline
from payments_ui.fake_api_client import a_line, a_payment, a_posting

ROW = a_payment(account_id="ACC-SECRET-1001", description="for Ama Mensah", idempotency_key="key-123456789")
STEP = Step(
    at=datetime(2026, 11, 21, tzinfo=UTC),
    kind=StepKind.REQUEST,
    title="Asked for",
    facts={"idempotency_key": "key-123456789", "attempts": 1, "deep": [{"account_id": "ACC-SECRET-1001"}]},
)
STORY = Story(
    payment=a_line(ROW), actions=[], remaining_minor={}, steps=[STEP], transactions=[a_posting(ROW)]
)


def test_nothing_personal_is_left_and_the_amounts_are() -> None:
    bundle = evidence.bundle(STORY)
    for secret in ("ACC-SECRET-1001", "Ama Mensah", "key-123456789"):
        assert secret not in bundle
    told = json.loads(bundle)
    assert told["payment"]["amount"] == "250.00"
    assert told["payment"]["party"] == "ACC…01"
    accounts = [entry["account"] for entry in told["transactions"][0]["entries"]]
    assert accounts == ["ACC…01", "settlement_clearing"]
    assert told["steps"][0]["facts"]["deep"] == [{"account_id": "ACC…01"}]


def test_short_texts_are_hidden_whole() -> None:
    assert evidence.mask("12345678") == "…"


def test_a_step_tells_its_plain_facts_and_escapes_them() -> None:
    hostile = STEP.model_copy(update={"title": "<b>bold</b>"})
    drawn = timeline.drawn([hostile], UTC, STEP.at)
    assert "<b>" not in drawn
    assert "idempotency key key-123456789 · attempts 1" in drawn
    assert "deep" not in drawn
    assert "<li>" not in timeline.drawn([], UTC, STEP.at)
