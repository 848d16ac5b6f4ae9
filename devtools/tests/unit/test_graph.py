"""Order, cycles and reach in the graph of tasks and services."""

from __future__ import annotations

from devtools.graph import closure, cycle, dependents


def test_dependencies_come_first_and_only_what_is_needed():
    edges = {"ui": ["api"], "api": ["db", "migrate"], "migrate": ["db"], "db": [], "other": ["db"]}
    assert closure(edges, ["ui"]) == ["db", "migrate", "api", "ui"]


def test_a_cycle_is_a_closed_path():
    assert cycle({"a": ["b"], "b": ["c"], "c": ["b"]}) == ["b", "c", "b"]
    assert cycle({"a": ["b", "c"], "b": ["d"], "c": ["d"], "d": []}) is None


def test_a_chain_of_ten_thousand_is_no_matter_of_depth():
    edges = {str(i): [str(i + 1)] for i in range(10_000)}
    assert cycle(edges) is None
    assert len(closure(edges, ["0"])) == 10_001


def test_dependents_reach_upwards_through_others():
    assert dependents({"ui": ["api"], "api": ["db"], "db": []}, "db") == ["api", "ui"]
