"""The chart of a start: who waited, who was on the critical path, who never got ready."""

from __future__ import annotations

from devtools import timeline


def a_node(requested, started, ready, *needs):
    return {"requested_at": requested, "started_at": started, "ready_at": ready, "depends_on": list(needs)}


def test_the_critical_path_follows_the_dependency_that_was_waited_for_longest():
    found = timeline.read(
        {
            "db": a_node(100.0, 100.0, 101.0),
            "cache": a_node(100.0, 100.0, 104.0),
            "api": a_node(100.0, 104.0, 106.0, "db", "cache"),
            "lone": a_node(100.0, 100.0, 105.0),
        }
    )
    assert found.critical == ("cache", "api")
    assert found.total_s == 6.0
    api = next(bar for bar in found.bars if bar.id == "api")
    assert (api.waited_s, api.starting_s, api.is_critical) == (4.0, 2.0, True)


def test_a_node_that_was_never_asked_for_is_left_out_and_one_that_never_got_ready_is_named():
    found = timeline.read(
        {"idle": a_node(None, None, None), "sick": a_node(5.0, 5.0, None), "well": a_node(5.0, 5.0, 6.0)}
    )
    assert [bar.id for bar in found.bars] == ["well"]
    assert found.not_ready == ("sick",)


def test_a_clock_that_was_set_back_makes_no_negative_bar():
    found = timeline.read({"a": a_node(100.0, 90.0, 80.0)})
    assert (found.bars[0].waited_s, found.bars[0].starting_s, found.total_s) == (0.0, 0.0, 0.0)


def test_nothing_is_no_fault():
    assert timeline.read({}).bars == ()
