"""Events: payments that others told us of, and deliveries of what we tell others, with replay.

It must not show a secret, and must not replay what was not asked for by its number.
"""

from datetime import UTC, datetime

import streamlit as st
from payments_schema.wire.webhooks import Delivery

from payments_ui import calls, state
from payments_ui.api_client import ApiClient, ApiError
from payments_ui.components import facts, grid, header, problems, status, times


def show(api: ApiClient) -> None:
    """Show the page."""
    header.title("Events and webhooks", "What others told us, and what we told others.")
    subscription, cursor = st.query_params.get("subscription", ""), st.query_params.get("cursor", "")
    try:
        if subscription:
            _deliveries(api, subscription, cursor)
        else:
            _subscriptions(api)
            _incoming(api, cursor)
    except ApiError as error:
        problems.show(error)


def _subscriptions(api: ApiClient) -> None:
    st.markdown("##### Subscriptions", anchors=False)
    found = calls.subscriptions(api)
    if not found:
        problems.nothing_here("Nobody is told of events", "A subscription is made by the API.")
        return
    rows = (
        (
            grid.link(state.page_link(state.EVENTS_PATH, subscription=one.id), one.url),
            ", ".join(one.types) or "all",
            status.badge(one.status),
            one.disabled_reason or "",
        )
        for one in found
    )
    st.html(str(grid.table("Subscriptions", ("Address", "Topics", "Status", "Why"), rows)))


def _incoming(api: ApiClient, cursor: str) -> None:
    st.markdown("##### Incoming payment events", anchors=False)
    page = calls.incoming(api, cursor)
    if not page.data:
        problems.nothing_here("No payment event yet", "They come in at /webhooks/payments.")
        return
    now, zone = datetime.now(UTC), times.reader_zone()
    rows = (
        (
            facts.code(str(event.event_id)),
            grid.link(
                state.page_link(state.INVOICES_PATH, id=str(event.invoice_id)),
                f"…{str(event.invoice_id)[-12:]}",
            ),
            f"{event.amount_cents:,}",
            status.badge(event.status.value),
            times.moment(event.received_at, zone, now),
            event.error or "",
        )
        for event in page.data
    )
    heads = ("Event", "Invoice", "Cents", "Status", "Received", "Error")
    st.html(str(grid.table("Incoming payment events, newest first", heads, rows, "Cents")))
    st.html(str(grid.pager(cursor, page.next_cursor, state.EVENTS_PATH)))


def _deliveries(api: ApiClient, subscription: str, cursor: str) -> None:
    page = calls.deliveries(api, subscription, cursor)
    st.markdown("##### Deliveries", anchors=False)
    if not page.data:
        problems.nothing_here("Nothing delivered yet", "Events are sent as they happen.")
        return
    now, zone = datetime.now(UTC), times.reader_zone()
    heads = ("No.", "Event", "About", "Status", "Attempts", "Last answer", "Due")
    rows = (
        (
            str(one.id),
            facts.code(one.event_id),
            one.subject,
            status.badge(one.status.value),
            str(len(one.attempts)),
            _answer(one),
            times.moment(one.due_at, zone, now),
        )
        for one in page.data
    )
    st.html(str(grid.table("Deliveries, newest first", heads, rows, "No.,Attempts")))
    st.html(str(grid.pager(cursor, page.next_cursor, state.EVENTS_PATH, subscription=subscription)))
    _replay(api, subscription, [one.id for one in page.data])


def _answer(delivery: Delivery) -> str:
    if not delivery.attempts:
        return ""
    last = delivery.attempts[-1]
    return str(last.answer) if last.answer is not None else (last.error or "")


def _replay(api: ApiClient, subscription: str, numbers: list[int]) -> None:
    with st.form("replay", border=False):
        number = st.selectbox("Delivery to send again", numbers, width=260)
        if st.form_submit_button("Send again"):
            made = calls.replay(api, subscription, number)
            st.success(f"{made.count} delivery made anew; it carries the same event.")
