"""What waits for a second person: asked for by one, decided by another, done at most once.

It must not decide for anybody; who may is the API's to say.
"""

from datetime import UTC, datetime

import streamlit as st
from markupsafe import Markup
from payments_schema.money import Money, parse_major
from payments_schema.wire.approvals import (
    ApprovalKind,
    ApprovalPage,
    ApprovalState,
    ApprovalView,
    DecideApproval,
)
from payments_schema.wire.invoices import RefundCredit

from payments_ui import calls, state
from payments_ui.api_client import ApiClient
from payments_ui.components import act, deed, grid, header, live, money, problems, status, times

ANY = ""
KINDS = {
    ApprovalKind.CARD_REFUND: "card refund",
    ApprovalKind.WALLET_REFUND: "wallet refund",
    ApprovalKind.WRITE_OFF: "write-off",
    ApprovalKind.CREDIT_REFUND: "refund of credit",
}


def show(api: ApiClient, *, refresh_s: int) -> None:
    """Show the page."""
    header.title("Approvals", "Refunds and write-offs that need a second person.")
    chosen, cursor = st.query_params.get("state", ""), st.query_params.get("cursor", "")
    chosen = chosen if chosen in set(ApprovalState) else ANY
    _views(chosen)
    is_live = live.toggle("approvals_live")
    deciding = st.container()
    live.follow(
        "approvals",
        (chosen, cursor),
        load=lambda: calls.approvals.approvals(api, chosen, cursor),
        show=lambda page: _show(page, chosen, cursor),
        every_s=refresh_s,
        live=is_live,
    )
    page = live.last("approvals", ApprovalPage)
    if page is not None:
        with deciding:
            _deciding(api, [one for one in page.data if one.state is ApprovalState.WAITING])


def _views(chosen: str) -> None:
    named = {"All": ANY, "Waiting": "waiting", "Done": "done", "Failed": "failed"}
    links = Markup(" ").join(
        Markup('<a href="{}"{}>{}</a>').format(
            state.page_link(state.APPROVALS_PATH, state=value),
            Markup(' aria-current="page"') if value == chosen else "",
            name,
        )
        for name, value in named.items()
    )
    st.html(str(Markup('<nav class="pay-views" aria-label="Views">{}</nav>').format(links)))


def _show(page: ApprovalPage, chosen: str, cursor: str) -> None:
    if not page.data:
        problems.nothing_here("Nothing to decide", "What one person may do alone needs no second one.")
        return
    now, zone = datetime.now(UTC), times.reader_zone()
    heads = ("No.", "What", "Subject", "Amount", "Why", "Asked by", "State", "Asked", "Decided by")
    rows = (
        (
            str(one.id),
            KINDS[one.kind],
            _subject(one, f"…{one.subject[-12:]}"),
            money.cell(one.amount, one.currency),
            one.reason,
            one.asked_by,
            status.badge(one.state.value),
            times.moment(one.asked_at, zone, now),
            one.decided_by or "",
        )
        for one in page.data
    )
    st.html(str(grid.table("Requests, newest first", heads, rows, "No.,Amount")))
    st.html(str(grid.pager(cursor, page.next_cursor, state.APPROVALS_PATH, state=chosen)))


def _deciding(api: ApiClient, waiting: list[ApprovalView]) -> None:
    if not waiting:
        return
    by_number = {one.id: one for one in waiting}
    left, *columns = st.columns([4, 1.1, 1, 1.2], vertical_alignment="bottom")
    number = left.selectbox(
        "Request to decide",
        list(by_number),
        format_func=lambda one: _named(by_number.get(one), one),
        key="approval",
    )
    for column, (name, one) in zip(columns, deeds(api, number).items(), strict=True):
        with column:
            deed.button(one, f"approval_{name}")


def _named(approval: ApprovalView | None, number: int) -> str:
    if approval is None:
        return str(number)
    amount = money.spoken(approval.amount, approval.currency)
    return f"{number} · {KINDS[approval.kind]} {amount}, asked by {approval.asked_by}"


def _subject(one: ApprovalView, text: str) -> Markup | str:
    """A payment is a page away; of credit the subject says it all: currency and customer."""
    if one.kind is ApprovalKind.CREDIT_REFUND:
        return one.subject
    return grid.link(state.payment_link(one.subject), text)


def deeds(api: ApiClient, number: int) -> dict[str, deed.Deed]:
    """Agree, reject, or take one's own request back."""

    def look() -> deed.Named:
        one = calls.approvals.approval(api, number)
        return [
            ("What", KINDS[one.kind]),
            ("Subject", _subject(one, one.subject)),
            ("Amount", money.cell(one.amount, one.currency)),
            ("Why", one.reason),
            ("Asked by", one.asked_by),
            ("State", status.badge(one.state.value)),
        ]

    def decided(word: str) -> deed.Deed:
        return deed.Deed(
            word,
            look,
            lambda said: calls.approvals.decide_approval(
                api,
                number,
                DecideApproval(decision="approve" if word == "Approve" else "reject", reason=said.reason),
                said.key,
            ),
            warning="It is done at once, and once." if word == "Approve" else "",
            whole=(lambda: _amount(calls.approvals.approval(api, number))) if word == "Approve" else None,
            below=(lambda _: _preview(api, number)) if word == "Approve" else None,
        )

    own = deed.Deed(
        "Withdraw", look, lambda _said: calls.approvals.withdraw_approval(api, number), wants_reason=False
    )
    return {"approve": decided("Approve"), "reject": decided("Reject"), "withdraw": own}


def _amount(one: ApprovalView) -> Money:
    return parse_major(one.amount, one.currency)


def _preview(api: ApiClient, number: int) -> Markup:
    """The entries that a refund of a card payment or of credit would post now."""
    one = calls.approvals.approval(api, number)
    minor = _amount(one).minor
    if one.kind is ApprovalKind.CARD_REFUND:
        return act.posted(calls.payments.preview_card(api, one.subject, "refund", minor))
    if one.kind is ApprovalKind.CREDIT_REFUND:
        _, _, customer = one.subject.partition(":")
        asked = RefundCredit(customer=customer, currency=one.currency, amount_cents=minor)
        return act.posted(calls.invoices.preview_refund(api, asked))
    return Markup("")
