"""The list of payments: filters that live in the address, pages by cursor, live until paused.

It must not act on a payment; a row leads to the payment's own page by its id.
"""

from datetime import UTC, datetime
from functools import partial

import streamlit as st
from payments_schema.wire.payments import PaymentStatus

from payments_ui import state
from payments_ui.api_client import ApiClient, PaymentPage
from payments_ui.components import header, live, payments_table, problems, status, times
from payments_ui.state import Filters

ANY_STATUS = ""


def show(api: ApiClient, *, refresh_s: int) -> None:
    """Show the page."""
    header.title("Payments", "Every payment, newest first.", action=("New payment", state.CREATE_PATH))
    filters, is_live = _filters(Filters.from_address(st.query_params))
    live.follow(
        "payments",
        filters,
        load=lambda: api.list_payments(filters.query()),
        show=partial(_page, filters),
        every_s=refresh_s,
        live=is_live,
    )


def _filters(asked: Filters) -> tuple[Filters, bool]:
    """Show the filters as the address has them, move the address when one is changed, and ask if live."""
    by_status, by_account, by_text, rows, switch = st.columns(
        [2, 3, 3, 1.3, 1.4], vertical_alignment="bottom"
    )
    with switch:
        is_live = live.toggle("payments_live")
    choices = [ANY_STATUS, *(known.value for known in PaymentStatus)]
    with by_status:
        chosen = st.selectbox(
            "Status",
            choices,
            index=choices.index(asked.status.value if asked.status else ANY_STATUS),
            format_func=lambda value: status.look_of(value).word if value else "any",
        )
    account = by_account.text_input("Account", asked.account, placeholder="ACC-…", max_chars=state.SEARCH_MAX)
    text = by_text.text_input(
        "Search",
        asked.search,
        placeholder="id, key, account or description",
        max_chars=state.SEARCH_MAX,
        icon=":material/search:",
    )
    size = rows.selectbox("Rows", state.ROW_CHOICES, index=state.ROW_CHOICES.index(asked.rows))
    wanted = Filters(
        status=PaymentStatus(chosen) if chosen else None,
        account=(account or "").strip(),
        search=(text or "").strip(),
        rows=size,
    )
    if wanted == asked.at(""):
        return asked, is_live
    # Other filters make another list: its pages begin anew.
    st.query_params.from_dict(wanted.to_address())
    return wanted, is_live


def _page(filters: Filters, page: PaymentPage) -> None:
    if page.rows:
        now = datetime.now(UTC)
        st.html(str(payments_table.table(page.rows, times.reader_zone(), now, "Payments, newest first")))
    else:
        _nothing(filters)
    if page.rows or filters.cursor:
        _pager(filters, page)


def _nothing(filters: Filters) -> None:
    if filters.cursor:
        problems.nothing_here("Nothing older", "This is the end of the list. Go back to the newest payments.")
    elif filters.narrows:
        problems.nothing_here("No payment matches", "Take a filter away, or search for a shorter part.")
    else:
        problems.nothing_here("No payment yet", "Create the first one with the button above.")


def _pager(filters: Filters, page: PaymentPage) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        count = len(page.rows)
        st.caption(
            f"{count} payment{'' if count == 1 else 's'}{' from further back' if filters.cursor else ''}"
        )
        newest = st.button("Newest", icon=":material/first_page:", disabled=not filters.cursor, key="newest")
        older = st.button(
            "Older", icon=":material/chevron_right:", disabled=not page.next_cursor, key="older"
        )
    if newest or older:
        turned = filters.at(page.next_cursor if older else "")
        st.query_params.from_dict(turned.to_address())
        st.rerun()
