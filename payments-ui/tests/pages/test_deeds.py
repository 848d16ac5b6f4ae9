"""Deeds on invoices, credit, events and proposals on AppTest: what is asked first, and what is sent."""

from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

from opening import opened
from payments_schema.wire.approvals import ApprovalKind, AskApproval
from payments_schema.wire.books import AdjustDifference, DifferenceView
from payments_schema.wire.cards import Preview
from payments_schema.wire.events import Event, EventPage
from payments_schema.wire.invoices import (
    Ageing,
    CreditNote,
    CustomerCredit,
    EventStatus,
    InvoiceDetail,
    InvoiceStatus,
    PaymentEventPage,
    PaymentEventView,
    RefundCredit,
    RepairEvent,
)
from payments_schema.wire.payments import PaymentRow
from payments_schema.wire.statements import MatchView
from payments_schema.wire.wallets import DecideReview, WalletDetail, WalletStatus, WalletView
from payments_schema.wire.webhooks import Attempt, Delivery, DeliveryPage, DeliveryStatus, Subscription
from streamlit.testing.v1 import AppTest

from payments_ui.api_client import ApiRefused
from payments_ui.components.deed import Deed
from payments_ui.fake_api_client import FakeApiClient, a_payment
from payments_ui.pages import events, invoices, wallets
from payments_ui.pages.differences import Wish

NOW = datetime.now(UTC)
V1 = "GET /api/v1"
INVOICE = UUID("01930000-0000-7000-8000-0000000000aa")
EVENT = UUID("01930000-0000-7000-8000-0000000000bb")
GO = "do_ui-key-1"


def _invoices(api):
    from payments_ui.pages import invoices

    invoices.show(api)


def _events(api):
    from payments_ui.pages import events

    events.show(api)


def _wallets(api):
    from payments_ui.pages import wallets

    wallets.show(api)


def _dialog(api):
    from payments_ui.components import deed

    deed.dialog(api.deed, "ui-key-1")


def _difference_dialog(api):
    from payments_ui.pages import differences

    differences.dialog(api, "Resolve", api.wishes)


def shown(test: AppTest) -> str:
    elements = [*test.get("html"), *test.markdown, *test.caption, *test.error, *test.warning, *test.code]
    return "\n".join(str(getattr(one.proto, "body", getattr(one.proto, "code_text", ""))) for one in elements)


def done(api: FakeApiClient) -> list[tuple[object, ...]]:
    """What was sent, without previews."""
    return [one[:4] for one in api.sent if "preview" not in one[4]]


def asking(api: FakeApiClient, one: Deed) -> AppTest:
    """A dialog by itself: AppTest runs whole pages, on which an opened dialog is gone again."""
    api.deed = one
    return opened(_dialog, api)


class TestInvoice:
    def api(self, **changed: object) -> FakeApiClient:
        api = FakeApiClient()
        api.answers[f"{V1}/invoices/{{}}"] = InvoiceDetail.model_validate(
            {
                "id": INVOICE,
                "currency": "USD",
                "total_cents": 500_000,
                "paid_cents": 100_000,
                "credited_cents": 0,
                "open_cents": 400_000,
                "credit_cents": 0,
                "status": InvoiceStatus.PARTIALLY_PAID,
                "due_at": None,
                "ageing": Ageing.CURRENT,
                "customer": "Harbour <Light>",
                "description": None,
                "lines": [],
                "created_at": NOW,
                "updated_at": NOW,
                "events": [],
                "entries": [],
                "allowed_actions": ["credit_note", "allocate_credit"],
                **changed,
            }
        )
        held = CustomerCredit(customer="Harbour <Light>", currency="USD", credit_cents=2_500)
        api.answers[f"{V1}/customer-credit"] = [held]
        entry = {"account": "invoice_revenue", "direction": "debit", "amount": 100, "currency": "USD"}
        preview = Preview.model_validate({"entries": [entry]})
        api.answers["POST /api/v1/invoices/{}/{}?preview"] = preview
        api.answers["POST /api/v1/customer-credit/refund?preview"] = preview
        return api

    def test_only_what_is_allowed_has_a_button(self) -> None:
        test = opened(_invoices, self.api(), id=str(INVOICE))
        assert [one.label for one in test.button] == ["Credit note", "Pay with credit", "Refund credit"]
        assert "print/invoice?id=" in shown(test)
        assert "&lt;Light&gt;" in shown(test)
        api = self.api(allowed_actions=[], customer=None)
        api.answers[f"{V1}/customer-credit"] = []
        assert not opened(_invoices, api, id=str(INVOICE)).button

    def test_credit_is_given_back_in_each_currency_and_without_a_customer(self) -> None:
        api = self.api(allowed_actions=[], customer=None)
        whose = f"invoice:{INVOICE}"
        held = [CustomerCredit(customer=whose, currency=one, credit_cents=1) for one in ("EUR", "USD")]
        api.answers[f"{V1}/customer-credit"] = held
        test = opened(_invoices, api, id=str(INVOICE))
        assert [one.label for one in test.button] == ["Refund credit in EUR", "Refund credit"]
        found = invoices.deeds(api, api.answers[f"{V1}/invoices/{{}}"], held)
        api.answers["POST /api/v1/customer-credit/refund"] = object()
        asking(api, found["refund_credit_EUR"]).button(key=GO).click().run()
        assert done(api)[0][2] == RefundCredit(customer=whose, currency="EUR", amount_cents=1)

    def asking(self, api: FakeApiClient, name: str) -> AppTest:
        invoice, held = api.answers[f"{V1}/invoices/{{}}"], api.answers[f"{V1}/customer-credit"]
        return asking(api, invoices.deeds(api, invoice, held)[name])

    def test_a_large_credit_note_is_typed_twice_and_carries_its_reason(self) -> None:
        api = self.api()
        api.answers["POST /api/v1/invoices/{}/credit-notes"] = object()
        test = self.asking(api, "credit_note")
        assert "What will be posted" in shown(test)
        assert test.button(key=GO).disabled
        test.text_input(key="typed_ui-key-1").input("4000.00").run()
        test.button(key=GO).click().run()
        assert "Say why" in shown(test)
        assert done(api) == []
        test.text_area(key="reason_ui-key-1").input("goods came back").run()
        test.button(key=GO).click().run()
        [(path, segments, body, key)] = done(api)
        assert (path, segments) == ("/api/v1/invoices/{}/credit-notes", (str(INVOICE),))
        assert body == CreditNote(amount_cents=400_000, reason="goods came back")
        assert key == "ui-key-1"
        for _ in range(2):  # it stays until it is closed, and nothing is left to be pressed
            assert "Done" in shown(test)
            assert f'href="invoices?id={INVOICE}"' in shown(test)
            assert not test.button
            test.run()

    def test_what_is_moved_whole_is_typed_as_well(self) -> None:
        api = self.api(allowed_actions=["void"], open_cents=100_000)
        test = self.asking(api, "void")
        assert test.button(key=GO).disabled
        test.text_input(key="typed_ui-key-1").input("1,000.00").run()
        assert not test.button(key=GO).disabled

    def test_what_a_preview_refuses_cannot_be_sent(self) -> None:
        api = self.api()
        api.refusing = {
            "/api/v1/invoices/{}/{}": ApiRefused("It is paid", code="invalid_state_transition", status=409)
        }
        test = self.asking(api, "allocate")
        assert "It is paid" in shown(test)
        assert test.button(key=GO).disabled

    def test_more_than_there_is_cannot_be_asked_for(self) -> None:
        test = self.asking(self.api(), "allocate")
        test.text_input(key="amount_ui-key-1").input("25.01").run()
        assert test.button(key=GO).disabled
        assert "Between nothing and 25.00" in shown(test)

    def test_credit_above_the_limit_is_asked_for_with_a_reason(self) -> None:
        api = self.api()
        api.answers["POST /api/v1/approvals"] = object()
        alone = ApiRefused("Alone", code="approval_required", status=403)
        api.refusing = {"POST /api/v1/customer-credit/refund": alone}
        test = self.asking(api, "refund_credit")
        test.text_input(key="amount_ui-key-1").input("20.00").run()
        test.button(key=GO).click().run()
        assert test.button(key="ask_ui-key-1").disabled
        test.text_area(key="why_ui-key-1").input("they moved away").run()
        assert [button.label for button in test.button] == ["Ask a second person"]
        test.button(key="ask_ui-key-1").click().run()
        assert "Asked" in shown(test)
        assert 'href="approvals?state=waiting"' in shown(test)
        path, _, body, key, _ = api.sent[-1]
        assert (path, key) == ("/api/v1/approvals", "ui-key-1-ask")
        assert body == AskApproval(
            kind=ApprovalKind.CREDIT_REFUND,
            subject="USD:Harbour <Light>",
            amount=Decimal("20.00"),
            reason="they moved away",
        )

    def test_what_the_api_refuses_is_told_and_the_dialog_stays(self) -> None:
        api = self.api()
        test = self.asking(api, "refund_credit")
        api.failing = ApiRefused("The credit was used meanwhile", code="invalid_transition", status=409)
        test.run()
        assert "used meanwhile" in shown(test)
        assert not test.button


class TestIncomingEvents:
    def api(self, status: EventStatus) -> FakeApiClient:
        api = TestInvoice().api()
        event = PaymentEventView(
            event_id=EVENT,
            invoice_id=EVENT,
            amount_cents=1250,
            status=status,
            applied_cents=None,
            credit_cents=None,
            attempts=9,
            due_at=NOW,
            error="unknown invoice",
            job_id=None,
            repairs=None,
            received_at=NOW,
            applied_at=None,
            raw={"event_id": str(EVENT), "note": "<b>as sent</b>"},
        )
        api.answers[f"{V1}/webhooks/incoming"] = PaymentEventPage(
            data=[event], has_more=False, next_cursor=None
        )
        api.answers[f"{V1}/webhooks/subscriptions"] = []
        return api

    def test_a_dead_one_is_repaired_for_the_invoice_that_was_meant(self) -> None:
        api = self.api(EventStatus.DEAD)
        api.answers["POST /api/v1/webhooks/incoming/{}/repair"] = object()
        test = opened(_events, api)
        test.selectbox(key="incoming_event").select(str(EVENT)).run()
        assert "<b>as sent</b>" in "\n".join(one.value for one in test.code)
        test.text_input(key=f"meant_{EVENT}").input("no id").run()
        assert "no id of an invoice" in shown(test)
        test.text_input(key=f"meant_{EVENT}").input(str(INVOICE)).run()
        assert test.button(key="open_repair")
        event = api.answers[f"{V1}/webhooks/incoming"].data[0]
        asked = asking(api, events.repair(api, event, INVOICE))
        asked.text_area(key="reason_ui-key-1").input("the customer mistyped").run()
        asked.button(key=GO).click().run()
        path, segments, body, key, _ = api.sent[0]
        assert (path, segments) == ("/api/v1/webhooks/incoming/{}/repair", (str(EVENT),))
        assert body == RepairEvent(reason="the customer mistyped", invoice_id=INVOICE)
        assert key == "ui-key-1"

    def test_one_that_was_applied_is_only_looked_at(self) -> None:
        test = opened(_events, self.api(EventStatus.APPLIED))
        test.selectbox(key="incoming_event").select(str(EVENT)).run()
        assert not test.button


class TestDeliveries:
    def test_a_delivery_shows_its_body_and_is_sent_again_by_its_number(self) -> None:
        api = FakeApiClient()
        api.answers[f"{V1}/webhooks/subscriptions/{{}}"] = Subscription(
            id="sub_1",
            url="https://shop.example/in",
            types=[],
            description=None,
            status="enabled",
            disabled_reason=None,
            failing_since=None,
            created_at=NOW,
        )
        delivery = Delivery(
            id=7,
            event_id="evt_7",
            subject="pay_1",
            replay=0,
            status=DeliveryStatus.FAILED,
            due_at=NOW,
            attempts=[Attempt(number=1, at=NOW, took_ms=12, answer=503, error="unavailable")],
        )
        api.answers[f"{V1}/webhooks/subscriptions/{{}}/deliveries"] = DeliveryPage(
            data=[delivery], has_more=False, next_cursor=None
        )
        event = Event(
            id="evt_7", type="card.captured", version=1, subject="pay_1", data={"n": 1}, recorded_at=NOW
        )
        api.answers[f"{V1}/events"] = EventPage(data=[event], has_more=False, next_cursor=None)
        api.answers["POST /api/v1/webhooks/subscriptions/{}/deliveries/replay"] = object()
        test = opened(_events, api, subscription="sub_1")
        test.selectbox(key="delivery").select(7).run()
        assert '"card.captured"' in "\n".join(one.value for one in test.code)
        assert "503" in shown(test)
        assert test.button(key="open_replay")
        asking(api, events.send_again(api, "sub_1", delivery)).button(key=GO).click().run()
        _, segments, body, _, _ = api.sent[0]
        assert segments == ("sub_1",)
        assert body is not None
        assert body.model_dump() == {"deliveries": [7]}


class TestReviews:
    def api(self) -> FakeApiClient:
        payment = {
            "id": "pay_1",
            "status": WalletStatus.VALIDATING,
            "amount": "1500.00",
            "currency": "GHS",
            "recipient_phone": "+233 ** *** **99",
            "recipient_name": "Ama <b>",
            "created_at": NOW,
        }
        api = FakeApiClient()
        api.answers[f"{V1}/wallets"] = [WalletView.model_construct(**payment)]
        api.answers[f"{V1}/wallets/matches"] = []
        api.answers[f"{V1}/wallets/providers"] = []
        found = {"score": 90, "rules": ["<new> payee"]}
        api.answers[f"{V1}/payments/{{}}/status"] = WalletDetail.model_construct(risk=found, **payment)
        api.answers["POST /api/v1/wallets/{}/review"] = object()
        return api

    def test_a_large_payment_that_was_stopped_is_let_through_by_typing_it(self) -> None:
        api = self.api()
        test = opened(_wallets, api)
        assert [one.key for one in test.button] == ["open_review_Approve", "open_review_Reject"]
        asked = asking(api, wallets.review(api, "Approve", "pay_1"))
        assert "&lt;new&gt; payee" in shown(asked)
        assert asked.button(key=GO).disabled
        asked.text_input(key="typed_ui-key-1").input("1500.00").run()
        asked.text_area(key="reason_ui-key-1").input("called him").run()
        asked.button(key=GO).click().run()
        assert done(api) == [
            (
                "/api/v1/wallets/{}/review",
                ("pay_1",),
                DecideReview(decision="approve", reason="called him"),
                "ui-key-1",
            )
        ]
        assert 'href="payment?id=pay_1"' in shown(asked)

    def test_ending_one_moves_nothing_and_is_not_typed(self) -> None:
        api = self.api()
        assert not asking(api, wallets.review(api, "Reject", "pay_1")).button(key=GO).disabled


class TestProposals:
    def test_a_proposal_is_confirmed_by_its_number(self) -> None:
        api = FakeApiClient()
        match = MatchView(
            id=11,
            provider="mtn",
            kind="amount_differs",
            lines=[4],
            attempts=[EVENT],
            difference_minor=-37,
            currency="GHS",
            state="proposed",
            decided_by=None,
            decided_at=None,
            created_at=NOW,
        )
        api.answers[f"{V1}/wallets"] = []
        api.answers[f"{V1}/wallets/providers"] = []
        api.answers[f"{V1}/wallets/matches"] = [match]
        api.answers["POST /api/v1/wallets/matches/{}/decide"] = object()
        test = opened(_wallets, api)
        assert "\N{MINUS SIGN}0.37" in shown(test)
        assert test.button(key="open_match_Reject")
        asked = asking(api, wallets.decision(api, "Confirm", match))
        assert "The ledger books the difference." in shown(asked)
        asked.button(key=GO).click().run()
        path, segments, body, _, _ = api.sent[0]
        assert (path, segments) == ("/api/v1/wallets/matches/{}/decide", ("11",))
        assert body is not None
        assert body.model_dump() == {"decision": "confirm"}


def a_wish(payment: PaymentRow, amount: str = "0.13") -> Wish:
    line = DifferenceView(payment_id=str(payment.id), amount=amount, currency=payment.currency, since=NOW)
    return Wish(line, "ui-key-1")


class TestDifferences:
    def test_a_part_of_one_difference_is_decided_alone(self) -> None:
        payment = a_payment(amount="12.13")
        api = FakeApiClient([payment])
        api.answers[f"{V1}/ledger/differences/{{}}/adjustments"] = []
        api.answers["POST /api/v1/ledger/differences/{}/adjust"] = object()
        api.wishes = [a_wish(payment)]
        test = opened(_difference_dialog, api)
        test.text_input(key="part_of_difference").input("0.123").run()
        assert test.button(key="do_Resolve").disabled
        test.text_input(key="part_of_difference").input("0.05").run()
        test.text_area(key="reason_Resolve").input("found five cents").run()
        test.button(key="do_Resolve").click().run()
        _, segments, body, key, _ = api.sent[0]
        assert (segments, key) == ((str(payment.id),), "ui-key-1")
        assert isinstance(body, AdjustDifference)
        assert body.model_dump(mode="json")["amount"] == "0.05"

    def test_a_sum_that_is_large_is_typed_by_currency_before_several_are_decided(self) -> None:
        several = [a_payment(), a_payment(), a_payment(currency="EUR"), a_payment(currency="GHS")]
        amounts = ("600.00", "400.00", "999.99", "1250.00")
        api = FakeApiClient(several)
        api.answers[f"{V1}/ledger/differences/{{}}/adjustments"] = []
        api.answers["POST /api/v1/ledger/differences/{}/adjust"] = object()
        api.wishes = [a_wish(payment, amount) for payment, amount in zip(several, amounts, strict=True)]
        test = opened(_difference_dialog, api)
        slot = "typed_decided_ui-key-1"
        assert [one.label for one in test.text_input] == [
            "This is a large amount of GHS. Type 1250.00 to confirm.",
            "This is a large amount of USD. Type 1000.00 to confirm.",
        ]
        test.text_input(key=f"{slot}_USD").input("1000.00").run()
        assert test.button(key="do_Resolve").disabled
        test.text_input(key=f"{slot}_GHS").input("1250.00").run()
        test.text_area(key="reason_Resolve").input("found them").run()
        test.button(key="do_Resolve").click().run()
        assert [segments for _, segments, *_ in api.sent] == [(str(payment.id),) for payment in several]
        assert shown(test).count("<dt>Resolved</dt>") == 4
        assert not test.button
