"""The pages' logic on AppTest, with an API client that keeps everything in memory."""

from datetime import datetime, timedelta

import pytest
from opening import opened
from payments_schema.wire.payments import AccountBalance, PaymentStatus
from streamlit.testing.v1 import AppTest

from payments_ui.api_client import ApiFailed, ApiRefused, ApiUnreachable
from payments_ui.fake_api_client import FakeApiClient, a_payment, a_reconciliation

AWAY = ApiUnreachable("The payments API does not answer at http://api.", outcome_unknown=False)
BROKE_OFF = ApiUnreachable(
    "The payments API at http://api broke off before it had answered.", outcome_unknown=True
)


def _payments(api):
    from payments_ui.pages import payments

    payments.show(api, refresh_s=2)


def _payment(api):
    from payments_ui.pages import payment

    payment.show(api, refresh_s=2)


def _create(api):
    from payments_ui.pages import create

    create.show(api)


def _account(api):
    from payments_ui.pages import account

    account.show(api, refresh_s=2)


def shown(test: AppTest) -> str:
    # Everything on the page that is text or markup.
    elements = [*test.get("html"), *test.markdown, *test.caption, *test.error, *test.warning, *test.info]
    return "\n".join(str(getattr(element.proto, "body", "")) for element in elements)


def labelled(test: AppTest, label: str):
    return next(box for box in test.selectbox if box.label == label)


class TestList:
    def test_rows_link_to_their_payment_by_id(self) -> None:
        row = a_payment(description="<b>bold</b>")
        page = shown(opened(_payments, FakeApiClient([row])))
        assert f'href="payment?id={row.id}"' in page
        assert "<b>" not in page
        assert "pending" in page

    def test_the_address_sets_the_filters(self) -> None:
        api = FakeApiClient([a_payment(), a_payment(status=PaymentStatus.FAILED, account_id="ACC-2")])
        test = opened(_payments, api, status="failed", account="ACC-2", q="ACC", rows="100")
        query = api.queries[-1]
        assert (query.status, query.account_id, query.search, query.limit) == ("failed", "ACC-2", "ACC", 100)
        assert labelled(test, "Status").value == "failed"

    def test_a_changed_filter_moves_the_address_and_begins_at_the_newest(self) -> None:
        api = FakeApiClient([a_payment() for _ in range(60)])
        test = opened(_payments, api, cursor="50")
        assert api.queries[-1].cursor == "50"
        labelled(test, "Status").select("pending").run()
        assert dict(test.query_params) == {"status": "pending"}
        assert api.queries[-1].cursor == ""

    def test_a_period_takes_the_place_of_days(self) -> None:
        api = FakeApiClient([a_payment()])
        test = opened(_payments, api, since="2026-01-31")
        assert [box.label for box in test.date_input] == ["From", "To"]
        labelled(test, "Period").select("last-30-days").run()
        assert dict(test.query_params) == {"period": "last-30-days"}
        assert not test.date_input
        until = datetime.fromisoformat(api.queries[-1].until)
        assert until - datetime.fromisoformat(api.queries[-1].since) == timedelta(days=30)

    def test_pages_turn_by_cursor(self) -> None:
        api = FakeApiClient([a_payment() for _ in range(60)])
        test = opened(_payments, api)
        test.button(key="older").click().run()
        assert test.query_params["cursor"] == "50"
        assert "10 payments from further on" in shown(test)
        test.button(key="newest").click().run()
        assert "cursor" not in test.query_params

    def test_never_more_than_two_hundred_rows(self) -> None:
        api = FakeApiClient([a_payment() for _ in range(250)])
        page = shown(opened(_payments, api, rows="200"))
        assert page.count("<tr><td>") == 200

    def test_an_api_that_is_away_keeps_what_was_read_and_says_so(self) -> None:
        row = a_payment()
        api = FakeApiClient([row])
        test = opened(_payments, api)
        api.failing = AWAY
        test.run()
        assert str(row.id) in shown(test)
        assert "does not answer" in shown(test)
        assert "./dev status" in shown(test)
        api.failing = None
        test.run()
        assert "does not answer" not in shown(test)

    def test_what_was_read_for_other_filters_is_not_shown(self) -> None:
        row = a_payment()
        api = FakeApiClient([row])
        test = opened(_payments, api)
        api.failing = AWAY
        labelled(test, "Status").select("failed").run()
        assert str(row.id) not in shown(test)

    @pytest.mark.parametrize(
        ("address", "said"),
        [({}, "No payment yet"), ({"q": "x"}, "No payment matches"), ({"cursor": "9"}, "Nothing further")],
    )
    def test_an_empty_list_says_what_to_do(self, address: dict[str, str], said: str) -> None:
        assert said in shown(opened(_payments, FakeApiClient(), **address))

    def test_pausing_is_said(self) -> None:
        test = opened(_payments, FakeApiClient([a_payment()]))
        assert "Live · read" in shown(test)
        test.toggle(key="payments_live").set_value(False).run()
        assert "Paused · read" in shown(test)


class TestOnePayment:
    def test_a_pending_payment_is_live(self) -> None:
        row = a_payment()
        page = shown(opened(_payment, FakeApiClient([row]), id=str(row.id)))
        assert "Live · read" in page
        assert "has not come to it yet" in page

    def test_a_final_one_shows_its_verdict_and_balanced_accounts_and_rests(self) -> None:
        row = a_payment(amount="1250.00")
        api = FakeApiClient([row])
        api.reconcile(row)
        page = shown(opened(_payment, api, id=str(row.id)))
        assert "Successfully reconciled" in page
        assert "Debits equal credits: 1,250.00\N{NO-BREAK SPACE}USD" in page
        assert "Live · read" not in page

    def test_a_discrepancy_is_named_by_word_and_shape(self) -> None:
        row = a_payment(amount="10.13", status=PaymentStatus.COMPLETED)
        api = FakeApiClient([row])
        api.reconciliations[row.id] = a_reconciliation(
            row, status="completed_with_discrepancy", matched=False, discrepancy_amount="0.13"
        )
        page = shown(opened(_payment, api, id=str(row.id)))
        assert "pay-triangle" in page
        assert "discrepancy</span>" in page

    def test_an_unknown_id_is_said_calmly(self) -> None:
        assert "Payment not found" in shown(opened(_payment, FakeApiClient(), id="nope"))

    def test_without_an_id_one_can_be_given(self) -> None:
        row = a_payment()
        test = opened(_payment, FakeApiClient([row]))
        test.text_input[0].input(f" {row.id} ")
        test.button[0].click().run()
        assert test.query_params["id"] == str(row.id)


class TestCreate:
    def fill(self, test: AppTest, amount: str = "250.00") -> AppTest:
        test.text_input(key="create_account").input("ACC-1001")
        test.text_input(key="create_amount").input(amount)
        return test

    def test_it_is_made_once_and_linked(self) -> None:
        api = FakeApiClient()
        test = self.fill(opened(_create, api))
        test.button[0].click().run()
        assert len(api.payments) == 1
        assert "Payment created" in shown(test)

    def test_the_key_stays_until_there_is_an_answer(self) -> None:
        api = FakeApiClient()
        test = self.fill(opened(_create, api))
        api.failing = BROKE_OFF
        test.button[0].click().run()
        assert "not known" in shown(test)
        api.failing = None
        test.button[0].click().run()
        assert len(set(api.keys)) == 1
        assert len(api.payments) == 1

    def test_the_next_form_has_a_key_of_its_own(self) -> None:
        api = FakeApiClient()
        test = self.fill(opened(_create, api))
        test.button[0].click().run()
        test.button(key="another").click().run()
        assert test.text_input(key="create_amount").value == ""
        self.fill(test).button[0].click().run()
        assert len(set(api.keys)) == 2

    @pytest.mark.parametrize(
        ("amount", "said"),
        [("", "Fill in: Amount"), ("12.345", "more decimals"), ("lots", "number"), ("1e400", "Amount")],
    )
    def test_a_wrong_amount_is_told_before_anything_is_sent(self, amount: str, said: str) -> None:
        api = FakeApiClient()
        test = self.fill(opened(_create, api), amount)
        test.button[0].click().run()
        assert said in shown(test)
        assert api.keys == []

    def test_thousands_may_be_grouped(self) -> None:
        api = FakeApiClient()
        self.fill(opened(_create, api), "1,250.50").button[0].click().run()
        assert api.payments[0].amount == "1250.50"

    def test_a_reused_key_is_explained(self) -> None:
        api = FakeApiClient()
        api.failing = ApiRefused("Key was used.", code="idempotency_key_reused", status=422)
        test = self.fill(opened(_create, api))
        test.button[0].click().run()
        assert "earlier press" in shown(test)

    def test_what_the_api_refuses_stands_at_its_field(self) -> None:
        api = FakeApiClient()
        reasons = {"accountId": "must be [printable]", "metadata": "must be small"}
        api.failing = ApiRefused("Malformed.", code="malformed_request", status=422, reasons=reasons)
        test = self.fill(opened(_create, api))
        test.button[0].click().run()
        assert ":red[must be \\[printable\\].]" in [caption.value for caption in test.caption]
        assert test.error[0].value == "**Malformed.**\n\n- **metadata**: must be small."

    def test_a_failing_api_says_that_pressing_again_is_safe(self) -> None:
        api = FakeApiClient()
        api.failing = ApiFailed("The payments API failed. Something went wrong on our side.", status=500)
        test = self.fill(opened(_create, api))
        test.button[0].click().run()
        assert "cannot pay twice" in shown(test)


class TestAccount:
    def test_the_balance_is_the_ledgers(self) -> None:
        api = FakeApiClient([a_payment(account_id="ACC-7")])
        api.balances["ACC-7", "USD"] = AccountBalance(
            account_id="ACC-7",
            balance="1250.00",
            currency="USD",
            available="1200.00",
            pending="50.00",
            version=3,
        )
        page = shown(opened(_account, api, id="ACC-7"))
        assert "1,250.00\N{NO-BREAK SPACE}USD" in page
        assert "1,200.00" in page

    def test_an_account_never_seen_is_zero(self) -> None:
        page = shown(opened(_account, FakeApiClient(), id="ACC-NEW"))
        assert "0.00" in page
        assert "No payment yet" in page

    def test_without_an_account_it_asks_for_one(self) -> None:
        assert "Which account?" in shown(opened(_account, FakeApiClient()))

    def test_a_strange_currency_falls_back(self) -> None:
        test = opened(_account, FakeApiClient(), id="ACC-1", currency="<x>")
        assert test.selectbox[0].value == "USD"
