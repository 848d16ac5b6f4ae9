"""What a validation says: lines for people, one JSON object for programs, JUnit for CI. Runs no step."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree  # written, never parsed
from collections.abc import Sequence
from pathlib import Path

from devtools.validation.model import Outcome

PASSED = "✅"
FAILED = "❌"


def lines_of(outcome: Outcome, number: int, count: int) -> list[str]:
    """One step with its time, and its evidence or what went wrong."""
    mark = PASSED if outcome.passed else FAILED
    lines = [f"[{number}/{count}] {outcome.step.name} {mark} {outcome.seconds:.3f} s"]
    lines += [f"      {name}: {value}" for name, value in outcome.evidence.items()]
    if outcome.error:
        lines += [f"      expected: {outcome.error.expected}", f"      saw: {outcome.error.seen}"]
        if outcome.log_tail:
            lines.append(f"      the log of {outcome.error.service} ends with:")
            lines += [f"        {line}" for line in outcome.log_tail]
        else:
            lines.append(f"      hint: devtools logs {outcome.error.service}")
    return lines


def summary(outcomes: Sequence[Outcome]) -> list[str]:
    """The closing lines."""
    failed = [outcome for outcome in outcomes if not outcome.passed and outcome.was_run]
    head = f"{PASSED} ALL VALIDATION CHECKS PASSED"
    if failed:
        head = f"{FAILED} VALIDATION FAILED: " + ", ".join(outcome.step.name for outcome in failed)
    return [head, "", "Summary:", *(f"  • {outcome.step.name}: {_mark(outcome)}" for outcome in outcomes)]


def _mark(outcome: Outcome) -> str:
    if not outcome.was_run:
        return "not run"
    return PASSED if outcome.passed else FAILED


def as_json(outcomes: Sequence[Outcome]) -> dict[str, object]:
    """The contract's shape; `evidence` is empty and `error` a sentence where a step failed."""
    return {
        "passed": all(outcome.passed for outcome in outcomes),
        "steps": [_contract(outcome) for outcome in outcomes],
    }


def _contract(outcome: Outcome) -> dict[str, object]:
    shape = step_json(outcome)
    del shape["log_tail"]
    return shape


def step_json(outcome: Outcome) -> dict[str, object]:
    """One step in the contract's shape, with the end of the log of the service to blame."""
    return {
        "id": outcome.step.id,
        "name": outcome.step.name,
        "passed": outcome.passed,
        "seconds": round(outcome.seconds, 4),
        "evidence": dict(outcome.evidence),
        "error": _error(outcome),
        "log_tail": list(outcome.log_tail),
    }


def _error(outcome: Outcome) -> str | None:
    if not outcome.was_run:
        return "not run: an earlier step failed"
    return str(outcome.error) if outcome.error else None


def write_junit(outcomes: Sequence[Outcome], file: Path) -> None:
    """The same as a JUnit report, a test case per step."""
    suite = ElementTree.Element(
        "testsuite",
        name="devtools validate",
        tests=str(len(outcomes)),
        failures=str(sum(outcome.error is not None for outcome in outcomes)),
        skipped=str(sum(not outcome.was_run for outcome in outcomes)),
        time=f"{sum(outcome.seconds for outcome in outcomes):.3f}",
    )
    for outcome in outcomes:
        case = ElementTree.SubElement(
            suite, "testcase", classname="validate", name=outcome.step.id, time=f"{outcome.seconds:.3f}"
        )
        if outcome.error:
            failure = ElementTree.SubElement(case, "failure", message=str(outcome.error))
            failure.text = "\n".join(outcome.log_tail)
        elif not outcome.was_run:
            ElementTree.SubElement(case, "skipped", message="an earlier step failed")
        else:
            evidence = "\n".join(f"{name}: {value}" for name, value in outcome.evidence.items())
            ElementTree.SubElement(case, "system-out").text = evidence
    file.parent.mkdir(parents=True, exist_ok=True)
    ElementTree.ElementTree(suite).write(file, encoding="utf-8", xml_declaration=True)
