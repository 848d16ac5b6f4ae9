"""Wallet operations: payments that the risk rules stopped, and statement lines that may belong together.

It must not show a telephone number in clear; the API gives none.
"""

import json
from datetime import UTC, datetime, tzinfo

import streamlit as st
from markupsafe import Markup
from payments_schema.money import Money, parse_major
from payments_schema.wire.statements import DecideMatch, MatchView
from payments_schema.wire.wallet_desk import ProviderView
from payments_schema.wire.wallets import DecideReview, WalletView

from payments_ui import calls, state
from payments_ui.api_client import ApiClient, ApiError
from payments_ui.components import deed, facts, grid, header, money, problems, status, times


def show(api: ApiClient) -> None:
    """Show the page."""
    header.title("Wallet operations", "Mobile-money payments that wait for somebody's decision.")
    try:
        waiting, proposed = calls.wallets.wallet_reviews(api), calls.wallets.matches(api, "proposed")
        providers = calls.wallets.wallet_providers(api)
    except ApiError as error:
        problems.show(error)
        return
    st.markdown("##### Providers", anchors=False)
    _providers(providers)
    st.markdown("##### Risk reviews", anchors=False)
    _reviews(api, waiting)
    st.markdown("##### Statement lines that may belong together", anchors=False)
    _proposals(api, proposed)


def _providers(providers: list[ProviderView]) -> None:
    if not providers:
        problems.nothing_here("No provider seen yet", "The worker notes how each is once it has asked.")
        return
    now, zone = datetime.now(UTC), times.reader_zone()
    heads = ("Provider", "Health", "Why", "Balance", "Succeeded", "Breaker", "Under way")
    rows = (
        (
            one.provider,
            status.badge(one.health),
            ", ".join(one.reasons) or one.balance_error or "",
            _balance(one, zone, now),
            f"{one.successes:,} of {one.successes + one.failures:,}",
            one.breaker or "",
            f"{one.open_attempts:,}",
        )
        for one in providers
    )
    st.html(str(grid.table("Providers", heads, rows, "Balance,Succeeded,Under way")))


def _balance(one: ProviderView, zone: tzinfo, now: datetime) -> Markup | str:
    if one.balance is None or one.balance_checked_at is None:
        return "not known"
    checked = times.moment(one.balance_checked_at, zone, now)
    return Markup('{} <span class="pay-dim">{}</span>').format(money.cell(one.balance, one.currency), checked)


def _proposals(api: ApiClient, proposed: list[MatchView]) -> None:
    if not proposed:
        problems.nothing_here("No proposal", "Every statement line was matched, or none was read yet.")
        return
    now, zone = datetime.now(UTC), times.reader_zone()
    heads = ("No.", "Provider", "Kind", "Lines", "Attempts", "Difference", "Proposed")
    rows = (
        (
            str(one.id),
            one.provider,
            one.kind.replace("_", " "),
            ", ".join(map(str, one.lines)),
            ", ".join(f"…{str(attempt)[-12:]}" for attempt in one.attempts),
            _difference(one),
            times.moment(one.created_at, zone, now),
        )
        for one in proposed
    )
    st.html(str(grid.table("Proposals", heads, rows, "No.,Difference")))
    by_number = {one.id: one for one in proposed}
    left, confirm, reject = st.columns([5, 1, 1], vertical_alignment="bottom")
    chosen = by_number[left.selectbox("Proposal to decide", list(by_number), key="proposal")]
    for column, label in ((confirm, "Confirm"), (reject, "Reject")):
        with column:
            deed.button(decision(api, label, chosen), f"match_{label}")


def decision(api: ApiClient, label: str, match: MatchView) -> deed.Deed:
    """Confirm or reject one proposal, looked at again by its number."""

    def look() -> deed.Named:
        now = next((one for one in calls.wallets.matches(api, "proposed") if one.id == match.id), None)
        if now is None:
            return [("Proposal", str(match.id)), ("State", "decided")]
        return [
            ("Proposal", str(now.id)),
            ("Provider", now.provider),
            ("Lines", ", ".join(map(str, now.lines))),
            ("Difference", _difference(now)),
        ]

    def decide(said: deed.Filled) -> None:
        word = DecideMatch(decision="confirm" if label == "Confirm" else "reject")
        calls.wallets.decide_match(api, match.id, word, said.key)

    if label != "Confirm" or not match.difference_minor:
        return deed.Deed(label, look, decide, wants_reason=False)
    booked = Money(abs(match.difference_minor), match.currency)
    warning = "The ledger books the difference."
    return deed.Deed(label, look, decide, warning=warning, whole=lambda: booked, wants_reason=False)


def _difference(match: MatchView) -> Markup:
    return money.cell(Money(match.difference_minor, match.currency).major(), match.currency)


def _reviews(api: ApiClient, waiting: list[WalletView]) -> None:
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
        with column:
            deed.button(review(api, label, chosen), f"review_{label}")


def review(api: ApiClient, label: str, payment_id: str) -> deed.Deed:
    """Let a payment go on that the risk rules stopped, or end it, with a reason."""

    def look() -> deed.Named:
        now = calls.payments.wallet(api, payment_id)
        return [
            ("Payment", grid.link(state.payment_link(now.id), now.id)),
            ("Amount", money.cell(now.amount, now.currency)),
            ("Recipient", f"{now.recipient_phone} {now.recipient_name}"),
            ("Status", status.badge(now.status.value)),
        ]

    def whole() -> Money:
        now = calls.payments.wallet(api, payment_id)
        return parse_major(now.amount, now.currency)

    def risk(_: Money | None) -> Markup:
        found = calls.payments.wallet(api, payment_id).risk
        return facts.raw(json.dumps(found, indent=2)) if found else Markup("")

    def decide(said: deed.Filled) -> None:
        word = DecideReview(decision="approve" if label == "Approve" else "reject", reason=said.reason)
        calls.wallets.decide_review(api, payment_id, word, said.key)

    return deed.Deed(label, look, decide, whole=whole if label == "Approve" else None, below=risk)
