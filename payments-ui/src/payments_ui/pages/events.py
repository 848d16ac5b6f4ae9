"""Events: payments that others told us of, and deliveries of what we tell others, with replay.

It must not show a secret, and must not replay what was not asked for by its number.
"""

import json
from datetime import UTC, datetime
from uuid import UUID

import streamlit as st
from payments_schema.ids import parse_uuid
from payments_schema.money import Money
from payments_schema.wire.invoices import EventStatus, PaymentEventView, RepairEvent
from payments_schema.wire.webhooks import Delivery, Subscription

from payments_ui import calls, state
from payments_ui.api_client import ApiClient, ApiError
from payments_ui.components import deed, facts, grid, header, money, problems, status, times


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
    found = calls.events.subscriptions(api)
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
    page = calls.events.incoming(api, cursor)
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
    _look_at_one(api, page.data)


def _look_at_one(api: ApiClient, events: list[PaymentEventView]) -> None:
    """Show one event as it came, and what puts it right where it was given up."""
    by_id = {str(event.event_id): event for event in events}
    chosen = st.selectbox(
        "Event to look at",
        list(by_id),
        index=None,
        format_func=lambda id_: f"…{id_[-12:]}",
        width=360,
        key="incoming_event",
    )
    event = by_id.get(chosen or "")
    if event is None:
        return
    st.markdown("###### As it came in", anchors=False)
    st.code(json.dumps(event.raw, indent=2, ensure_ascii=False), language="json")
    if event.status is EventStatus.DEAD:
        _repair(api, event)


def _repair(api: ApiClient, event: PaymentEventView) -> None:
    typed = st.text_input(
        "Invoice that was meant", str(event.invoice_id), max_chars=40, key=f"meant_{event.event_id}"
    )
    meant = parse_uuid((typed or "").strip())
    if meant is None:
        st.caption(":red[That is no id of an invoice.]")
        return

    deed.button(repair(api, event, meant), "repair")


def repair(api: ApiClient, event: PaymentEventView, meant: UUID) -> deed.Deed:
    """Apply a dead event to the invoice that was meant."""

    def look() -> deed.Named:
        counted = grid.link(state.page_link(state.INVOICES_PATH, id=str(meant)), str(meant))
        moved = whole()
        return [
            ("Event", facts.code(str(event.event_id))),
            ("It named", facts.code(str(event.invoice_id))),
            ("It counts for", counted),
            ("Amount", money.cell(moved.major(), moved.currency)),
        ]

    def whole() -> Money:
        return Money(event.amount_cents, calls.invoices.invoice(api, str(meant)).currency)

    def put_right(said: deed.Filled) -> None:
        wish = RepairEvent(reason=said.reason, invoice_id=meant)
        calls.events.repair_event(api, str(event.event_id), wish, said.key)

    warning = "An edited copy is applied; the original is kept."
    return deed.Deed("Repair", look, put_right, warning=warning, whole=whole)


def _deliveries(api: ApiClient, subscription: str, cursor: str) -> None:
    _subscription(api, subscription)
    page = calls.events.deliveries(api, subscription, cursor)
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
    _one_delivery(api, subscription, page.data)


def _answer(delivery: Delivery) -> str:
    if not delivery.attempts:
        return ""
    last = delivery.attempts[-1]
    return str(last.answer) if last.answer is not None else (last.error or "")


def _subscription(api: ApiClient, subscription: str) -> None:
    found = calls.events.subscription(api, subscription)
    st.html(str(facts.facts(_told(found))))
    action = "disable" if found.status == "enabled" else "enable"
    deed.button(
        deed.Deed(
            action.capitalize(),
            lambda: _told(calls.events.subscription(api, subscription)),
            lambda _said: calls.events.switch_subscription(api, subscription, action),
            warning="Events wait until it is enabled again." if action == "disable" else "",
            wants_reason=False,
        ),
        "switch",
    )


def _told(found: Subscription) -> deed.Named:
    return [
        ("Address", found.url),
        ("Topics", ", ".join(found.types) or "all"),
        ("Status", status.badge(found.status)),
        ("Why", found.disabled_reason or ""),
    ]


def _one_delivery(api: ApiClient, subscription: str, deliveries: list[Delivery]) -> None:
    """Show what one delivery carries and how its attempts went; send it again by its number."""
    by_number = {one.id: one for one in deliveries}
    chosen = st.selectbox("Delivery to look at", list(by_number), index=None, width=260, key="delivery")
    delivery = by_number.get(chosen or 0)
    if delivery is None:
        return
    body = calls.events.event(api, delivery.subject, delivery.event_id)
    st.markdown("###### Body", anchors=False)
    if body is None:
        st.caption("The event is not listed any more.")
    else:
        st.code(body.model_dump_json(indent=2), language="json")
    now, zone = datetime.now(UTC), times.reader_zone()
    heads = ("No.", "At", "Took", "Answer", "Error")
    rows = (
        (
            str(one.number),
            times.moment(one.at, zone, now),
            f"{one.took_ms:,} ms",
            "" if one.answer is None else str(one.answer),
            one.error or "",
        )
        for one in delivery.attempts
    )
    st.html(str(grid.table("Attempts", heads, rows, "No.,Took")))
    deed.button(send_again(api, subscription, delivery), "replay")


def send_again(api: ApiClient, subscription: str, delivery: Delivery) -> deed.Deed:
    """Make one delivery anew, by its number."""
    address = state.page_link(state.EVENTS_PATH, subscription=subscription)
    named = [("Delivery", grid.link(address, str(delivery.id))), ("Event", facts.code(delivery.event_id))]
    return deed.Deed(
        "Send again",
        lambda: named,
        lambda _said: calls.events.replay(api, subscription, delivery.id),
        warning="The receiver gets the same event once more, under the same id.",
        wants_reason=False,
    )
