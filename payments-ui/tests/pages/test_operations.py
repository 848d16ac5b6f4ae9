"""The pages of operations on AppTest: what they show of wire models, and what they send."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from opening import opened
from payments_schema.wire.books import (
    AccountPage,
    AccountView,
    AdjustmentAction,
    ChartLineView,
    DifferencePage,
    DifferenceView,
    PeriodView,
    Statement,
    StatementLineView,
    TrialBalance,
    TrialLineView,
)
from payments_schema.wire.health import ComponentHealth, DetailedHealth
from payments_schema.wire.jobs import Job, JobPage, JobStatus
from payments_schema.wire.ledger import Direction, Integrity, IntegrityCheck
from payments_schema.wire.operations import (
    CurrencyFigures,
    MinuteFigure,
    Overview,
    QueueFigures,
    Queues,
    ScheduleFigures,
    WorkerFigures,
)
from streamlit.testing.v1 import AppTest

from payments_ui.api_client import ApiFailed
from payments_ui.fake_api_client import FakeApiClient
from payments_ui.pages import jobs
from payments_ui.pages.differences import Wish

NOW = datetime.now(UTC)
V1 = "GET /api/v1"
JOB = UUID("01930000-0000-7000-8000-000000000001")
QUEUES = Queues(
    queues=[QueueFigures(name="reconciliation", ready=3, scheduled=1, running=2, dead=1, oldest_s=4)],
    workers=[WorkerFigures(name="w-1", seen_at=NOW, alive=True)],
    schedules=[ScheduleFigures(name="expire", last_slot=NOW, claimed_by="w-1", claimed_at=NOW)],
)


def _overview(api):
    from payments_ui.pages import overview

    overview.show(api, refresh_s=2)


def _jobs(api):
    from payments_ui.pages import jobs

    jobs.show(api, refresh_s=2)


def _differences(api):
    from payments_ui.pages import differences

    differences.show(api, refresh_s=2)


def _job_dialog(api):
    # AppTest runs whole scripts only, and a dialog is closed by the next one: its inside is run by itself.
    from payments_ui.components import deed

    deed.dialog(api.deed, "ui-key-1")


def _difference_dialog(api):
    from payments_ui.pages import differences

    differences.dialog(api, "Write off", api.wishes)


def _ledger(api):
    from payments_ui.pages import ledger

    ledger.show(api)


def shown(test: AppTest) -> str:
    elements = [*test.get("html"), *test.markdown, *test.caption, *test.error, *test.warning, *test.code]
    return "\n".join(str(getattr(one.proto, "body", getattr(one.proto, "code_text", ""))) for one in elements)


class TestOverview:
    def api(self, *checks: IntegrityCheck) -> FakeApiClient:
        api = FakeApiClient()
        figures = CurrencyFigures(
            currency="JPY", count=7, volume="7000", completed=5, failed=1, pending=1, discrepancies=2
        )
        minute = MinuteFigure(at=NOW, count=7)
        api.answers[f"{V1}/operations/overview"] = Overview(
            since=NOW,
            truncated=False,
            currencies=[figures],
            minutes=[minute],
            latency_p50_ms=12,
            latency_p95_ms=1034,
        )
        api.answers[f"{V1}/operations/queues"] = QUEUES
        parts = {"database": ComponentHealth(status="unavailable", detail="no answer")}
        api.answers[f"{V1}/health/detailed"] = DetailedHealth(
            status="degraded", version="1", components=parts
        )
        api.answers[f"{V1}/ledger/integrity"] = Integrity(
            ok=all(check.ok for check in checks), checks=list(checks)
        )
        return api

    def test_figures_lead_to_the_payments_behind_them(self) -> None:
        test = opened(_overview, self.api())
        page = shown(test)
        assert "payments?status=failed&amp;currency=JPY" in page
        assert "jobs?queue=reconciliation&amp;status=dead" in page
        assert [metric.value for metric in test.metric] == ["7", "83.3 %", "33.3 %", "1,034 ms"]
        assert "no answer" in page
        assert "The books add up" in page

    def test_the_light_names_what_is_wrong(self) -> None:
        wrong = IntegrityCheck(name="trial_balance", ok=False, offenders=[{"currency": "USD"}])
        assert "trial balance: 1 found" in shown(opened(_overview, self.api(wrong)))

    def test_an_api_that_fails_is_told_calmly(self) -> None:
        api = FakeApiClient()
        api.failing = ApiFailed("The payments API failed.", status=500)
        assert "The payments API failed." in shown(opened(_overview, api))


def a_job(status: JobStatus) -> Job:
    return Job(
        id=JOB,
        queue="reconciliation",
        actor="reconcile",
        args=[[1]],
        status=status,
        priority=0,
        due_at=NOW,
        updated_at=NOW,
        claims=1,
        crashes=5,
        retries=0,
        error="Traceback (most recent call last)\n<b>ValueError</b>: no",
        history=[],
    )


class TestJobs:
    def api(self, *jobs: Job) -> FakeApiClient:
        api = FakeApiClient()
        api.answers[f"{V1}/operations/queues"] = QUEUES
        api.answers[f"{V1}/jobs"] = JobPage(data=list(jobs), has_more=True, next_cursor="job_1")
        return api

    def test_a_dead_letter_is_retried_by_its_id(self) -> None:
        api = self.api(a_job(JobStatus.DEAD))
        api.answers["POST /api/v1/jobs/{}/retry"] = a_job(JobStatus.QUEUED)
        api.deed = jobs.handling(api, "Retry", a_job(JobStatus.DEAD))
        test = opened(_job_dialog, api)
        assert "&lt;b&gt;ValueError" in shown(test)
        test.button(key="do_ui-key-1").click().run()
        assert 'href="jobs?status=queued"' in shown(test)
        assert [(path, segments) for path, segments, *_ in api.sent] == [
            ("/api/v1/jobs/{}/retry", (str(JOB),))
        ]

    def test_discarding_says_what_it_means_first(self) -> None:
        api = self.api(a_job(JobStatus.DEAD))
        test = opened(_jobs, api)
        test.button(key="open_job_Discard").click().run()
        assert "will not be done" in shown(test)
        assert api.sent == []

    def test_only_the_last_line_of_an_error_is_in_the_list_and_escaped(self) -> None:
        page = shown(opened(_jobs, self.api(a_job(JobStatus.DONE))))
        assert "&lt;b&gt;ValueError" in page
        assert "most recent" not in page
        assert "jobs?cursor=job_1" in page

    def test_nothing_dead_has_nothing_to_press(self) -> None:
        assert not opened(_jobs, self.api(a_job(JobStatus.RUNNING))).button


class TestDifferences:
    PAYMENT = "01930000-0000-7000-8000-00000000000a"

    def api(self) -> FakeApiClient:
        api = FakeApiClient()
        line = DifferenceView(
            payment_id=self.PAYMENT, amount="0.13", currency="USD", since=NOW - timedelta(days=9)
        )
        api.answers[f"{V1}/ledger/differences"] = DifferencePage(
            data=[line], has_more=False, next_cursor=None
        )
        return api

    def test_the_age_is_in_words(self) -> None:
        page = shown(opened(_differences, self.api()))
        assert "this month" in page
        assert "0.13" in page

    def test_a_reason_is_asked_for_before_anything_is_sent(self) -> None:
        api = self.api()
        [line] = api.answers[f"{V1}/ledger/differences"].data
        api.wishes = [Wish(line, "ui-key-1")]
        test = opened(_difference_dialog, api)
        test.button(key="do_Write off").click().run()
        assert "Say why" in shown(test)
        assert api.sent == []
        api.answers["POST /api/v1/ledger/differences/{}/adjust"] = object()
        test.text_area(key="reason_Write off").input("too small to follow").run()
        test.button(key="do_Write off").click().run()
        (path, segments, body, key, _) = api.sent[0]
        assert (path, segments) == ("/api/v1/ledger/differences/{}/adjust", (self.PAYMENT,))
        assert body is not None
        assert body.model_dump()["action"] is AdjustmentAction.WRITE_OFF
        assert key == "ui-key-1"


class TestLedger:
    ACCOUNT = AccountView(
        id="acc_1",
        kind="customer",
        code="ACC-1",
        currency="USD",
        type="liability",
        normal_side=Direction.CREDIT,
        posted="1250.00",
        available="1250.00",
        pending="0.00",
        version=1,
        created_at=NOW,
    )

    def api(self) -> FakeApiClient:
        api = FakeApiClient()
        line = TrialLineView(account="cash", currency="USD", type="asset", debits="1250.00", credits="0.00")
        entry = StatementLineView(
            version=1,
            transaction_id="txn_1",
            reference="pay_1",
            kind="payment",
            direction=Direction.CREDIT,
            amount="1250.00",
            currency="USD",
            balance_after="1250.00",
            is_pending=False,
            effective_at=NOW,
            recorded_at=NOW,
        )
        chart = ChartLineView(code="cash", type="asset", normal_side=Direction.DEBIT, purpose="Our bank")
        period = PeriodView(closed_until=NOW, closed_by="Ama", reason="month over", closed_at=NOW)
        api.answers = {
            f"{V1}/ledger/trial-balance": TrialBalance(balanced=False, data=[line]),
            f"{V1}/ledger/accounts": AccountPage(data=[self.ACCOUNT], has_more=False, next_cursor=None),
            f"{V1}/ledger/accounts/{{}}/statement": Statement(
                account=self.ACCOUNT, data=[entry], has_more=True, next_cursor="1"
            ),
            f"{V1}/ledger/chart": [chart],
            f"{V1}/ledger/periods": [period],
        }
        return api

    @pytest.mark.parametrize(
        ("address", "said"),
        [
            ({}, "Debits and credits differ"),
            ({"view": "accounts"}, "ledger?account=acc_1"),
            ({"view": "chart"}, "Our bank"),
            ({"view": "periods"}, "month over"),
            ({"account": "acc_1"}, "payment?id=pay_1"),
            ({"view": "<b>"}, "cash"),
        ],
    )
    def test_every_view_has_an_address(self, address: dict[str, str], said: str) -> None:
        page = shown(opened(_ledger, self.api(), **address))
        assert said in page
        assert "<b>" not in page
