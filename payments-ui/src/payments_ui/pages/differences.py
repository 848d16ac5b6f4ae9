"""What waits in suspense: how old, both sides, resolved or written off with a reason, several at once.

It must not touch a difference that was not ticked by its payment's id, and keeps one key for each of them.
"""

from datetime import UTC, datetime
from decimal import Decimal
from uuid import uuid4

import streamlit as st
from markupsafe import Markup
from payments_schema.errors import PaymentsError
from payments_schema.money import parse_major
from payments_schema.wire.approvals import ApprovalKind, AskApproval
from payments_schema.wire.books import AdjustDifference, AdjustmentAction, DifferencePage, DifferenceView

from payments_ui import calls, state
from payments_ui.api_client import ApiClient, ApiError
from payments_ui.components import facts, grid, header, live, money, problems, times

ACTIONS = {"Resolve": AdjustmentAction.RESOLVE, "Write off": AdjustmentAction.WRITE_OFF}
AGES = ((1, "today"), (7, "this week"), (30, "this month"))


def show(api: ApiClient, *, refresh_s: int) -> None:
    """Show the page."""
    header.title("Discrepancies", "Differences that wait in suspense, the oldest first.")
    cursor = st.query_params.get("cursor", "")
    is_live = live.toggle("differences_live")
    acting = st.container()
    live.follow(
        "differences",
        cursor,
        load=lambda: calls.ledger.differences(api, cursor),
        show=lambda page: _show(page, cursor),
        every_s=refresh_s,
        live=is_live,
    )
    page = live.last("differences", DifferencePage)
    if page is not None and page.data:
        with acting:
            _acting(api, page)


def age(since: datetime, now: datetime) -> str:
    """Name the bucket of an age."""
    days = (now - since).days
    return next((word for limit, word in AGES if days < limit), "older")


def _show(page: DifferencePage, cursor: str) -> None:
    if not page.data:
        problems.nothing_here("Nothing in suspense", "Every difference was resolved or written off.")
        return
    now, zone = datetime.now(UTC), times.reader_zone()
    rows = (
        (
            grid.link(state.payment_link(line.payment_id), f"…{line.payment_id[-12:]}"),
            money.cell(line.amount, line.currency),
            age(line.since, now),
            times.moment(line.since, zone, now),
        )
        for line in page.data
    )
    st.html(str(grid.table("Open differences", ("Payment", "Open", "Age", "Since"), rows, "Open")))
    st.html(str(grid.pager(cursor, page.next_cursor, state.DIFFERENCES_PATH)))


def _acting(api: ApiClient, page: DifferencePage) -> None:
    by_id = {line.payment_id: line for line in page.data}
    left, resolve, write_off = st.columns([5, 1, 1], vertical_alignment="bottom")
    chosen = left.multiselect(
        "Differences to decide",
        list(by_id),
        format_func=lambda payment_id: _named(by_id.get(payment_id), payment_id),
        key="chosen_differences",
    )
    for column, label in ((resolve, "Resolve"), (write_off, "Write off")):
        if column.button(label, key=f"open_{label}", disabled=not chosen):
            keys = {payment_id: f"ui-{uuid4()}" for payment_id in chosen}
            st.dialog(label, width="large", on_dismiss="rerun")(dialog)(api, label, keys)


def _named(line: DifferenceView | None, payment_id: str) -> str:
    amount = money.spoken(line.amount, line.currency) if line is not None else ""
    return f"…{payment_id[-12:]} {amount}".strip()


def dialog(api: ApiClient, label: str, keys: dict[str, str]) -> None:
    """Show both sides of each chosen difference, and decide them all for one reason; `keys` by payment."""
    for payment_id in keys:
        st.html(str(_sides(api, payment_id)))
    amount, is_sound = _part(api, keys)
    reason = st.text_area("Reason", max_chars=1000, key=f"reason_{label}", help="Kept in the audit trail.")
    if not st.button(f"{label} {len(keys)}", type="primary", key=f"do_{label}", disabled=not is_sound):
        return
    if not (reason or "").strip():
        st.caption(":red[Say why: the reason is kept in the audit trail.]")
        return
    asked = AdjustDifference(action=ACTIONS[label], amount=amount, reason=(reason or "").strip())
    refused = 0
    for payment_id, key in keys.items():
        try:
            calls.ledger.adjust(api, payment_id, asked, key)
        except ApiError as error:
            if error.code == "approval_required" and _asked_second(api, payment_id, asked, key):
                continue
            refused += 1
            st.error(f"…{payment_id[-12:]}: {error.detail}")
    if not refused:
        st.session_state.pop("chosen_differences", None)
        st.toast(f"{label}: {len(keys)} done")
        st.rerun()


def _asked_second(api: ApiClient, payment_id: str, wanted: AdjustDifference, key: str) -> bool:
    """Ask for a second person in its place."""
    asked = AskApproval(
        kind=ApprovalKind.WRITE_OFF, subject=payment_id, amount=wanted.amount, reason=wanted.reason
    )
    try:
        made = calls.approvals.ask_approval(api, asked, f"{key}-ask")
    except ApiError as error:
        st.error(f"…{payment_id[-12:]}: {error.detail}")
        return False
    st.toast(f"…{payment_id[-12:]}: waits for a second person (request {made.id})")
    return True


def _part(api: ApiClient, keys: dict[str, str]) -> tuple[Decimal | None, bool]:
    """Ask how much of one difference is meant: the rest stays open, to be decided otherwise.

    False while what is typed is no amount; several are always decided whole.
    """
    if len(keys) != 1:
        return None, True
    typed = st.text_input(
        "Part of it", key="part_of_difference", max_chars=30, placeholder="all of it", help="To split it."
    )
    wanted = (typed or "").strip().replace(",", "")
    if not wanted:
        return None, True
    (payment_id,) = keys
    try:
        part = parse_major(wanted, api.payment(payment_id).payment.currency)
    except (ApiError, PaymentsError) as error:
        st.caption(f":red[{error.detail}]")
        return None, False
    return Decimal(part.major()), True


def _sides(api: ApiClient, payment_id: str) -> Markup:
    """The difference on top, and both sides beneath it."""
    try:
        detail, done = api.payment(payment_id), calls.ledger.adjustments(api, payment_id)
    except ApiError as error:
        return Markup("<p>{}: {}</p>").format(payment_id, error.detail)
    payment, verdict = detail.payment, detail.reconciliation
    open_ = verdict.discrepancy_amount if verdict is not None else None
    named = [
        ("Difference", money.cell(open_, payment.currency) if open_ else ""),
        ("Payment", grid.link(state.payment_link(payment_id), payment_id)),
        ("Our side", money.cell(payment.amount, payment.currency)),
        ("Their side", verdict.notes if verdict is not None else ""),
        ("Already done", ", ".join(f"{one.action.value} {one.amount}: {one.reason}" for one in done)),
    ]
    return facts.facts(named)
