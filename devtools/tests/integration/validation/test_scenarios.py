"""The steps against a small system that is broken on purpose, and what each failure says."""

from __future__ import annotations

import functools
import json
from xml.etree import ElementTree

import psycopg
import pytest

from devtools.validation import report, run
from devtools.validation.scenarios import registered
from devtools.validation.scenarios.ledger_integrity import LedgerIntegrityScenario
from devtools.validation.scenarios.payment import PaymentScenario
from devtools.validation.world import World

SUMMARY = """\
✅ ALL VALIDATION CHECKS PASSED

Summary:
  • Payment creation: ✅
  • Database persistence: ✅
  • Job queue: ✅
  • Worker processing: ✅
  • Ledger updates: ✅
  • Balance endpoint: ✅
  • Idempotency: ✅"""

quick = functools.partial(PaymentScenario, worker_deadline_s=0.2)


def outcomes_of(world, scenario=quick):
    return run.run_scenario(scenario(world), world, lambda _: None)


def failure_of(outcomes):
    (failed,) = [outcome for outcome in outcomes if outcome.error]
    return failed


def test_a_sound_system_passes_with_evidence_and_the_exact_closing_words(world):
    outcomes = outcomes_of(world)
    assert all(outcome.passed and outcome.evidence for outcome in outcomes)
    assert "\n".join(report.summary(outcomes)) == SUMMARY
    assert report.as_json(outcomes)["passed"] is True


@pytest.mark.parametrize(
    ("defect", "step", "expected", "seen"),
    [
        ("api-refuses", "payment-creation", "201 from POST /payments", "503"),
        ("not-stored", "database-persistence", "one row in payments", "0 for id"),
        ("wrong-amount", "database-persistence", "amount 250.00", "amount 99.00"),
        ("no-job", "job-queue", "one row in recon_jobs", "0 for payment"),
        ("no-worker", "worker-processing", "completed within 0 s", "status pending"),
        ("job-fails", "worker-processing", "job completed", "job failed"),
        ("not-matched", "worker-processing", "matched True", "matched False"),
        ("no-entry", "ledger-updates", "one entry on ACC-VALIDATE-001", "0 among 0"),
        ("unbalanced", "ledger-updates", "balanced transaction", "debits 249.00, credits 250.00"),
        ("wrong-balance", "balance-endpoint", "after the entry, 250.00", "1.00, which is not"),
        ("pays-twice", "idempotency", "for the same key", "201"),
    ],
)
def test_each_failing_step_says_what_was_expected_and_what_was_seen(
    world, tiny, defect, step, expected, seen
):
    tiny.defect = defect
    outcomes = outcomes_of(world)
    failed = failure_of(outcomes)
    assert failed.step.id == step
    assert expected in failed.error.expected
    assert seen in failed.error.seen
    after = [outcome for outcome in outcomes if not outcome.was_run]
    assert outcomes.index(failed) + 1 + len(after) == len(outcomes) == 7
    text = "\n".join(report.lines_of(failed, 1, 7))
    assert f"expected: {failed.error.expected}" in text


def test_a_failure_shows_the_end_of_the_log_of_the_service_to_blame(world, tiny):
    tiny.defect = "no-worker"
    failed = failure_of(outcomes_of(world))
    assert failed.log_tail[-1] == "line 99"
    assert len(failed.log_tail) == 20
    assert "the log of worker ends with:" in "\n".join(report.lines_of(failed, 4, 7))


def test_other_clients_on_the_same_account_do_no_harm(world, tiny):
    tiny.neighbour_pays = True
    outcomes = outcomes_of(world)
    assert all(outcome.passed for outcome in outcomes)
    assert outcomes[5].evidence["difference"] == "explained by later entries of other clients on this account"


def test_an_api_that_is_not_there_is_one_failed_step(database_url, tiny):
    tiny.close()
    with World(api_url=tiny.url, database_url=database_url) as world:
        failed = failure_of(outcomes_of(world))
    assert failed.step.id == "payment-creation"
    assert "ConnectError" in failed.error.seen


def test_a_database_that_is_not_there_is_one_failed_step(tiny):
    with World(api_url=tiny.url, database_url="postgresql://nobody@127.0.0.1:1/none") as world:
        failed = failure_of(outcomes_of(world))
    assert failed.step.id == "database-persistence"
    assert failed.error.service == "postgres"


def test_the_validation_cannot_write(world):
    from devtools.validation.model import StepFailed

    with pytest.raises(StepFailed, match="read-only transaction"):
        world.select("INSERT INTO recon_jobs (status) VALUES ('x') RETURNING id")


def test_the_ledgers_own_audit_is_a_scenario_of_all(world, tiny):
    assert [entry.id for entry in registered(everything=False)] == ["payment"]
    assert "ledger-integrity" in [entry.id for entry in registered(everything=True)]
    assert all(outcome.passed for outcome in outcomes_of(world, LedgerIntegrityScenario))
    tiny.defect = "not-sound"
    failed = failure_of(outcomes_of(world, LedgerIntegrityScenario))
    assert "trial balance: ['USD']" in failed.error.seen


def test_junit_and_json_carry_the_failure(world, tiny, tmp_path, capsys):
    tiny.defect = "no-worker"
    scenario = registered(everything=False)[0]
    outcomes = run.run_scenario(quick(world), world, lambda _: None)
    report.write_junit(outcomes, tmp_path / "deep" / "report.xml")
    suite = ElementTree.parse(tmp_path / "deep" / "report.xml").getroot()
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("7", "1", "3")
    assert scenario.id == "payment"
    body = json.loads(json.dumps(report.as_json(outcomes), default=str))
    assert body["passed"] is False
    assert [step["passed"] for step in body["steps"]] == [True] * 3 + [False] * 4
    assert set(body["steps"][0]) == {"id", "name", "passed", "seconds", "evidence", "error"}


def test_proving_prints_every_step_and_the_summary(world, capsys):
    assert run.prove(world) is True
    out = capsys.readouterr().out
    assert out.count("✅") == 15
    assert out.endswith(SUMMARY + "\n")


def test_the_database_is_left_as_it_was_found_but_for_the_payment(world, database_url):
    outcomes_of(world)
    with psycopg.connect(database_url) as conn:
        assert conn.execute("SELECT count(*) FROM payments").fetchone() == (1,)
