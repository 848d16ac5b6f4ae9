"""The page of approvals on AppTest, and how a refusal turns into a request."""

from datetime import UTC, datetime

from opening import opened
from payments_schema.wire.approvals import (
    ApprovalKind,
    ApprovalPage,
    ApprovalState,
    ApprovalView,
    AskApproval,
    DecideApproval,
)
from payments_schema.wire.books import DifferenceView
from payments_schema.wire.cards import Preview
from streamlit.testing.v1 import AppTest

from payments_ui.api_client import ApiRefused
from payments_ui.components.deed import Deed
from payments_ui.fake_api_client import FakeApiClient, a_payment
from payments_ui.pages import approvals
from payments_ui.pages.differences import Wish

V1 = "GET /api/v1"
GO = "do_ui-key-1"


def _approvals(api):
    from payments_ui.pages import approvals

    approvals.show(api, refresh_s=2)


def _dialog(api):
    from payments_ui.components import deed

    deed.dialog(api.deed, "ui-key-1")


def _write_off(api):
    from payments_ui.pages import differences

    differences.dialog(api, "Write off", api.wishes)


def asking(api: FakeApiClient, one: Deed) -> AppTest:
    api.deed = one
    return opened(_dialog, api)


def shown(test: AppTest) -> str:
    elements = [*test.get("html"), *test.markdown, *test.caption, *test.error, *test.warning]
    return "\n".join(str(getattr(one.proto, "body", "")) for one in elements)


def an_approval(state: ApprovalState = ApprovalState.WAITING) -> ApprovalView:
    return ApprovalView(
        id=7,
        kind=ApprovalKind.CARD_REFUND,
        subject="pay_1",
        amount="2500.00",
        currency="USD",
        reason="<b>goods</b> came back",
        state=state,
        asked_by="Ama",
        asked_at=datetime.now(UTC),
        decided_by=None,
        decided_at=None,
        decision_reason=None,
        outcome=None,
    )


def an_api(*found: ApprovalView) -> FakeApiClient:
    api = FakeApiClient()
    api.answers[f"{V1}/approvals"] = ApprovalPage(data=list(found), has_more=True, next_cursor="7")
    api.answers[f"{V1}/approvals/{{}}"] = an_approval()
    api.answers["POST /api/v1/approvals/{}/decide"] = an_approval(ApprovalState.DONE)
    api.answers["POST /api/v1/payments/{}/{}?preview"] = Preview(entries=[])
    return api


def test_what_waits_has_its_deeds_and_addresses() -> None:
    test = opened(_approvals, an_api(an_approval()), state="waiting")
    page = shown(test)
    assert "&lt;b&gt;goods" in page
    assert "approvals?state=waiting&amp;cursor=7" in page
    assert [button.label for button in test.button] == ["Approve", "Reject", "Withdraw"]


def test_what_was_decided_has_none() -> None:
    assert not opened(_approvals, an_api(an_approval(ApprovalState.DONE))).button


def test_agreeing_says_why_and_sends_the_number() -> None:
    api = an_api()
    test = asking(api, approvals.deeds(api, 7)["approve"])
    assert test.button(key=GO).disabled  # so much is typed a second time, whoever asked for it
    test.text_input(key="typed_ui-key-1").input("2500.00").run()
    test.text_area(key="reason_ui-key-1").input("seen the goods").run()
    test.button(key=GO).click().run()
    [(path, segments, body, key, _)] = [one for one in api.sent if not one[0].startswith("/api/v1/payments")]
    assert (path, segments, key) == ("/api/v1/approvals/{}/decide", ("7",), "ui-key-1")
    assert body == DecideApproval(decision="approve", reason="seen the goods")


def test_a_write_off_that_needs_a_second_person_asks_for_one() -> None:
    payment = a_payment(amount="4000.13")
    api = FakeApiClient([payment])
    api.answers[f"{V1}/ledger/differences/{{}}/adjustments"] = []
    api.answers["POST /api/v1/approvals"] = an_approval()
    api.refusing = {
        "/api/v1/ledger/differences/{}/adjust": ApiRefused("Alone", code="approval_required", status=403)
    }
    now = datetime.now(UTC)
    line = DifferenceView(payment_id=str(payment.id), amount="0.13", currency="USD", since=now)
    api.wishes = [Wish(line, "ui-key-1")]
    test = opened(_write_off, api)
    test.text_area(key="reason_Write off").input("never found").run()
    test.button(key="do_Write off").click().run()
    _, _, body, key, _ = api.sent[-1]
    assert key == "ui-key-1-ask"
    assert body == AskApproval(
        kind=ApprovalKind.WRITE_OFF, subject=str(payment.id), amount=None, reason="never found"
    )
    assert '<dt>Waits for a second person</dt><dd><a href="approvals?state=waiting">request 7' in shown(test)
