"""Wallet operations: payments that the risk rules stopped, decided with a reason.

It must not show a telephone number in clear; the API gives none.
"""

from datetime import UTC, datetime
from uuid import uuid4

import streamlit as st
from payments_schema.wire.wallets import DecideReview, WalletView

from payments_ui import calls, state
from payments_ui.api_client import ApiClient, ApiError
from payments_ui.components import facts, grid, header, money, problems, times


def show(api: ApiClient) -> None:
    """Show the page."""
    header.title("Wallet operations", "Mobile-money payments that wait for somebody's decision.")
    try:
        waiting = calls.wallet_reviews(api)
    except ApiError as error:
        problems.show(error)
        return
    if not waiting:
        problems.nothing_here("Nothing to review", "The risk rules have stopped no payment.")
        return
    now, zone = datetime.now(UTC), times.reader_zone()
    rows = (
        (
            grid.link(state.payment_link(one.id), f"…{one.id[-12:]}"),
            money.cell(one.amount, one.currency),
            f"{one.recipient_phone} {one.recipient_name}",
            times.moment(one.created_at, zone, now),
        )
        for one in waiting
    )
    st.html(str(grid.table("Reviews", ("Payment", "Amount", "Recipient", "Made"), rows, "Amount")))
    by_id = {one.id: one for one in waiting}
    left, approve, reject = st.columns([5, 1, 1], vertical_alignment="bottom")
    chosen = left.selectbox("Payment to decide", list(by_id), format_func=lambda one: f"…{one[-12:]}")
    for column, label in ((approve, "Approve"), (reject, "Reject")):
        if column.button(label, key=f"open_{label}"):
            key = f"ui-{uuid4()}"
            st.dialog(f"{label} a payment", on_dismiss="rerun")(_dialog)(api, label, by_id[chosen], key)


def _dialog(api: ApiClient, label: str, payment: WalletView, key: str) -> None:
    try:
        detail = calls.wallet(api, payment.id)  # as it is now, by its id
    except ApiError as error:
        problems.show(error)
        return
    named = [
        ("Payment", facts.code(detail.id)),
        ("Amount", money.cell(detail.amount, detail.currency)),
        ("Recipient", f"{detail.recipient_phone} {detail.recipient_name}"),
    ]
    st.html(str(facts.facts(named)))
    if detail.risk:
        st.json(detail.risk, expanded=True)
    reason = (st.text_area("Reason", max_chars=1000, key=f"reason_{key}") or "").strip()
    if not st.button(f"{label} it", type="primary", key=f"do_{key}"):
        return
    if not reason:
        st.caption(":red[Say why: the audit trail keeps the reason.]")
        return
    decision = DecideReview(decision="approve" if label == "Approve" else "reject", reason=reason)
    try:
        calls.decide_review(api, payment.id, decision, key)
    except ApiError as error:
        problems.show(error)
        return
    st.toast(f"{label}: …{payment.id[-12:]}")
    st.rerun()
