"""`validate --watch`: all steps once, then after each restart those that it affects.

Must not poll, nor restart anything: it sleeps until the supervisor tells of a change.
"""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

from devtools import console
from devtools.errors import DevtoolsError
from devtools.validation import affected, report, scenarios
from devtools.validation import run as running
from devtools.validation.affected import Choice
from devtools.validation.kept import Kept
from devtools.validation.model import Outcome, Step
from devtools.validation.scenarios import Registration
from devtools.validation.world import World

RESTARTING = "restarting"
ON_ITS_WAY = ("pending", "starting", "stopping")
Told = queue.SimpleQueue[dict[str, Any] | DevtoolsError]


class Follower:
    """What is known of every node and every step; `told` and `is_due` decide, `prove` runs."""

    def __init__(
        self, world: Callable[[], World], *, everything: bool, as_json: bool, junit: Path | None, state: Path
    ) -> None:
        self._world = world
        self._as_json = as_json
        self._junit = junit
        self._state = state
        self._chosen = scenarios.registered(everything=everything)
        with world() as here:
            self._steps = [(entry, entry.make(here).steps()) for entry in self._chosen]
        self._every = [step for _, steps in self._steps for step in steps]
        self._nodes: dict[str, dict[str, Any]] = {}
        self._restarted: dict[str, str] = {}
        self._last: dict[str, Outcome] = {}
        self._held = ""

    def told(self, node: dict[str, Any]) -> None:
        """A node as the supervisor shows it: at the beginning, and at every change."""
        name = node["id"]
        known = self._nodes.get(name)
        before = known["begun_at"] if known is not None else node["started_at"]
        why = known["why"] if known is not None else ""
        if node["reason"].startswith(RESTARTING):
            why = node["reason"].removeprefix(RESTARTING).removeprefix(": ")
        if node["started_at"] not in (None, before) and (node["kind"] == "service" or self._matters(name)):
            self._restarted[name] = why or self._restarted.get(name, "")
            why = ""
        self._nodes[name] = {**node, "begun_at": node["started_at"] or before, "why": why}

    def _matters(self, name: str) -> bool:
        """Whether a step touches this node."""
        return any(_touches(entry, step, name) for entry, steps in self._steps for step in steps)

    def is_due(self) -> bool:
        """True where something was restarted and all that steps touch is there; says what does not come."""
        nodes = [node for node in self._nodes.values() if self._matters(node["id"])]
        if not self._restarted or any(_is_on_its_way(node) for node in nodes):
            return False
        run = affected.choose(self._steps, self._restarted, self._last).run
        wanted = [(entry, step) for entry, steps in self._steps for step in steps if step.id in run]
        for node in nodes:
            is_touched = any(_touches(entry, step, node["id"]) for entry, step in wanted)
            if node["phase"] == "failed" and is_touched:
                self._hold(node)
                return False
        return True

    def _hold(self, node: dict[str, Any]) -> None:
        said = f"{node['id']} failed: {node['reason']}"
        if said != self._held:
            self._held = said
            if self._as_json:
                _line({"waits_for": node["id"], "reason": node["reason"]})
            else:
                console.out(f"\n{report.FAILED} {said}\n      nothing is validated until it runs again")

    def prove(self) -> None:
        """Run what the restarts since the last time affect (the first time: all), and tell it."""
        restarted, self._restarted = self._restarted, {}
        self._held = ""
        choice = affected.choose(self._steps, restarted, self._last)
        if restarted and not self._as_json:
            console.out("\n" + _heading(restarted, choice, len(self._every)))
        told = 0

        def tell(outcome: Outcome) -> None:
            nonlocal told
            told += 1
            if not self._as_json:
                console.out("\n".join(report.lines_of(outcome, told, len(choice.run))))

        with self._world() as world:
            kept = Kept(self._state, world.api_url, self._every)
            outcomes = running.run(self._chosen, world, tell, choice.run)
        self._last |= {outcome.step.id: outcome for outcome in outcomes}
        everything = [self._last[step.id] for step in self._every]
        kept.end(everything)
        self._tell(restarted, choice, outcomes)
        if self._junit:
            report.write_junit(everything, self._junit)

    def _tell(self, restarted: dict[str, str], choice: Choice, outcomes: list[Outcome]) -> None:
        names = {step.id: step.name for step in self._every}
        if self._as_json:
            left = [{"id": id_, "name": names[id_], "why": why} for id_, why in choice.left_out.items()]
            _line({"restarted": restarted, **report.as_json(outcomes), "left_out": left})
            return
        if outcomes:
            console.out("\n" + "\n".join(report.summary(outcomes)))
        for id_, why in choice.left_out.items():
            console.out(f"  • {names[id_]}: left out, {why}")


def follow(follower: Follower, events: Iterator[dict[str, Any]]) -> NoReturn:
    """Validate at every restart. Ends by an exception: Ctrl-C, or DevtoolsError where the events end."""
    told: Told = queue.SimpleQueue()
    follower.told(next(events)["node"])  # from here on nothing is missed

    def listen() -> None:
        try:
            for event in events:
                told.put(event)
            told.put(
                DevtoolsError("the workspace was stopped: there is nothing to follow", hint="devtools up")
            )
        except DevtoolsError as fault:
            told.put(fault)

    threading.Thread(target=listen, daemon=True).start()
    follower.prove()
    while True:
        for event in _drained(told):
            if isinstance(event, DevtoolsError):
                raise event
            follower.told(event["node"])
        if follower.is_due():
            follower.prove()


def _drained(told: Told) -> Iterator[dict[str, Any] | DevtoolsError]:
    """Sleep until there is an event; it, and all others that have come by then."""
    yield told.get()
    while not told.empty():
        yield told.get()


def _touches(entry: Registration, step: Step, name: str) -> bool:
    touched = step.touches or entry.touches
    return not touched or name in touched


def _is_on_its_way(node: dict[str, Any]) -> bool:
    """It will soon be another: what is proven now may be proven of the old or of half of the new."""
    if node["phase"] in ON_ITS_WAY and (node["phase"] != "pending" or node["requested_at"]):
        return True
    if node["phase"] == "stopped" and node["reason"].startswith(RESTARTING):
        return True
    return node["phase"] == "running" and (node["kind"] == "task" or not node["ready"])


def _heading(restarted: dict[str, str], choice: Choice, count: int) -> str:
    why = next((f" ({reason})" for reason in restarted.values() if reason), "")
    done = f"{', '.join(restarted)} restarted{why}: "
    if not choice.run:
        return done + "no step touches it"
    return done + f"runs {len(choice.run)} of {count} steps again"


def _line(value: object) -> None:
    console.out(json.dumps(value, ensure_ascii=False, default=str))
