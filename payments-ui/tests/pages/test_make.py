"""Beginning a payment or an invoice on AppTest: previewed first, sent once per opening, told at fields."""

from datetime import UTC, date, datetime
from uuid import UUID

import pytest
from opening import opened
from payments_schema.wire.cards import AuthorizeCard, CardPaymentView, CardStatus, Preview
from payments_schema.wire.invoices import CreateInvoice, InvoiceLine, InvoiceStatus, InvoiceView
from payments_schema.wire.wallets import InitiateWallet, WalletDirection, WalletStatus, WalletView
from streamlit.testing.v1 import AppTest

from payments_ui.api_client import ApiRefused, ApiUnreachable
from payments_ui.fake_api_client import FakeApiClient

AUTHORIZE, INITIATE = "/api/v1/payments/authorize", "/api/v1/payments/initiate"
INVOICES = "/api/v1/invoices"
GO = "go_ui-key-1"
INVOICE = UUID("01930000-0000-7000-8000-0000000000aa")


def _card(api):
    from payments_ui.components import make

    make.card_dialog(api, "ui-key-1")


def _wallet(api):
    from payments_ui.components import make

    make.wallet_dialog(api, "ui-key-1")


def _invoice(api):
    from payments_ui.components import make

    make.invoice_dialog(api, "ui-key-1")


def _create(api):
    from payments_ui.pages import create

    create.show(api)


def shown(test: AppTest) -> str:
    elements = [*test.get("html"), *test.markdown, *test.caption, *test.error]
    return "\n".join(str(getattr(one.proto, "body", "")) for one in elements)


def an_api() -> FakeApiClient:
    api = FakeApiClient()
    now = datetime.now(UTC)
    entry = {"account": "customer_holds", "direction": "debit", "amount": 1250, "currency": "USD"}
    api.answers[f"POST {AUTHORIZE}?preview"] = Preview.model_validate({"entries": [entry]})
    common = {"id": "pay_1", "created_at": now, "updated_at": now, "expires_at": now}
    api.answers[f"POST {AUTHORIZE}"] = CardPaymentView.model_construct(status=CardStatus.AUTHORIZED, **common)
    api.answers[f"POST {INVOICES}?preview"] = api.answers[f"POST {AUTHORIZE}?preview"]
    api.answers[f"POST {INVOICES}"] = InvoiceView.model_construct(
        id=INVOICE, status=InvoiceStatus.SENT, created_at=now, updated_at=now
    )
    api.answers[f"POST {INITIATE}"] = WalletView.model_construct(status=WalletStatus.INITIATED, **common)
    return api


def test_the_form_for_direct_payments_leads_to_the_other_kinds() -> None:
    labels = [button.label for button in opened(_create, an_api()).button]
    assert labels[-3:] == ["Hold funds on a card", "Pay or collect by wallet", "New invoice"]


def test_a_hold_is_previewed_and_sent_with_the_key_of_its_opening() -> None:
    api = an_api()
    test = opened(_card, api)
    assert not test.button
    test.text_input(key="Amount_ui-key-1").input("12.50").run()
    test.text_input(key="Account_ui-key-1").input(" ACC-1 ").run()
    assert "customer_holds" in shown(test)
    assert {params.get("preview") for _, _, _, _, params in api.sent} == {"true"}
    test.button(key=GO).click().run()
    path, _, body, key, params = api.sent[-1]
    assert (path, key, params) == (AUTHORIZE, "ui-key-1", {})
    assert body == AuthorizeCard(amount=1250, currency="USD", account_id="ACC-1")
    assert 'href="payment?id=pay_1"' in shown(test)
    # Nothing of the form is left, not even until the next press: what came of it stands at the top.
    assert not test.button and not test.text_input


def test_a_large_hold_is_typed_twice() -> None:
    test = opened(_card, an_api())
    test.text_input(key="Amount_ui-key-1").input("1,000.00").run()
    assert test.button(key=GO).disabled
    test.text_input(key="typed_ui-key-1").input("1000.00").run()
    assert not test.button(key=GO).disabled


def test_what_is_no_amount_is_told_beneath_it() -> None:
    api = an_api()
    test = opened(_card, api)
    for typed, said in (("12.345", "decimals"), ("-1", "more than nothing"), ("lots", "number")):
        test.text_input(key="Amount_ui-key-1").input(typed).run()
        assert said in shown(test)
        assert not test.button
    assert api.sent == []


def test_a_wallet_payment_says_whom_and_which_way() -> None:
    api = an_api()
    test = opened(_wallet, api)
    test.selectbox(key="direction_ui-key-1").select(WalletDirection.COLLECT).run()
    test.text_input(key="Telephone number_ui-key-1").input("024 312 3499").run()
    test.text_input(key="Name_ui-key-1").input("Ama").run()
    test.text_input(key="Amount_ui-key-1").input("25").run()
    test.button(key=GO).click().run()
    [(path, _, body, key, _)] = api.sent
    assert (path, key) == (INITIATE, "ui-key-1")
    assert isinstance(body, InitiateWallet)
    assert (body.direction, body.recipient_phone, str(body.amount)) == ("collect", "+233243123499", "25.00")


def test_a_number_that_is_none_is_told_at_the_number() -> None:
    api = an_api()
    test = opened(_wallet, api)
    test.text_input(key="Telephone number_ui-key-1").input("12").run()
    test.text_input(key="Name_ui-key-1").input("Ama").run()
    test.text_input(key="Amount_ui-key-1").input("25").run()
    assert [caption.value for caption in test.caption if caption.value.startswith(":red[")]
    assert not test.button
    assert api.sent == []


def test_an_answer_that_did_not_come_keeps_the_key_and_a_refusal_its_field() -> None:
    api = an_api()
    test = opened(_card, api)
    test.text_input(key="Amount_ui-key-1").input("12.50").run()
    api.refusing = {AUTHORIZE: ApiUnreachable("It broke off.", outcome_unknown=True)}
    test.run()
    assert "cannot be done twice" in shown(test)
    reasons = {"account_id": "must be printable"}
    api.refusing = {AUTHORIZE: ApiRefused("No.", code="malformed_request", status=422, reasons=reasons)}
    test.run()
    assert ":red[must be printable.]" in [caption.value for caption in test.caption]


def test_an_invoice_is_previewed_and_sent_with_the_key_of_its_opening() -> None:
    api = an_api()
    test = opened(_invoice, api)
    assert not test.button
    test.text_input(key="Customer_ui-key-1").input(" Harbour Light ")
    test.date_input(key="due_ui-key-1").set_value(date(2026, 12, 24))
    test.text_input(key="Amount_ui-key-1").input("1,250.00").run()
    assert "What will be posted" in shown(test)
    assert {params.get("preview") for _, _, _, _, params in api.sent} == {"true"}
    assert test.button(key=GO).disabled
    test.text_input(key="typed_ui-key-1").input("1250.00").run()
    test.button(key=GO).click().run()
    path, _, body, key, params = api.sent[-1]
    assert (path, key, params) == (INVOICES, "ui-key-1", {})
    due = datetime(2026, 12, 24, 23, 59, 59, tzinfo=UTC)
    assert body == CreateInvoice(customer="Harbour Light", total_cents=125_000, due_at=due)
    assert f'href="invoices?id={INVOICE}"' in shown(test)
    assert not test.button


def test_lines_add_up_to_an_invoice_and_an_empty_one_is_none() -> None:
    api = an_api()
    test = opened(_invoice, api)
    test.checkbox(key="in_lines_ui-key-1").check().run()
    test.selectbox(key="currency_ui-key-1").select("JPY")
    test.text_input(key="What_1_ui-key-1").input("Lamps")
    test.number_input(key="quantity_1_ui-key-1").set_value(3)
    test.text_input(key="Price of one_1_ui-key-1").input("250").run()
    for _ in range(2):
        test.button(key="more_ui-key-1").click().run()
    test.text_input(key="What_3_ui-key-1").input("Freight").run()
    assert [button.key for button in test.button] == ["more_ui-key-1"]  # its price is missing
    test.text_input(key="Price of one_3_ui-key-1").input("50").run()
    assert "Together 800\N{NO-BREAK SPACE}JPY" in shown(test)
    test.button(key=GO).click().run()
    assert api.sent[-1][2] == CreateInvoice(
        currency="JPY",
        lines=[
            InvoiceLine(description="Lamps", quantity=3, unit_cents=250),
            InvoiceLine(description="Freight", unit_cents=50),
        ],
        total_cents=800,
    )


@pytest.mark.parametrize(
    ("field", "typed", "said"),
    [
        ("Price of one_1", "1.234", "decimals"),
        ("Price of one_1", "-1", "greater than 0"),
        ("Price of one_1", "<b>", "decimal"),
        ("Id", "no id", "must be a UUID"),
    ],
)
def test_what_is_wrong_with_an_invoice_is_told_at_its_field(field: str, typed: str, said: str) -> None:
    api = an_api()
    test = opened(_invoice, api)
    test.checkbox(key="in_lines_ui-key-1").check().run()
    test.text_input(key="What_1_ui-key-1").input("Lamps")
    test.text_input(key=f"{field}_ui-key-1").input(typed).run()
    [told] = [one.value for one in test.caption if one.value.startswith(":red[")]
    assert said in told
    assert typed not in told
    assert api.sent == []


def test_what_the_api_finds_wrong_with_a_line_is_told_at_that_line() -> None:
    api = an_api()
    reasons = {"lines.0.description": "is a name that we do not print", "due_at": "is long ago"}
    api.refusing = {INVOICES: ApiRefused("Malformed.", code="malformed_request", status=422, reasons=reasons)}
    test = opened(_invoice, api)
    test.checkbox(key="in_lines_ui-key-1").check().run()
    test.text_input(key="What_1_ui-key-1").input("Lamps")
    test.text_input(key="Price of one_1_ui-key-1").input("1").run()
    told = [one.value for one in test.caption if one.value.startswith(":red[")]
    assert told == [":red[is long ago.]", ":red[is a name that we do not print.]"]
    assert "The field above says why" in test.error[0].value
