"""Dialogs that act on one payment: re-read by id, previewed by the API, once per opening.

A dialog must not be opened from inside a live part, and must never act on what the reader has not seen.
"""

from dataclasses import dataclass
from decimal import Decimal

import streamlit as st
from markupsafe import Markup
from payments_schema.errors import PaymentsError
from payments_schema.ids import uuid7
from payments_schema.money import Money, parse_major
from payments_schema.wire.approvals import ApprovalKind, AskApproval
from payments_schema.wire.cards import Preview
from payments_schema.wire.ledger import LedgerEntry
from payments_schema.wire.operations import Kind, Story

from payments_ui import calls, state
from payments_ui.api_client import ApiClient, ApiError
from payments_ui.components import deed, facts, live, money, problems, status, t_accounts
from payments_ui.components.fields import AMOUNT_NAMES, Fields

LABELS = {"capture": "Capture", "void": "Void", "settle": "Settle", "refund": "Refund", "cancel": "Cancel"}
TAKES_AMOUNT = {(Kind.CARD, "capture"), (Kind.CARD, "refund")}


@dataclass(frozen=True, slots=True)
class Wish:
    """What one opening of a dialog is about; its key is the only one that it will ever send."""

    payment_id: str
    action: str
    key: str

    def slot(self, name: str) -> str:
        """Name a place in the session that belongs to this opening alone."""
        return f"act:{self.key}:{name}"


def buttons(api: ApiClient, story: Story) -> None:
    """Show what may be done with a payment, each as a button that opens its dialog."""
    if not story.actions:
        return
    with st.container(horizontal=True):
        for action in story.actions:
            if st.button(LABELS.get(action, action), key=f"open_{action}"):
                live.hold()
                wish = Wish(story.payment.id, action, f"ui-{uuid7()}")
                st.dialog(f"{LABELS.get(action, action)} payment", width="large", on_dismiss="rerun")(
                    _dialog
                )(api, wish)


def _dialog(api: ApiClient, wish: Wish) -> None:
    done = st.session_state.get(wish.slot("done"))
    if isinstance(done, str):
        _result(wish, done)
        return
    try:
        # By its id and as it is now, whatever the page showed.
        story = calls.payments.story(api, wish.payment_id)
    except ApiError as error:
        problems.show(error)
        return
    _subject(story)
    if wish.action not in story.actions:
        st.warning(
            f"This payment is {status.look_of(story.payment.status).word}: it cannot be done any more."
        )
        return
    if st.session_state.setdefault(wish.slot("seen"), story.payment.updated_at) != story.payment.updated_at:
        st.session_state[wish.slot("seen")] = story.payment.updated_at
        st.warning("The payment changed while this dialog was open. Look at it again before you go on.")
        changed = True
    else:
        changed = False
    inputs = Fields()
    amount = _amount(story, wish, inputs)
    if amount is None or not _previewed(api, story, wish, amount):
        return
    confirmed = deed.confirmed(amount, wish.slot("typed"))
    if st.session_state.get(wish.slot("needs_second")):
        _ask_second(api, story, wish, amount, inputs)
        return
    label = f"{LABELS[wish.action]} {money.spoken(amount.major(), amount.currency)}"
    if st.button(label, type="primary", key=wish.slot("go"), disabled=not confirmed) and not changed:
        _send(api, story, wish, amount, inputs)


def _subject(story: Story) -> None:
    payment = story.payment
    st.html(
        str(
            facts.facts(
                [
                    ("Payment", facts.code(payment.id)),
                    ("Amount", money.cell(payment.amount, payment.currency)),
                    ("For", payment.party or ""),
                    ("Status", status.badge(payment.status)),
                ]
            )
        )
    )


def _amount(story: Story, wish: Wish, inputs: Fields) -> Money | None:
    """Ask how much where the action takes an amount; None while what is typed is none."""
    most = Money(story.remaining_minor[wish.action], story.payment.currency)
    if (story.payment.kind, wish.action) not in TAKES_AMOUNT:
        return most
    typed = st.text_input(
        f"Amount, at most {money.spoken(most.major(), most.currency)}",
        most.major(),
        key=wish.slot("amount"),
        max_chars=30,
    )
    inputs.under(*AMOUNT_NAMES)
    try:
        amount = parse_major((typed or "").strip().replace(",", ""), most.currency)
    except PaymentsError as error:
        st.caption(f":red[{error.detail}]")
        return None
    if not 0 < amount.minor <= most.minor:
        st.caption(f":red[Between nothing and {money.spoken(most.major(), most.currency)}.]")
        return None
    return amount


def _previewed(api: ApiClient, story: Story, wish: Wish, amount: Money) -> bool:
    """Show the entries that would be posted; False where the API would refuse."""
    if story.payment.kind is not Kind.CARD:
        st.caption("What has been reserved for this payment goes back to where it came from.")
        return True
    try:
        preview = calls.payments.preview_card(api, wish.payment_id, wish.action, _asked(wish, amount))
    except ApiError as error:
        problems.show(error)
        return False
    st.html(str(posted(preview)))
    return True


def posted(preview: Preview) -> Markup:
    """Markup of entries that are not posted yet, under their head."""
    return Markup('<h6 class="pay-next">What will be posted</h6>{}').format(drawn_preview(preview))


def drawn_preview(preview: Preview) -> Markup:
    """Markup of entries that are not posted yet, as T-accounts."""
    return t_accounts.drawn_entries(
        [
            LedgerEntry(
                id="",
                account=entry.account,
                direction=entry.direction,
                amount=Money(entry.amount, entry.currency).major(),
                currency=entry.currency,
                balance_after="",
            )
            for entry in preview.entries
        ]
    )


def _asked(wish: Wish, amount: Money) -> int | None:
    return amount.minor if (Kind.CARD, wish.action) in TAKES_AMOUNT else None


def _send(api: ApiClient, story: Story, wish: Wish, amount: Money, inputs: Fields) -> None:
    try:
        if story.payment.kind is Kind.CARD:
            answer = calls.payments.act_on_card(
                api, wish.payment_id, wish.action, _asked(wish, amount), wish.key
            )
        elif wish.action == "cancel":
            user_id = calls.payments.wallet(api, wish.payment_id).user_id
            answer = calls.payments.cancel_wallet(api, wish.payment_id, user_id, wish.key)
        else:
            answer = calls.payments.refund_wallet(api, wish.payment_id, None, wish.key)
    except ApiError as error:
        if error.code == "approval_required":
            st.session_state[wish.slot("needs_second")] = True
            st.rerun(scope="fragment")
        problems.refused(error, inputs)
        return
    st.session_state[wish.slot("done")] = str(answer.status)
    st.rerun(scope="fragment")


def _ask_second(api: ApiClient, story: Story, wish: Wish, amount: Money, inputs: Fields) -> None:
    """Ask somebody else to agree; nothing is posted until then."""
    st.warning("So much needs a second person. Nothing was posted; say why, and ask one.")
    reason = (st.text_area("Reason", max_chars=1000, key=wish.slot("reason")) or "").strip()
    inputs.under("reason")
    if not st.button("Ask a second person", type="primary", key=wish.slot("ask"), disabled=not reason):
        return
    is_card = story.payment.kind is Kind.CARD
    kind = ApprovalKind.CARD_REFUND if is_card else ApprovalKind.WALLET_REFUND
    asked = AskApproval(kind=kind, subject=wish.payment_id, amount=Decimal(amount.major()), reason=reason)
    try:
        calls.approvals.ask_approval(api, asked, f"{wish.key}-ask")
    except ApiError as error:
        problems.refused(error, inputs)
        return
    st.session_state[wish.slot("done")] = "waiting for a second person"
    st.rerun(scope="fragment")


def _result(wish: Wish, became: str) -> None:
    word = "Asked" if st.session_state.get(wish.slot("needs_second")) else "Done"
    named = [
        ("Payment", _link(wish.payment_id)),
        ("It is now", status.badge(became)),
        ("Key", facts.code(wish.key)),
    ]
    deed.result(word, named)


def _link(payment_id: str) -> Markup:
    return Markup('<a href="{}">{}</a>').format(state.payment_link(payment_id), payment_id)
