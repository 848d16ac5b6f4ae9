"""The verdict that is kept: whole after every step, private, and never in the way of the validation."""

from __future__ import annotations

import json
import time

from devtools.supervisor import insight
from devtools.supervisor.records import VERDICT
from devtools.validation import run
from devtools.validation.kept import Kept
from devtools.validation.model import Outcome, Step


def phases(told) -> list[str]:
    return [step["phase"] for step in told["steps"]]


def kept(folder):
    return insight.verdict(folder)["verdict"]


def test_steps_are_kept_as_they_come(world, tmp_path):
    seen = []
    assert run.prove(world, state=tmp_path, out=lambda _: seen.append(kept(tmp_path)))
    assert phases(seen[0]) == ["passed", "running", *["pending"] * 5]
    assert phases(seen[3]) == [*["passed"] * 4, "running", "pending", "pending"]
    assert {(told["ended_at"], told["passed"], told["at_work"]) for told in seen[:6]} == {(None, None, True)}
    over = kept(tmp_path)
    assert phases(over) == ["passed"] * 7
    assert (over["passed"], over["at_work"], over["target"]) == (True, False, world.api_url)
    assert all(step["evidence"] for step in over["steps"])
    assert over["started_at"] <= over["ended_at"] <= time.time()
    assert "process" not in over
    assert (tmp_path / VERDICT).stat().st_mode & 0o777 == 0o600


def test_a_failure_is_kept_with_the_log_of_the_service_to_blame(world, tiny, tmp_path):
    tiny.defect = "wrong-amount"
    (tmp_path / "api.log").write_text("went wrong\n")
    assert not run.prove(world, state=tmp_path, out=lambda _: None)
    told = kept(tmp_path)
    assert phases(told) == ["passed", "failed", *["skipped"] * 5]
    assert told["passed"] is False
    assert "amount 250.00" in told["steps"][1]["error"]
    assert told["steps"][2]["error"] == "not run: an earlier step failed"


def test_a_disk_that_refuses_costs_the_record_only(world, tmp_path):
    assert run.prove(world, state=tmp_path / "nowhere", out=lambda _: None)
    assert kept(tmp_path / "nowhere") is None


STEPS = [Step(name, name, dict) for name in "abc"]


def test_the_one_that_began_later_has_the_file(tmp_path):
    first, later = Kept(tmp_path, "first", STEPS), Kept(tmp_path, "later", STEPS)
    later.note(Outcome(STEPS[0]))
    first.note(Outcome(STEPS[0]))
    first.end([Outcome(step) for step in STEPS])
    assert (kept(tmp_path)["target"], phases(kept(tmp_path))) == ("later", ["passed", "running", "pending"])


def test_a_record_from_the_future_gives_way(tmp_path):
    Kept(tmp_path, "first", STEPS)
    told = json.loads((tmp_path / VERDICT).read_text())
    (tmp_path / VERDICT).write_text(json.dumps({**told, "started_at": time.time() + 86_400}))
    Kept(tmp_path, "now", STEPS)
    assert kept(tmp_path)["target"] == "now"


def test_steps_that_nobody_told_of_were_not_run_and_one_after_a_failure_is_not_begun(tmp_path):
    record = Kept(tmp_path, "here", STEPS)
    record.note(Outcome(STEPS[1]))
    assert phases(kept(tmp_path)) == ["skipped", "passed", "running"]
    record = Kept(tmp_path, "here", STEPS)
    record.note(Outcome(STEPS[0], was_run=False))
    assert phases(kept(tmp_path)) == ["skipped", "pending", "pending"]


def test_a_validation_whose_process_is_gone_is_not_at_work(tmp_path):
    Kept(tmp_path, "here", STEPS)
    told = json.loads((tmp_path / VERDICT).read_text())
    told["process"]["started"] += 1  # the same pid, another process
    (tmp_path / VERDICT).write_text(json.dumps(told))
    assert (kept(tmp_path)["at_work"], kept(tmp_path)["ended_at"]) == (False, None)
    (tmp_path / VERDICT).write_text("{broken")
    assert kept(tmp_path) is None
