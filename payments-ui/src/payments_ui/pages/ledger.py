"""The books: trial balance, accounts with their statements, the chart, closed periods.

It must not add up anything that the ledger has not added up.
"""

from datetime import UTC, datetime

import streamlit as st
from markupsafe import Markup
from payments_schema.wire.books import AccountPage, ChartLineView, PeriodView, Statement, TrialBalance

from payments_ui import calls, state
from payments_ui.api_client import ApiClient, ApiError
from payments_ui.components import grid, header, money, problems, times

VIEWS = {"trial": "Trial balance", "accounts": "Accounts", "chart": "Chart", "periods": "Periods"}


def show(api: ApiClient) -> None:
    """Show the page."""
    header.title("Ledger", "The books as they stand; every figure leads to the entries behind it.")
    asked = st.query_params.get("view", "trial")
    cursor, account_id = st.query_params.get("cursor", ""), st.query_params.get("account", "")
    links = Markup(" ").join(
        Markup('<a href="{}"{}>{}</a>').format(
            state.page_link(state.LEDGER_PATH, view=view),
            Markup(' aria-current="page"') if view == asked else "",
            word,
        )
        for view, word in VIEWS.items()
    )
    st.html(str(Markup('<nav class="pay-views" aria-label="Views">{}</nav>').format(links)))
    try:
        if account_id:
            _statement(calls.ledger.statement(api, account_id, cursor), cursor)
        elif asked == "accounts":
            st.html(str(_accounts(calls.ledger.accounts(api, cursor), cursor)))
        elif asked == "chart":
            st.html(str(_chart(calls.ledger.chart(api))))
        elif asked == "periods":
            _periods(calls.ledger.periods(api))
        else:
            _trial(calls.ledger.trial_balance(api))
    except ApiError as error:
        problems.show(error)


def _trial(trial: TrialBalance) -> None:
    tone, shape, text = (
        ("good", "disc", "In every currency the debits are the credits")
        if trial.balanced
        else ("bad", "square", "Debits and credits differ")
    )
    light = Markup('<p class="pay-sum pay-{}"><i class="pay-shape pay-{}"></i>{}</p>')
    st.html(str(light.format(tone, shape, text)))
    heads = ("Account", "Type", "Currency", "Debits", "Credits")
    rows = (
        (line.account, line.type, line.currency, money.grouped(line.debits), money.grouped(line.credits))
        for line in trial.data
    )
    st.html(str(grid.table("Trial balance", heads, rows, "Debits,Credits")))


def _accounts(page: AccountPage, cursor: str) -> Markup:
    heads = ("Account", "Whose", "Type", "Posted", "Available", "Entries")
    rows = (
        (
            grid.link(state.page_link(state.LEDGER_PATH, account=line.id), line.code),
            line.kind,
            line.type,
            money.cell(line.posted, line.currency),
            money.cell(line.available, line.currency),
            f"{line.version:,}",
        )
        for line in page.data
    )
    table = grid.table("Accounts", heads, rows, "Posted,Available,Entries")
    return table + grid.pager(cursor, page.next_cursor, state.LEDGER_PATH, view="accounts")


def _statement(told: Statement, cursor: str) -> None:
    now, zone = datetime.now(UTC), times.reader_zone()
    account = told.account
    st.markdown(f"##### Statement, {account.currency}", anchors=False)
    st.html(
        str(
            Markup('<div class="pay-head"><span class="pay-big">{}</span><code>{}</code></div>').format(
                money.spoken(account.posted, account.currency), account.code
            )
        )
    )
    heads = ("No.", "When", "What", "Payment", "Debit", "Credit", "Balance")
    rows = (
        (
            str(line.version),
            times.moment(line.effective_at, zone, now),
            line.kind.replace("_", " "),
            grid.link(state.payment_link(line.reference), f"…{line.reference[-12:]}"),
            money.grouped(line.amount) if line.direction == "debit" else "",
            money.grouped(line.amount) if line.direction == "credit" else "",
            money.grouped(line.balance_after),
        )
        for line in told.data
    )
    st.html(str(grid.table("Entries, newest first", heads, rows, "No.,Debit,Credit,Balance")))
    st.html(str(grid.pager(cursor, told.next_cursor, state.LEDGER_PATH, account=account.id)))


def _chart(lines: list[ChartLineView]) -> Markup:
    heads = ("Code", "Type", "Grows by", "Purpose")
    rows = ((line.code, line.type, line.normal_side.value, line.purpose) for line in lines)
    return grid.table("Chart of accounts", heads, rows)


def _periods(periods: list[PeriodView]) -> None:
    if not periods:
        problems.nothing_here("No period is closed", "Everything may still be dated to any day.")
        return
    now, zone = datetime.now(UTC), times.reader_zone()
    heads = ("Closed until", "By", "Why", "At")
    rows = (
        (
            times.moment(one.closed_until, zone, now),
            one.closed_by,
            one.reason,
            times.moment(one.closed_at, zone, now),
        )
        for one in periods
    )
    st.html(str(grid.table("Closed periods", heads, rows)))
