"""The simulator's books: settled once, replayable by seed, remembered, never more than the float."""

from __future__ import annotations

from pathlib import Path

from devtools.simulators.books import Books, Transfer
from devtools.simulators.faults import Draw, Knobs, dice
from devtools.simulators.journal import Journal
from devtools.simulators.outcomes import SUCCESS, Outcome, Tariff, outcome_of
from devtools.simulators.world import Clock, World, major_of, minor_of


def a_transfer(reference="r1", minor=2500, direction="disburse", msisdn="233243123499", at=0.0):
    return Transfer("mtn", reference, direction, minor, "GHS", msisdn, "", "", at)


def test_money_moves_once_when_it_settles():
    books = Books()
    transfer = books.open(a_transfer(), Outcome(settles_after_s=30), 0)
    assert (transfer.state, books.balance("mtn", "GHS") - books.opening_minor) == ("PENDING", 0)
    assert books.advance(29.9) == []
    assert books.advance(30) == [transfer]
    assert books.advance(1000) == []
    books.settle(transfer, "EXPIRED", 40)
    assert (transfer.state, transfer.settled_at) == ("SUCCESSFUL", 30)
    assert books.balance("mtn", "GHS") - books.opening_minor == -2519


def test_a_collection_brings_the_amount_less_the_fee():
    books = Books()
    books.open(a_transfer(direction="collect"), SUCCESS, 0)
    books.advance(0)
    assert books.balance("mtn", "GHS") - books.opening_minor == 2500 - 19


def test_float_that_is_not_there_is_not_paid_out():
    books = Books()
    books.set_balance("mtn", "GHS", 2518)
    transfer = books.open(a_transfer(), SUCCESS, 0)
    books.advance(0)
    assert (transfer.state, transfer.reason) == ("FAILED", "NOT_ENOUGH_FUNDS")
    assert books.balance("mtn", "GHS") == 2518


def test_the_same_reference_is_the_same_transfer():
    world = World(clock=Clock(manual=0.0))
    first, created = world.submit(a_transfer())
    again, repeated = world.submit(a_transfer(minor=9900))
    assert (created, repeated, again) == (True, False, first)


def test_the_journal_gives_back_what_was_and_drops_a_torn_line(tmp_path: Path):
    file = tmp_path / "journal.jsonl"
    books = Books()
    journal = Journal(file)
    journal.attach(books)
    books.open(a_transfer("r1"), SUCCESS, 0)
    books.open(a_transfer("r2"), Outcome(settles_after_s=30), 0)
    books.open(a_transfer("r3"), Outcome(reason="EXPIRED"), 0)
    books.advance(1)
    journal.close()
    with file.open("a") as log:
        log.write('{"provider": "mt')
    again = Books()
    second = Journal(file)
    second.attach(again)
    assert again.summary() == books.summary()
    assert [transfer.reference for transfer in again.advance(30)] == ["r2"]
    second.close()


def test_sandbox_numbers_in_both_notations():
    for msisdn in ("46733123450", "233243123450"):
        assert outcome_of("mtn", msisdn).reason == "INTERNAL_PROCESSING_ERROR"
    assert outcome_of("mtn", "46733123453").settles_after_s is None
    assert outcome_of("mtn", "46733123454") == Outcome(settles_after_s=30.0)
    assert outcome_of("telecel", "233243123464") is SUCCESS


def test_dice_depend_on_the_seed_and_the_question_alone():
    assert dice(1, "a", 2) == dice(1, "a", 2)
    drawn = [dice(seed, "a") for seed in range(1000)]
    assert 0.4 < sum(drawn) / 1000 < 0.6
    knobs = Knobs(lose_reply=0.5)
    draws = [Draw(knobs, 7, "mtn", "submit", f"r{n}", 0).strikes("lose_reply") for n in range(1000)]
    assert 430 < sum(draws) < 570


def test_knobs_refuse_what_is_none():
    for wrong in ({"nonsense": 1}, {"latency_ms": True}, {"outage": 1}, {"refuse": None}):
        try:
            Knobs().changed(wrong)
        except ValueError:
            continue
        raise AssertionError(wrong)


def test_amounts_and_tariffs():
    assert [minor_of(text) for text in ("12.50", "12", "0.5", "1.234", "-1", "x", None)] == [
        1250, 1200, 50, None, None, None, None,
    ]  # fmt: skip
    assert (major_of(1250), major_of(-5)) == ("12.50", "-0.05")
    assert Tariff(fixed_minor=10, bps=90, most_minor=50).fee(2500) == 33
    assert Tariff(bps=100, most_minor=50).fee(1_000_000) == 50


def test_callbacks_come_as_often_as_the_knob_says():
    world = World(clock=Clock(manual=0.0))
    world.knobs["mtn"] = Knobs(callback_duplicates=2, callback_delay_s=5)
    wanted = a_transfer()
    wanted.callback_url = "http://nowhere/"
    world.submit(wanted)
    assert world.take_deliveries() == []
    world.clock.advance(60)
    assert [delivery.copy for delivery in world.take_deliveries()] == [0, 1, 2]
