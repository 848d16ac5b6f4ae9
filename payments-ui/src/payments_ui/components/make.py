"""Dialogs that begin a card or wallet payment or an invoice: previewed where the API can, once per opening.

They must not be opened from inside a live part, and send nothing before their last button is pressed.
"""

from collections.abc import Callable
from datetime import datetime, time
from functools import wraps
from typing import TypeAlias, TypeVar

import streamlit as st
from payments_schema.errors import PaymentsError
from payments_schema.ids import parse_uuid, uuid7
from payments_schema.money import CURRENCIES, Money, parse_major
from payments_schema.wire.cards import AuthorizeCard, CardPaymentView
from payments_schema.wire.invoices import CreateInvoice, InvoiceLine, InvoiceView
from payments_schema.wire.wallets import InitiateWallet, WalletDirection, WalletView
from pydantic import ValidationError

from payments_ui import calls, state
from payments_ui.api_client import ApiClient, ApiError
from payments_ui.components import act, deed, facts, grid, money, problems, status, times
from payments_ui.components.fields import AMOUNT_NAMES, Fields, reasons_of

KNOWN, USUAL = sorted(CURRENCIES), "USD"
WALLET_CURRENCY = "GHS"
MOST_LINES = 200
DIRECTIONS = {
    WalletDirection.DISBURSE: "Pay somebody's wallet",
    WalletDirection.COLLECT: "Collect from somebody's wallet",
}

Dialog: TypeAlias = Callable[[ApiClient, str], None]
Made = TypeVar("Made", CardPaymentView, WalletView, InvoiceView)


def buttons(api: ApiClient) -> None:
    """Show what else can be begun."""
    with st.container(horizontal=True):
        for name in DIALOGS:
            button(api, name)


def button(api: ApiClient, name: str) -> None:
    """Show the button that opens one of the dialogs; its key is made then."""
    label, dialog = DIALOGS[name]
    if st.button(label, key=f"make_{name}"):
        st.dialog(label, width="large", on_dismiss="rerun")(dialog)(api, f"ui-{uuid7()}")


def _once(form: Dialog) -> Dialog:
    """Show a form until it has made something, and then what it made."""

    @wraps(form)
    def dialog(api: ApiClient, key: str) -> None:
        if deed.is_over(f"made_{key}", lambda: form(api, key)):
            _result(key)

    return dialog


@_once
def card_dialog(api: ApiClient, key: str) -> None:
    """Hold funds on a card: nothing is taken before it is captured."""
    inputs = Fields()
    account = _text("Account", key, placeholder="ACC-1001, may stay empty", longest=255)
    inputs.under("account_id")
    amount = _amount(key, inputs, KNOWN, USUAL)
    description = _text("Description", key, placeholder="optional", longest=1000)
    inputs.under("description")
    if amount is None:
        return
    asked = _read(
        lambda: AuthorizeCard(
            amount=amount.minor,
            currency=amount.currency,
            account_id=account or None,
            description=description or None,
        ),
        inputs,
    )
    if asked is None:
        return
    try:
        preview = calls.payments.preview_authorization(api, asked)
    except ApiError as error:
        problems.refused(error, inputs)
        return
    st.markdown("###### What will be held", anchors=False)
    st.html(str(act.drawn_preview(preview)))
    _send("Hold", amount, key, inputs, lambda: calls.payments.authorize(api, asked, key))


@_once
def wallet_dialog(api: ApiClient, key: str) -> None:
    """Start a payment to a wallet, or from one; a worker carries it out."""
    inputs = Fields()
    direction = st.selectbox(
        "Direction", list(DIRECTIONS), format_func=DIRECTIONS.__getitem__, key=f"direction_{key}"
    )
    phone = _text("Telephone number", key, placeholder="024 312 3499", longest=40)
    inputs.under("recipient_phone")
    name = _text("Name", key, placeholder="as the provider knows it", longest=255)
    inputs.under("recipient_name")
    amount = _amount(key, inputs, [WALLET_CURRENCY], WALLET_CURRENCY)
    description = _text("Description", key, placeholder="optional", longest=1000)
    inputs.under("description")
    if amount is None or not phone or not name:
        return
    asked = _read(
        lambda: InitiateWallet.model_validate(
            {
                "amount": amount.major(),
                "currency": amount.currency,
                "recipient_phone": phone,
                "recipient_name": name,
                "direction": direction,
                "description": description or None,
            }
        ),
        inputs,
    )
    if asked is not None:
        st.caption("Entries are posted when a provider takes it; the payment's page shows them as they come.")
        word = "Pay" if direction is WalletDirection.DISBURSE else "Collect"
        _send(word, amount, key, inputs, lambda: calls.payments.initiate_wallet(api, asked, key))


@_once
def invoice_dialog(api: ApiClient, key: str) -> None:
    """Send an invoice: one amount, or lines that add up to it."""
    inputs = Fields()
    left, right = st.columns([3, 1])
    with left:
        customer = _text("Customer", key, placeholder="whose credit may pay it; may stay empty", longest=255)
        inputs.under("customer")
    with right:
        due = st.date_input("Due", None, format="YYYY-MM-DD", key=f"due_{key}", help="Empty: on receipt.")
        inputs.under("due_at")
    has_lines = st.checkbox("In lines", key=f"in_lines_{key}")
    lines: list[InvoiceLine] = []
    total = _lines(key, inputs, lines) if has_lines else _amount(key, inputs, KNOWN, USUAL)
    left, right = st.columns(2)
    with left:
        description = _text("Description", key, placeholder="optional", longest=255)
        inputs.under("description")
    with right:
        id_ = _text("Id", key, placeholder="optional: one that payments name already", longest=40)
        inputs.under("id")
    if id_ and parse_uuid(id_) is None:
        inputs.tell({"id": "must be a UUID"})
        return
    if total is None:
        return
    asked = _read(
        lambda: CreateInvoice(
            id=parse_uuid(id_),
            currency=total.currency,
            customer=customer or None,
            lines=lines,
            total_cents=total.minor,
            due_at=datetime.combine(due, time(23, 59, 59), times.reader_zone()) if due else None,
            description=description or None,
        ),
        inputs,
    )
    if asked is None:
        return
    try:
        preview = calls.invoices.preview_invoice(api, asked)
    except ApiError as error:
        problems.refused(error, inputs)
        return
    st.html(str(act.posted(preview)))
    _send("Send invoice over", total, key, inputs, lambda: calls.invoices.create_invoice(api, asked, key))


def _lines(key: str, inputs: Fields, lines: list[InvoiceLine]) -> Money | None:
    """Ask for lines and add them to `lines`; their sum, None while one of them is not whole."""
    currency = st.selectbox("Currency", KNOWN, index=KNOWN.index(USUAL), key=f"currency_{key}")
    inputs.under("currency")
    count: int = st.session_state.setdefault(f"lines_{key}", 1)
    are_whole = [_line(f"{number}_{key}", currency, inputs, lines) for number in range(1, count + 1)]
    if count < MOST_LINES:
        st.button("Add a line", key=f"more_{key}", on_click=_one_more, args=(f"lines_{key}",))
    total = Money(sum(line.quantity * line.unit_cents for line in lines), currency)
    if lines:
        st.caption(f"Together {money.spoken(total.major(), currency)}")
    return total if lines and all(are_whole) else None


def _one_more(slot: str) -> None:
    st.session_state[slot] += 1


def _line(key: str, currency: str, inputs: Fields, lines: list[InvoiceLine]) -> bool:
    """Ask for one line; False where something of it is missing. One that is empty is none."""
    what, how_many, price = st.columns([5, 1.6, 2])
    here = Fields()
    with what:
        description = _text("What", key, placeholder="as the customer reads it", longest=255)
        here.under("description")
    with how_many:
        quantity = st.number_input("How many", 1, 1_000_000, 1, key=f"quantity_{key}")
        here.under("quantity")
    with price:
        typed = _text("Price of one", key, placeholder="250.00", longest=30).replace(",", "")
        here.under("unit_cents")
    if not description or not typed:
        return not description and not typed
    try:
        unit = parse_major(typed, currency)
        lines.append(InvoiceLine(description=description, quantity=quantity, unit_cents=unit.minor))
    except PaymentsError as error:
        here.tell({"unit_cents": error.detail})
        return False
    except ValidationError as error:
        here.tell(reasons_of(error))
        return False
    inputs.adopt(here, f"lines.{len(lines) - 1}")
    return True


DIALOGS: dict[str, tuple[str, Dialog]] = {
    "card": ("Hold funds on a card", card_dialog),
    "wallet": ("Pay or collect by wallet", wallet_dialog),
    "invoice": ("New invoice", invoice_dialog),
}

_Asked = TypeVar("_Asked", AuthorizeCard, InitiateWallet, CreateInvoice)


def _text(label: str, key: str, *, placeholder: str, longest: int) -> str:
    typed = st.text_input(label, key=f"{label}_{key}", placeholder=placeholder, max_chars=longest)
    return (typed or "").strip()


def _amount(key: str, inputs: Fields, currencies: list[str], usual: str) -> Money | None:
    """Ask how much; None while there is no amount above nothing."""
    left, right = st.columns([3, 1])
    with left:
        typed = _text("Amount", key, placeholder="250.00", longest=30).replace(",", "")
        inputs.under(*AMOUNT_NAMES)
    with right:
        currency = st.selectbox("Currency", currencies, index=currencies.index(usual), key=f"currency_{key}")
        inputs.under("currency")
    if not typed:
        return None
    try:
        amount = parse_major(typed, currency)
    except PaymentsError as error:
        inputs.tell({AMOUNT_NAMES[0]: error.detail})
        return None
    if amount.minor <= 0:
        inputs.tell({AMOUNT_NAMES[0]: "must be more than nothing"})
        return None
    return amount


def _read(ask: Callable[[], _Asked], inputs: Fields) -> _Asked | None:
    """Make what is sent of what was typed, or say at the fields what is wrong."""
    try:
        return ask()
    except ValidationError as error:
        problems.refused(error, inputs)
        return None


def _send(word: str, amount: Money, key: str, inputs: Fields, send: Callable[[], Made]) -> None:
    is_confirmed = deed.confirmed(amount, f"typed_{key}")
    label = f"{word} {money.spoken(amount.major(), amount.currency)}"
    if not st.button(label, type="primary", key=f"go_{key}", disabled=not is_confirmed):
        return
    try:
        made = send()
    except ApiError as error:
        problems.refused(error, inputs)
        return
    st.session_state[f"made_{key}"] = made


def _result(key: str) -> None:
    made: CardPaymentView | WalletView | InvoiceView = st.session_state[f"made_{key}"]
    if isinstance(made, InvoiceView):
        address = state.page_link(state.INVOICES_PATH, id=str(made.id))
        word, what = "Sent", ("Invoice", grid.link(address, str(made.id)))
    else:
        word, what = "Begun", ("Payment", grid.link(state.payment_link(made.id), made.id))
    deed.result(word, [what, ("It is now", status.badge(made.status.value)), ("Key", facts.code(key))])
