"""The fault lab against the real programs: a short seeded run by default, a long one behind its marker."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

ROOT = Path(__file__).resolve().parents[3]


def chaos(*arguments: str) -> tuple[int, dict[str, Any]]:
    """Run the command as a user would; returns its status and certificate."""
    done = subprocess.run(
        [sys.executable, "-m", "devtools", "chaos", "--json", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        timeout=900,
        check=False,
    )
    return done.returncode, json.loads(done.stdout)


@pytest.mark.parametrize("scenario", ["direct", "cards", "invoices"])
def test_nothing_acknowledged_is_lost_or_doubled(scenario: str) -> None:
    kinds = "worker.kill,backend.kill,connections.cut"
    status, certificate = chaos("--seed", "1", "--minutes", "0", "--scenario", scenario, "--faults", kinds)
    assert certificate["findings"] == dict.fromkeys(certificate["findings"], 0)
    assert certificate["failures"] == []
    assert status == 0
    assert sorted(fault["kind"] for fault in certificate["faults"]) == sorted(kinds.split(","))
    assert all(fault["proof"] for fault in certificate["faults"])
    told = (count for name, count in certificate["load"].items() if name.endswith("_acknowledged"))
    assert max(told) > 10


def test_a_run_leaves_no_process_behind() -> None:
    lines = [" ".join(p.info["cmdline"] or []) for p in psutil.process_iter(["cmdline"])]
    left = [line for line in lines if "/chaos-" in line]
    assert left == []


def test_an_unknown_fault_is_named() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "devtools", "chaos", "--faults", "earthquake"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "no fault is called earthquake" in done.stderr
    assert "api.kill" in done.stderr


@pytest.mark.long
@pytest.mark.parametrize("scenario", ["direct", "cards", "invoices"])
def test_a_long_storm(scenario: str) -> None:
    status, certificate = chaos("--seed", "2", "--minutes", "10", "--scenario", scenario)
    assert (status, certificate["failures"]) == (0, [])
