"""A new payment: a form whose idempotency key is made when it opens, so that pressing twice pays once.

It must not send anything before the button is pressed, and must not change the key while an attempt is open.
"""

from collections.abc import Callable

import streamlit as st
from payments_schema.ids import uuid7
from payments_schema.money import CURRENCIES
from payments_schema.wire.payments import CreatePayment
from pydantic import ValidationError

from payments_ui import state
from payments_ui.api_client import ApiClient, ApiError, ApiRefused, ApiUnreachable, Created
from payments_ui.components import facts, header, make, money, problems, status
from payments_ui.components.fields import AMOUNT_NAMES, Fields

KEY = "create_key"
RESULT = "create_result"
FORM_FIELDS = ("create_account", "create_amount", "create_currency", "create_description")
COMMON_CURRENCIES = ("USD", "EUR", "GBP", "GHS", "KES", "NGN", "JPY", "BHD")
LABELS = {
    "accountId": "Account",
    "account_id": "Account",
    "amount": "Amount",
    "currency": "Currency",
    "description": "Description",
}


def show(api: ApiClient) -> None:
    """Show the form, or what came of it."""
    header.title("New payment", "One form, one payment: pressing twice does not pay twice.")
    result = st.session_state.get(RESULT)
    if isinstance(result, Created):
        _done(result)
        return
    key: str = st.session_state.setdefault(KEY, f"ui-{uuid7()}")
    inputs = Fields()
    draft = _form(inputs)
    payment = _checked(draft) if draft is not None else None
    if payment is not None:
        _send(api, payment, key, inputs)
    st.markdown("##### Other kinds", anchors=False)
    make.buttons(api)


def _form(inputs: Fields) -> dict[str, str] | None:
    """Show the form; return what it holds once its button is pressed."""
    with st.form("create", border=True, width=640):
        account = st.text_input("Account", key="create_account", placeholder="ACC-1001", max_chars=255)
        inputs.under("accountId", "account_id")
        amount_column, currency_column = st.columns([3, 1])
        with amount_column:
            amount = st.text_input("Amount", key="create_amount", placeholder="250.00", max_chars=64)
            inputs.under(*AMOUNT_NAMES)
        currencies = [*COMMON_CURRENCIES, *sorted(set(CURRENCIES) - set(COMMON_CURRENCIES))]
        with currency_column:
            currency = st.selectbox("Currency", currencies, key="create_currency")
            inputs.under("currency")
        description = st.text_input(
            "Description", key="create_description", placeholder="optional", max_chars=1000
        )
        inputs.under("description")
        if not st.form_submit_button("Create payment", type="primary", icon=":material/check:"):
            return None
    return {
        "account_id": (account or "").strip(),
        "amount": (amount or "").strip().replace(",", ""),
        "currency": currency,
        "description": (description or "").strip(),
    }


def _checked(draft: dict[str, str]) -> CreatePayment | None:
    """Say what is wrong with a draft before it is sent, in the words of the form."""
    missing = [LABELS[name] for name in ("account_id", "amount") if not draft[name]]
    if missing:
        st.warning(f"Fill in: {', '.join(missing)}.")
        return None
    try:
        return CreatePayment.model_validate({**draft, "description": draft["description"] or None})
    except ValidationError as error:
        for wrong in error.errors(include_url=False, include_input=False):
            where = LABELS.get(str(wrong["loc"][0]), "Amount") if wrong["loc"] else "Amount"
            st.warning(f"{where}: {wrong['msg']}.")
        return None


def _send(api: ApiClient, payment: CreatePayment, key: str, inputs: Fields) -> None:
    try:
        st.session_state[RESULT] = api.create_payment(payment, key)
    except ApiUnreachable as error:
        if error.outcome_unknown:
            st.error(
                f"**{error.detail}**  \nWhether the payment was made is not known. Press the button again: "
                "the same form carries the same key, so it cannot be made twice.",
                icon=":material/cloud_off:",
            )
        else:
            st.error(
                f"**{error.detail}**  \nNothing was sent. Your entries are kept: press the button again once "
                "the API is back (`./dev status` shows it).",
                icon=":material/cloud_off:",
            )
    except ApiRefused as error:
        _refused(error, inputs)
    except ApiError as error:
        st.error(f"**{error.detail}**  \nPress the button again: the same form cannot pay twice.")
    else:
        st.rerun()


def _refused(error: ApiRefused, inputs: Fields) -> None:
    if error.code == "idempotency_key_reused":
        st.error(
            "**An earlier press of this form has made a payment with other details.**  \n"
            "Look for it in the list before you make another one."
        )
        st.button("Start a new form", on_click=_start_anew, key="anew")
    elif error.code == "idempotency_key_in_flight":
        st.info("The first press is still being worked on. Press again in a moment to see its result.")
    else:
        problems.refused(error, inputs)


def _done(created: Created) -> None:
    payment = created.payment
    with st.container(border=True, width=640):
        st.html('<p class="pay-sum pay-good"><i class="pay-shape pay-disc"></i>Payment created</p>')
        st.html(
            str(
                facts.facts(
                    [
                        ("Amount", money.cell(payment.amount, payment.currency)),
                        ("Account", payment.account_id),
                        ("Status", status.badge(payment.status)),
                        ("Id", facts.code(str(payment.id))),
                    ]
                )
            )
        )
        if created.replayed:
            st.caption("The button was pressed more than once; this is the one payment that was made.")
        with st.container(horizontal=True):
            st.link_button("Open payment", f"/{state.payment_link(str(payment.id))}", type="primary")
            _again(_start_anew)


def _again(start: Callable[[], None]) -> None:
    st.button("Create another", on_click=start, key="another", icon=":material/add:")


def _start_anew() -> None:
    """Forget this form with its key; the next one opens with a key of its own."""
    for name in (KEY, RESULT, *FORM_FIELDS):
        st.session_state.pop(name, None)
