"""Statements of wallet providers: brought in, their lines by state, and how old is what is open.

It must not match anything itself, and keeps nothing of a statement once it is sent.
"""

import csv
import io
from datetime import UTC, datetime

import streamlit as st
from payments_schema.wire.wallet_desk import AgeView, StatementFile, StatementLineView, StatementTaken
from payments_schema.wire.wallets import WalletProvider
from pydantic import ValidationError

from payments_ui import calls, state
from payments_ui.api_client import ApiClient, ApiError
from payments_ui.components import grid, header, money, problems, times

STATES = ("open", "proposed", "suspense", "matched")
SIDES = {"stated": "stated, no payment found", "booked": "paid, not on a statement"}
COLUMNS = "provider_id,reference,amount,fee,currency,at"
MOST_CHARACTERS = 1_000_000


def show(api: ApiClient) -> None:
    """Show the page."""
    header.title("Statements", "What providers say they moved, against what we booked.")
    st.markdown("##### Age of what is open", anchors=False)
    try:
        _ages(calls.wallets.wallet_ageing(api))
        st.markdown("##### Lines", anchors=False)
        _lines(api)
    except ApiError as error:
        problems.show(error)
        return
    st.markdown("##### Bring in a statement", anchors=False)
    _bring(api)


def _ages(ages: list[AgeView]) -> None:
    if not ages:
        problems.nothing_here("Nothing is open", "Every line has its payment, and every payment its line.")
        return
    heads = ("Provider", "Side", "Days", "Count", "Sum")
    rows = (
        (one.provider, SIDES[one.side], one.days, f"{one.count:,}", money.cell(one.sum, one.currency))
        for one in ages
    )
    st.html(str(grid.table("Age of what is open", heads, rows, "Count,Sum")))


def _lines(api: ApiClient) -> None:
    asked = st.query_params.get("state", STATES[0])
    chosen = st.selectbox("State", STATES, index=STATES.index(asked) if asked in STATES else 0)
    after = st.query_params.get("after", "") if chosen == asked else ""
    if chosen != asked:
        st.query_params.from_dict({"state": chosen})
    lines = calls.wallets.statement_lines(api, chosen, after if after.isdecimal() and len(after) < 19 else "")
    if not lines:
        problems.nothing_here("No line", "None of this state, or none further on.")
    else:
        st.html(str(_table(lines)))
    last = str(lines[-1].id) if len(lines) == calls.wallets.STATEMENT_ROWS else ""
    links = [grid.link(state.page_link(state.STATEMENTS_PATH, state=chosen), "First lines")] if after else []
    if last:
        address = state.page_link(state.STATEMENTS_PATH, state=chosen, after=last)
        links.append(grid.link(address, "Next lines"))
    if links:
        st.html(f'<p class="pay-more">{" · ".join(map(str, links))}</p>')


def _table(lines: list[StatementLineView]) -> str:
    zone, now = times.reader_zone(), datetime.now(UTC)
    heads = ("No.", "Provider", "Their id", "Our reference", "Moved", "Fee", "At", "State")
    rows = (
        (
            str(one.id),
            one.provider,
            one.provider_id,
            one.reference,
            money.cell(one.effect, one.currency),
            money.cell(one.fee, one.currency),
            times.moment(one.at, zone, now),
            one.state,
        )
        for one in lines
    )
    return str(grid.table("Lines of statements", heads, rows, "No.,Moved,Fee"))


def _bring(api: ApiClient) -> None:
    with st.form("statement", border=True):
        provider = st.selectbox("Provider", list(WalletProvider), key="statement_provider")
        pasted = st.text_area(
            "Lines as CSV",
            placeholder=f"{COLUMNS}\nMP-1,ref-1,-25.00,0.19,GHS,2026-11-20T10:00:00Z",
            height=180,
            max_chars=MOST_CHARACTERS,
            key="statement_lines",
            help="Lines that were brought in before count once, whoever brought them.",
        )
        if not st.form_submit_button("Bring in", type="primary"):
            return
    file = _read(pasted or "")
    if file is None:
        return
    try:
        _taken(calls.wallets.upload_statement(api, provider, file))
    except ApiError as error:
        problems.show(error)


def _read(pasted: str) -> StatementFile | None:
    """Read the lines; say what is wrong with the first that is not sound, without repeating it."""
    try:
        found = list(csv.DictReader(io.StringIO(pasted.strip(), newline=""), strict=True))
    except csv.Error:
        found = []
    if not found:
        st.caption(f":red[A first line with the names {COLUMNS}, then a line each.]")
        return None
    given = [{str(name): cell for name, cell in row.items() if cell not in ("", None)} for row in found]
    try:
        return StatementFile.model_validate({"lines": given})
    except ValidationError as error:
        for wrong in error.errors(include_url=False, include_input=False)[:5]:
            where = [str(part) for part in wrong["loc"]]
            line = f"Line {int(where[1]) + 1}" if len(where) > 1 else "The statement"
            named = f", {where[2]}" if len(where) > 2 and where[2] in COLUMNS.split(",") else ""
            st.caption(f":red[{line}{named}: {wrong['msg'].removeprefix('Value error, ')}.]")
        return None


def _taken(taken: StatementTaken) -> None:
    st.success(
        f"{taken.lines:,} lines: {taken.fresh:,} new, {taken.repeated:,} known; "
        f"{taken.matched:,} matched, {taken.proposed:,} proposed for somebody to decide."
    )
