"""Dialogs that begin a card or a wallet payment: previewed by the API where it can, once per opening.

They must not be opened from inside a live part, and send nothing before their last button is pressed.
"""

from collections.abc import Callable
from typing import TypeVar

import streamlit as st
from markupsafe import Markup
from payments_schema.errors import PaymentsError
from payments_schema.ids import uuid7
from payments_schema.money import CURRENCIES, Money, parse_major
from payments_schema.wire.cards import AuthorizeCard, CardPaymentView
from payments_schema.wire.wallets import InitiateWallet, WalletDirection, WalletView
from pydantic import ValidationError

from payments_ui import calls, state
from payments_ui.api_client import ApiClient, ApiError
from payments_ui.components import act, deed, facts, money, problems, status
from payments_ui.components.fields import AMOUNT_NAMES, Fields

WALLET_CURRENCY = "GHS"
DIRECTIONS = {
    WalletDirection.DISBURSE: "Pay somebody's wallet",
    WalletDirection.COLLECT: "Collect from somebody's wallet",
}

Made = TypeVar("Made", CardPaymentView, WalletView)


def buttons(api: ApiClient) -> None:
    """Show what else can be begun, each as a button that opens its dialog; its key is made then."""
    with st.container(horizontal=True):
        for name, (label, dialog) in DIALOGS.items():
            if st.button(label, key=f"make_{name}"):
                st.dialog(label, width="large", on_dismiss="rerun")(dialog)(api, f"ui-{uuid7()}")


def card_dialog(api: ApiClient, key: str) -> None:
    """Hold funds on a card: nothing is taken before it is captured."""
    if _is_made(key):
        return
    inputs = Fields()
    account = _text("Account", key, placeholder="ACC-1001, may stay empty", longest=255)
    inputs.under("account_id")
    amount = _amount(key, inputs, [*sorted(CURRENCIES)], "USD")
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


def wallet_dialog(api: ApiClient, key: str) -> None:
    """Start a payment to a wallet, or from one; a worker carries it out."""
    if _is_made(key):
        return
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


DIALOGS: dict[str, tuple[str, Callable[[ApiClient, str], None]]] = {
    "card": ("Hold funds on a card", card_dialog),
    "wallet": ("Pay or collect by wallet", wallet_dialog),
}

_Asked = TypeVar("_Asked", AuthorizeCard, InitiateWallet)


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
    place = st.empty()
    if not place.button(label, type="primary", key=f"go_{key}", disabled=not is_confirmed):
        return
    try:
        made = send()
    except ApiError as error:
        problems.refused(error, inputs)
        return
    st.session_state[f"made_{key}"] = made
    place.empty()
    _is_made(key)


def _is_made(key: str) -> bool:
    """Show what came of this opening, once something has."""
    made: object = st.session_state.get(f"made_{key}")
    if not isinstance(made, CardPaymentView | WalletView):
        return False
    st.html('<p class="pay-sum pay-good"><i class="pay-shape pay-disc"></i>Begun</p>')
    link = Markup('<a href="{}">{}</a>').format(state.payment_link(made.id), made.id)
    named = [("Payment", link), ("It is now", status.badge(made.status.value)), ("Key", facts.code(key))]
    st.html(str(facts.facts(named)))
    return True
