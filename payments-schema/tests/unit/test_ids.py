"""Ids are unique, ordered by time, and recognised."""

import threading
import time

import pytest

from payments_schema import ids


def test_uuids_of_a_process_are_strictly_increasing_across_threads():
    made: list[list] = [[] for _ in range(4)]

    def make(into):
        into.extend(ids.uuid7() for _ in range(5000))

    threads = [threading.Thread(target=make, args=(into,)) for into in made]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert all(into == sorted(into) for into in made)
    assert len({one for into in made for one in into}) == 20000


def test_a_uuid_is_version_7_and_carries_the_time():
    one = ids.uuid7()
    assert (one.version, one.variant) == (7, "specified in RFC 4122")
    assert abs((one.int >> 80) - time.time() * 1000) < 2000


def test_order_holds_when_the_clock_is_set_back(monkeypatch):
    before = ids.uuid7()
    monkeypatch.setattr(ids.time, "time_ns", lambda: 0)
    assert ids.uuid7() > before


def test_prefixed_ids_sort_by_time_and_are_recognised():
    made = [ids.new_id("pay") for _ in range(1000)]
    assert made == sorted(made)
    assert all(ids.is_id("pay", one) for one in made)
    assert not ids.is_id("txn", made[0])


@pytest.mark.parametrize(
    "text", ["", "pay_", "pay_x", "PAY_" + "0" * 26, "pay_" + "u" * 26, "pay-" + "0" * 26, "pay_" + "0" * 27]
)
def test_what_is_no_prefixed_id_is_not_taken_for_one(text):
    assert not ids.is_id("pay", text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "550e8400e29b41d4a716446655440000",
        "{550e8400-e29b-41d4-a716-446655440000}",
        "550e8400-e29b-41d4-a716-44665544000g",
        "550e8400-e29b-41d4-a716-446655440000 ",
    ],
)
def test_only_the_usual_form_of_a_uuid_is_a_uuid(text):
    assert ids.parse_uuid(text) is None


def test_sequence_ids_go_both_ways():
    assert ids.sequence_id("txn", 42) == "txn_0000000000000042"
    assert ids.parse_sequence_id("txn", "txn_0000000000000042") == 42
    assert ids.parse_sequence_id("txn", "ent_0000000000000042") is None
    assert ids.parse_sequence_id("txn", "txn_42") is None
    assert ids.parse_sequence_id("txn", "txn_000000000000004²") is None
