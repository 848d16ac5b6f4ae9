"""Entries that cannot have come from a card payment are named. Pure; must not touch a database."""

from __future__ import annotations

import pytest
from card_lives import LIVES, captured, life, refunded, settled

from payments_schema.cards import movements, witness
from payments_schema.cards.witness import Line, Step
from payments_schema.wire.ledger import Direction


def steps_of(*changes) -> list[Step]:
    postings = [movements.of(change) for change in changes]
    return [
        Step(
            posting.kind,
            posting.key,
            [
                Line(movements.chart_code(*e.account), e.direction, e.amount.minor, e.amount.currency)
                for e in posting.entries
            ],
        )
        for posting in postings
    ]


@pytest.mark.parametrize("name", LIVES)
def test_every_life_is_read_back_from_its_entries(name):
    changes = life(*LIVES[name])
    seen, payment = witness.testify(steps_of(*changes)), changes[-1].payment
    assert seen.problems == ()
    assert (seen.status, seen.held_minor) == (payment.status, payment.held_minor)
    assert (seen.captured_minor, seen.refunded_minor) == (payment.captured_minor, payment.refunded_minor)


WHOLE = steps_of(*life(captured(600), refunded(100), settled))


@pytest.mark.parametrize("place", range(len(WHOLE)))
def test_a_missing_step_is_noticed(place):
    seen = witness.testify(WHOLE[:place] + WHOLE[place + 1 :])
    if place < len(WHOLE) - 1:
        assert seen.problems
    else:
        assert seen.status == "partially_refunded"


@pytest.mark.parametrize("place", range(len(WHOLE)))
def test_a_step_told_twice_is_noticed(place):
    assert witness.testify([*WHOLE[: place + 1], WHOLE[place], *WHOLE[place + 1 :]]).problems


@pytest.mark.parametrize(
    ("place", "line"), [(place, line) for place, step in enumerate(WHOLE) for line in range(len(step.lines))]
)
@pytest.mark.parametrize("change", ["amount", "side", "account", "currency", "gone"])
def test_an_altered_entry_is_noticed(place, line, change):
    lines = list(WHOLE[place].lines)
    entry = lines[line]
    match change:
        case "amount":
            lines[line] = entry._replace(amount_minor=entry.amount_minor + 1)
        case "side":
            other = Direction.CREDIT if entry.direction is Direction.DEBIT else Direction.DEBIT
            lines[line] = entry._replace(direction=other)
        case "account":
            lines[line] = entry._replace(account="suspense")
        case "currency":
            lines[line] = entry._replace(currency="EUR")
        case _:
            del lines[line]
    altered = [*WHOLE[:place], WHOLE[place]._replace(lines=lines), *WHOLE[place + 1 :]]
    assert witness.testify(altered).problems


def test_an_unknown_kind_and_an_empty_story_are_noticed():
    assert witness.testify([]).problems == ("never authorized",)
    assert witness.testify([WHOLE[0], WHOLE[1]._replace(kind="card_gift")]).problems
