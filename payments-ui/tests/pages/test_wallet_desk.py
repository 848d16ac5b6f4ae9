"""The wallets' desk on AppTest: how providers are, rules tried on the past, who is listed, statements."""

import json
from datetime import UTC, datetime

import httpx
import pytest
from opening import opened
from payments_schema.wire.wallet_desk import (
    AgeView,
    DryRun,
    ListedView,
    ProviderView,
    PutOnList,
    RulesView,
    StatementFile,
    StatementLineView,
    StatementTaken,
    TakeOffList,
)
from pydantic import BaseModel
from streamlit.testing.v1 import AppTest

from payments_ui.api_client import ApiRefused, HttpApiClient
from payments_ui.calls.wallets import TryRules, take_off_list
from payments_ui.fake_api_client import FakeApiClient
from payments_ui.pages import wallet_rules

NOW = datetime.now(UTC)
V1 = "/api/v1/wallets"
GO = "do_ui-key-1"


def _wallets(api):
    from payments_ui.pages import wallets

    wallets.show(api)


def _rules(api):
    from payments_ui.pages import wallet_rules

    wallet_rules.show(api)


def _statements(api):
    from payments_ui.pages import statements

    statements.show(api)


def _dialog(api):
    from payments_ui.components import deed

    deed.dialog(api.deed, "ui-key-1")


def shown(test: AppTest) -> str:
    elements = [*test.get("html"), *test.markdown, *test.caption, *test.error, *test.warning, *test.success]
    return "\n".join(str(one.proto.body) for one in elements)


def sent(api: FakeApiClient) -> tuple[str, tuple[str, ...], BaseModel | None]:
    (one,) = api.sent
    return one[:3]


@pytest.fixture
def api() -> FakeApiClient:
    """A desk with a listed payer, one version of the rules, and a statement line that is open."""
    fake = FakeApiClient()
    fake.answers[f"GET {V1}/rules"] = RulesView.model_validate(
        {
            "version": 2,
            "risk": {"max_amount": "<1000>"},
            "routing": {"success_ppm": 600_000},
            "history": [
                {"version": 2, "risk": None, "routing": {"success_ppm": 1}, "set_by": "ama", "set_at": NOW}
            ],
        }
    )
    fake.answers[f"GET {V1}/risk-list"] = [
        ListedView(subject="shop/<1>", verdict="block", reason="chargebacks", added_by="ama", added_at=NOW)
    ]
    fake.answers[f"GET {V1}/ageing"] = [
        AgeView(provider="mtn", currency="GHS", side="stated", days="8-30", count=2, sum="12.50")
    ]
    fake.answers[f"GET {V1}/statements"] = [
        StatementLineView(
            id=7,
            provider="mtn",
            provider_id="MP-7",
            reference="r",
            effect="-25.19",
            fee="0.19",
            currency="GHS",
            at=NOW,
            state="open",
        )
    ]
    return fake


def test_a_provider_that_is_down_says_why(api: FakeApiClient) -> None:
    api.answers[f"GET {V1}"] = []
    api.answers[f"GET {V1}/matches"] = []
    down = {"provider": "mtn", "health": "down", "reasons": ["breaker open"], "breaker": "open"}
    figures = {"successes": 3, "failures": 9, "latency_ms": 90, "window_s": 60, "open_attempts": 1}
    unknown = {"balance": None, "balance_checked_at": None, "balance_error": None, "success_rate": "0.25"}
    rest = {"breaker_noted_at": NOW, "currency": "GHS", "unknown_attempts": 0}
    api.answers[f"GET {V1}/providers"] = [ProviderView.model_validate(down | figures | unknown | rest)]
    told = shown(opened(_wallets, api))
    assert "breaker open" in told
    assert "3 of 12" in told
    assert "not known" in told


class TestRules:
    def test_what_is_in_force_is_written_out_and_nothing_of_it_is_markup(self, api: FakeApiClient) -> None:
        told = shown(opened(_rules, api))
        assert "version 2" in told
        assert "600,000" in told
        assert "&lt;1000&gt;" in told
        assert "shop/&lt;1&gt;" in told

    def test_other_rules_are_tried_and_nothing_is_put_in_force(self, api: FakeApiClient) -> None:
        api.answers[f"POST {V1}/rules/dry-run"] = DryRun(
            days=7,
            judged=1200,
            outcomes={"blocked": 3},
            reasons={},
            changed=2,
            examples=[{"id": "a"}],
            is_partial=True,
        )
        test = opened(_rules, api)
        test.text_area(key="dry_run_risk").input(json.dumps({"max_amount": "5"}))
        test.button[0].click().run()
        assert sent(api) == (f"{V1}/rules/dry-run", (), TryRules(risk={"max_amount": "5"}, days=7))
        told = shown(test)
        assert "1,200" in told
        assert "only the newest" in told
        assert "blocked" in told

    @pytest.mark.parametrize("written", ["{", "[]", "7", ""])
    def test_what_is_no_object_is_not_sent(self, api: FakeApiClient, written: str) -> None:
        test = opened(_rules, api)
        test.text_area(key="dry_run_risk").input(written)
        test.button[0].click().run()
        assert "not a JSON object" in shown(test)
        assert api.sent == []

    def test_who_may_not_see_the_lists_sees_the_rules(self, api: FakeApiClient) -> None:
        del api.answers[f"GET {V1}/risk-list"]
        told = shown(opened(_rules, api))
        assert "version 2" in told

    def test_a_payer_is_put_on_the_list_with_a_reason(self, api: FakeApiClient) -> None:
        api.answers[f"POST {V1}/risk-list"] = object()
        api.deed = wallet_rules.listing(api, "Put on list", "payer", "shop/9", "review")
        test = opened(_dialog, api)
        test.text_area(key="reason_ui-key-1").input("looks odd").run()
        test.button(key=GO).click().run()
        asked = PutOnList(payer="shop/9", verdict="review", reason="looks odd")
        assert sent(api) == (f"{V1}/risk-list", (), asked)

    def test_a_number_that_is_none_cannot_be_listed(self, api: FakeApiClient) -> None:
        test = opened(_rules, api)
        test.selectbox(key="listed_kind").select("phone")
        test.text_input(key="listed_who").input("12").run()
        assert test.button(key="open_enlist").disabled
        assert test.button(key="open_delist").disabled
        test.text_input(key="listed_who").input("024 312 3499").run()
        assert not test.button(key="open_enlist").disabled

    def test_an_answer_without_a_body_is_no_fault(self) -> None:
        client = HttpApiClient(
            "http://api", transport=httpx.MockTransport(lambda _request: httpx.Response(204))
        )
        take_off_list(client, TakeOffList(payer="shop/9", reason="settled"))


class TestStatements:
    def test_what_is_open_is_shown_by_age_and_line(self, api: FakeApiClient) -> None:
        told = shown(opened(_statements, api))
        assert "8-30" in told
        assert "MP-7" in told
        assert "25.19" in told

    def test_pasted_lines_are_sent_as_amounts(self, api: FakeApiClient) -> None:
        api.answers[f"POST {V1}/statements/{{}}"] = StatementTaken(
            upload_id=1, provider="mtn", lines=1, fresh=1, repeated=0, matched=0, proposed=1
        )
        test = opened(_statements, api)
        test.text_area(key="statement_lines").input(
            "provider_id,amount,fee,at\nMP-1,-25.00,,2026-11-20T10:00:00Z"
        )
        test.button[0].click().run()
        line = {"provider_id": "MP-1", "amount": "-25.00", "at": "2026-11-20T10:00:00Z"}
        path, segments, body = sent(api)
        assert (path, segments) == (
            f"{V1}/statements/{{}}",
            (test.selectbox(key="statement_provider").value,),
        )
        assert body == StatementFile.model_validate({"lines": [line]})
        assert "1 proposed" in shown(test)

    @pytest.mark.parametrize(
        ("pasted", "told"),
        [
            ("", "A first line with the names"),
            ("provider_id,amount,at", "A first line with the names"),
            ("provider_id,amount,at\nMP-1,lots,2026-11-20T10:00:00Z", "Line 1, amount"),
            ("provider_id,amount,at\nMP-1,1.00,2026-11-20T10:00:00Z\nMP-2,1.00,yesterday", "Line 2, at"),
            ('provider_id,amount,at\n"MP-1', "A first line with the names"),
        ],
    )
    def test_what_is_wrong_names_its_line_and_is_not_sent(
        self, api: FakeApiClient, pasted: str, told: str
    ) -> None:
        test = opened(_statements, api)
        test.text_area(key="statement_lines").input(pasted)
        test.button[0].click().run()
        assert told in shown(test)
        assert "lots" not in shown(test)
        assert api.sent == []

    def test_a_refusal_of_the_api_names_its_fields(self, api: FakeApiClient) -> None:
        api.refusing[f"{V1}/statements/{{}}"] = ApiRefused(
            "The request is malformed.",
            code="malformed_request",
            status=422,
            reasons={"lines.0.fee": "too large"},
        )
        test = opened(_statements, api)
        test.text_area(key="statement_lines").input("provider_id,amount,at\nMP-1,-25.00,2026-11-20T10:00:00Z")
        test.button[0].click().run()
        assert "lines.0.fee (too large)" in shown(test)
