"""The list of payments: filters that live in the address, pages by cursor, live until paused.

It must not act on a payment; a row leads to the payment's own page by its id.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, tzinfo
from functools import partial

import streamlit as st
from markupsafe import Markup
from payments_schema.money import CURRENCIES
from payments_schema.wire.operations import Kind
from payments_schema.wire.views import Period

from payments_ui import state
from payments_ui.api_client import ApiClient, PaymentPage
from payments_ui.components import header, live, payments_table, problems, status, times, views
from payments_ui.state import Filters

HEAD = ("Payments", "Direct, card and wallet payments in one list.", ("New payment", state.CREATE_PATH))
ANY = ""
ORDERS = {False: "newest first", True: "oldest first"}


def show(api: ApiClient, *, refresh_s: int) -> None:
    """Show the page."""
    header.title(*HEAD)
    asked = Filters.from_address(st.query_params)
    links = views.start(asked)
    filters, is_live = _filters(asked)
    live.follow(
        "payments",
        filters,
        # A period is resolved at each reading: a list that stays open over midnight shows the new today.
        load=lambda: api.list_payments(filters.query(times.reader_zone())),
        show=partial(_page, filters),
        every_s=refresh_s,
        live=is_live,
    )
    export = Markup('<p class="pay-more"><a href="{}" download="payments.csv">Export these as CSV</a></p>')
    st.html(str(export.format(state.export_link(filters.query(times.reader_zone())))))
    views.finish(api, filters, links)


def first_look(api: ApiClient, address: Mapping[str, str], zone: tzinfo) -> Markup | None:
    """Markup of the list as its address asks for it, without what filters it; None where it is empty.

    zone: UTC itself where it is not known yet; then the reader's days cannot be told, and None is returned.
    """
    filters = Filters.from_address(address)
    query = filters.query(zone)
    if zone is UTC and (query.since or query.until):
        return None
    page = api.list_payments(query)
    if not page.rows:
        return None
    read_at = datetime.now(UTC)
    return Markup("{}{}{}{}").format(
        header.drawn(*HEAD),
        views.drawn(filters, []),
        live.freshness(read_at, read_at, zone, live=False, word=f"Times in {read_at.astimezone(zone):%Z}"),
        _table(filters, page, zone),
    )


def _filters(asked: Filters) -> tuple[Filters, bool]:
    """Show the filters as the address has them, move the address when one is changed, and ask if live."""
    by_kind, by_status, by_account, by_text, more, switch = st.columns(
        [1.3, 1.7, 2, 2.6, 1.1, 1.1], vertical_alignment="bottom"
    )
    with switch:
        is_live = live.toggle("payments_live")
    kind = by_kind.selectbox(
        "Kind", [ANY, *Kind], index=[ANY, *Kind].index(asked.kind), format_func=lambda value: value or "any"
    )
    statuses = [ANY, *(known for several in _statuses(kind) for known in several)]
    chosen = by_status.selectbox(
        "Status",
        statuses,
        index=statuses.index(asked.status) if asked.status in statuses else 0,
        format_func=lambda value: status.look_of(value).word if value else "any",
    )
    account = by_account.text_input("Account", asked.account, placeholder="ACC-…", max_chars=state.SEARCH_MAX)
    text = by_text.text_input(
        "Search",
        asked.search,
        placeholder="id, key, account, payee, number",
        max_chars=state.SEARCH_MAX,
        icon=":material/search:",
    )
    with more.popover("More"):
        further = _further(asked)
    wanted = Filters(
        status=chosen,
        account=(account or "").strip(),
        search=(text or "").strip(),
        kind=kind,
        **further,
    )
    if wanted == asked.at(""):
        return asked, is_live
    # Other filters make another list: its pages begin anew.
    st.query_params.from_dict(wanted.to_address())
    return wanted, is_live


def _statuses(kind: str) -> list[tuple[str, ...]]:
    return [state.STATUSES[kind]] if kind else list(state.STATUSES.values())


def _further(asked: Filters) -> state.Further:
    currencies = [ANY, *sorted(CURRENCIES)]
    amount = st.text_input("Amount", asked.amount, placeholder="250.00", max_chars=30) or ""
    typed = amount.strip().replace(",", "")
    if typed and not state.is_amount(typed):
        st.caption("An amount is written as 250.00; this one filters nothing.")
        typed = ""
    currency = st.selectbox(
        "Currency",
        currencies,
        index=currencies.index(asked.currency),
        format_func=lambda value: value or "any",
    )
    periods = [ANY, *Period]
    period = st.selectbox(
        "Period",
        periods,
        index=periods.index(asked.period),
        format_func=lambda value: value.replace("-", " ") if value else "from day to day",
    )
    since = until = None
    if not period:
        since = st.date_input("From", _date(asked.since), format="YYYY-MM-DD")
        until = st.date_input("To", _date(asked.until), format="YYYY-MM-DD")
    oldest = st.selectbox("Order", [False, True], index=int(asked.oldest), format_func=ORDERS.__getitem__)
    rows = st.selectbox("Rows", state.ROW_CHOICES, index=state.ROW_CHOICES.index(asked.rows))
    return {
        "amount": typed,
        "currency": currency,
        "since": since.isoformat() if since else "",
        "until": until.isoformat() if until else "",
        "period": period,
        "oldest": oldest,
        "rows": rows,
    }


def _date(day: str) -> date | None:
    return date.fromisoformat(day) if day else None


def _page(filters: Filters, page: PaymentPage) -> None:
    if page.rows:
        st.html(str(_table(filters, page, times.reader_zone())))
    else:
        _nothing(filters)
    if page.rows or filters.cursor:
        _pager(filters, page)


def _table(filters: Filters, page: PaymentPage, zone: tzinfo) -> Markup:
    caption = f"Payments, {ORDERS[filters.oldest]}"
    return payments_table.table(page.rows, zone, datetime.now(UTC), caption)


def _nothing(filters: Filters) -> None:
    if filters.cursor:
        problems.nothing_here("Nothing further", "This is the end of the list. Go back to its first page.")
    elif filters.narrows:
        problems.nothing_here("No payment matches", "Take a filter away, or search for a shorter part.")
    else:
        problems.nothing_here("No payment yet", "Create the first one with the button above.")


def _pager(filters: Filters, page: PaymentPage) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        count = len(page.rows)
        st.caption(
            f"{count} payment{'' if count == 1 else 's'}{' from further on' if filters.cursor else ''}"
        )
        newest = st.button(
            "First page", icon=":material/first_page:", disabled=not filters.cursor, key="newest"
        )
        older = st.button(
            "Next page", icon=":material/chevron_right:", disabled=not page.next_cursor, key="older"
        )
    if newest or older:
        turned = filters.at(page.next_cursor if older else "")
        st.query_params.from_dict(turned.to_address())
        st.rerun()
