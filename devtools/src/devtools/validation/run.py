"""Runs scenarios step by step and tells what became of each. Must not know what a step does."""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Sequence
from pathlib import Path

from devtools import console
from devtools.manifest import load
from devtools.validation import report, scenarios, target
from devtools.validation.kept import Kept
from devtools.validation.model import Outcome, Scenario, StepFailed
from devtools.validation.scenarios import Registration
from devtools.validation.world import World
from devtools.workspace import Workspace

Watcher = Callable[[Outcome], None]
TASK = "validate"


def run(
    chosen: Sequence[Registration], world: World, watch: Watcher, only: Container[str] | None = None
) -> list[Outcome]:
    """Every step's outcome, in order; `watch` is told of each as soon as it is known. only: see there."""
    outcomes: list[Outcome] = []
    for registration in chosen:
        outcomes += run_scenario(registration.make(world), world, watch, only)
    return outcomes


def run_scenario(
    scenario: Scenario, world: World, watch: Watcher, only: Container[str] | None = None
) -> list[Outcome]:
    """The outcomes of one scenario; after a failed step the rest are not run.

    only: the ids of steps, with those that they need; the others are passed over (None: every step is run).
    """
    outcomes: list[Outcome] = []
    for step in scenario.steps():
        if only is not None and step.id not in only:
            continue
        if any(not outcome.passed for outcome in outcomes):
            outcomes.append(Outcome(step, was_run=False))
            continue
        started = time.monotonic()
        try:
            evidence = step.run()
        except StepFailed as error:
            seconds = time.monotonic() - started
            outcome = Outcome(step, seconds, error=error, log_tail=tuple(world.log_tail(error.service)))
        else:
            outcome = Outcome(step, time.monotonic() - started, evidence)
        outcomes.append(outcome)
        watch(outcome)
    return outcomes


def prove(
    world: World,
    *,
    everything: bool = False,
    as_json: bool = False,
    junit: Path | None = None,
    out: Callable[[str], None] = console.out,
    state: Path | None = None,
) -> bool:
    """Run the scenarios once against `world` and report them; True where every step passed.

    state: the folder in which the verdict is kept, step by step; None: nowhere.
    """
    chosen = scenarios.registered(everything=everything)
    steps = [step for entry in chosen for step in entry.make(world).steps()]
    kept = Kept(state, world.api_url, steps) if state else None
    told = 0

    def tell(outcome: Outcome) -> None:
        nonlocal told
        told += 1
        if kept:
            kept.note(outcome)
        if not as_json:
            out("\n".join(report.lines_of(outcome, told, len(steps))))

    outcomes = run(chosen, world, tell)
    if kept:
        kept.end(outcomes)
    if junit:
        report.write_junit(outcomes, junit)
    if as_json:
        console.out_json(report.as_json(outcomes))
    else:
        out("\n" + "\n".join(report.summary(outcomes)))
    return all(outcome.passed for outcome in outcomes)


def after_up(workspace: Workspace, *, quiet: bool = False) -> int:
    """What `up` ends with, in a workspace that has the task `validate`: 0 where all of it passed.

    quiet: stdout belongs to somebody else, so everything is said on stderr.
    """
    if workspace.file is None:
        return 0
    task = load.of(workspace)[0].tasks.get(TASK)
    if task is None or "devtools validate" not in task.command:
        return 0
    with target.world_of(workspace) as world:
        out = console.say if quiet else console.out
        return 0 if prove(world, out=out, state=workspace.state_dir) else 1
