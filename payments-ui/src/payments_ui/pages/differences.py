"""What waits in suspense: how old, both sides, resolved or written off with a reason, several at once.

It must not touch a difference that was not ticked by its payment's id, and keeps one key for each of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from uuid import uuid4

import streamlit as st
from markupsafe import Markup
from payments_schema.errors import PaymentsError
from payments_schema.money import Money, parse_major
from payments_schema.wire.approvals import ApprovalKind, AskApproval
from payments_schema.wire.books import AdjustDifference, AdjustmentAction, DifferencePage, DifferenceView

from payments_ui import calls, state
from payments_ui.api_client import ApiClient, ApiError
from payments_ui.components import deed, facts, grid, header, live, money, problems, times

ACTIONS = {"Resolve": AdjustmentAction.RESOLVE, "Write off": AdjustmentAction.WRITE_OFF}
AGES = ((1, "today"), (7, "this week"), (30, "this month"))


@dataclass(frozen=True, slots=True)
class Wish:
    """A chosen difference as it was read last, and the only key that this opening sends for it."""

    line: DifferenceView
    key: str


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
    chosen = [one for one in chosen if one in by_id]  # what was settled meanwhile waits for nothing
    for column, label in ((resolve, "Resolve"), (write_off, "Write off")):
        if column.button(label, key=f"open_{label}", disabled=not chosen):
            wishes = [Wish(by_id[one], f"ui-{uuid4()}") for one in chosen]
            st.dialog(label, width="large", on_dismiss="rerun")(dialog)(api, label, wishes)


def _named(line: DifferenceView | None, payment_id: str) -> str:
    amount = money.spoken(line.amount, line.currency) if line is not None else ""
    return f"…{payment_id[-12:]} {amount}".strip()


def dialog(api: ApiClient, label: str, wishes: Sequence[Wish]) -> None:
    """Show both sides of each chosen difference, decide them all for one reason, and show what came of it."""
    slot = f"decided_{wishes[0].key}"
    if deed.is_over(slot, lambda: _form(api, label, wishes, slot)):
        deed.result("Done", st.session_state[slot])


def _form(api: ApiClient, label: str, wishes: Sequence[Wish], slot: str) -> None:
    for wish in wishes:
        st.html(str(_sides(api, wish.line.payment_id)))
    part, is_sound = _part(wishes)
    moved = [part] if part is not None else [_open(wish.line) for wish in wishes]
    is_sound = is_sound and deed.all_confirmed(moved, f"typed_{slot}")
    reason = st.text_area("Reason", max_chars=1000, key=f"reason_{label}", help="Kept in the audit trail.")
    if not st.button(f"{label} {len(wishes)}", type="primary", key=f"do_{label}", disabled=not is_sound):
        return
    said = (reason or "").strip()
    if not said:
        st.caption(":red[Say why: the reason is kept in the audit trail.]")
        return
    amount = None if part is None else Decimal(part.major())
    asked = AdjustDifference(action=ACTIONS[label], amount=amount, reason=said)
    done = [_decided(api, wish, asked) for wish in wishes]
    if None not in done:
        st.session_state.pop("chosen_differences", None)
        st.session_state[slot] = [(word, link) for word, link in filter(None, done)]


def _decided(api: ApiClient, wish: Wish, asked: AdjustDifference) -> tuple[str, Markup] | None:
    """Decide one; what came of it, with a link, or None where it was refused, which is told."""
    payment_id = wish.line.payment_id
    link = grid.link(state.payment_link(payment_id), payment_id)
    try:
        calls.ledger.adjust(api, payment_id, asked, wish.key)
    except ApiError as error:
        if error.code == "approval_required":
            return _asked_second(api, wish, asked)
        st.error(f"…{payment_id[-12:]}: {error.detail}")
        return None
    return "Resolved" if asked.action is AdjustmentAction.RESOLVE else "Written off", link


def _asked_second(api: ApiClient, wish: Wish, wanted: AdjustDifference) -> tuple[str, Markup] | None:
    """Ask for a second person in its place."""
    payment_id = wish.line.payment_id
    asked = AskApproval(
        kind=ApprovalKind.WRITE_OFF, subject=payment_id, amount=wanted.amount, reason=wanted.reason
    )
    try:
        made = calls.approvals.ask_approval(api, asked, f"{wish.key}-ask")
    except ApiError as error:
        st.error(f"…{payment_id[-12:]}: {error.detail}")
        return None
    waiting = grid.link(state.page_link(state.APPROVALS_PATH, state="waiting"), f"request {made.id}")
    return "Waits for a second person", waiting


def _part(wishes: Sequence[Wish]) -> tuple[Money | None, bool]:
    """Ask how much of one difference is meant: the rest stays open, to be decided otherwise.

    False while what is typed is no amount; several are always decided whole.
    """
    if len(wishes) != 1:
        return None, True
    typed = st.text_input(
        "Part of it", key="part_of_difference", max_chars=30, placeholder="all of it", help="To split it."
    )
    wanted = (typed or "").strip().replace(",", "")
    if not wanted:
        return None, True
    try:
        return parse_major(wanted, wishes[0].line.currency), True
    except PaymentsError as error:
        st.caption(f":red[{error.detail}]")
        return None, False


def _open(line: DifferenceView) -> Money:
    return parse_major(line.amount, line.currency)


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
