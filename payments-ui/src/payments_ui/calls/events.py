"""Events, who is told of them, and payment events that come in. It must not decide who is told."""

from payments_schema.wire.events import Event, EventPage
from payments_schema.wire.invoices import PaymentEventPage, PaymentEventView, RepairEvent
from payments_schema.wire.webhooks import DeliveryPage, Replay, Replayed, Subscription

from payments_ui.api_client import ApiClient
from payments_ui.calls.paths import V1, page


def event(api: ApiClient, subject: str, event_id: str) -> Event | None:
    """What an event says; a subject's events are few, so they are read until it is found."""
    cursor = ""
    while True:
        asked = {"subject": subject, "limit": "1000", **({"cursor": cursor} if cursor else {})}
        page = api.read(EventPage, f"{V1}/events", params=asked)
        found = next((one for one in page.data if one.id == event_id), None)
        if found is not None or not page.has_more or not page.next_cursor:
            return found
        cursor = page.next_cursor


def repair_event(api: ApiClient, event_id: str, asked: RepairEvent, key: str) -> PaymentEventView:
    """Apply an edited copy of an event that was given up."""
    return api.send(PaymentEventView, f"{V1}/webhooks/incoming/{{}}/repair", event_id, body=asked, key=key)


def incoming(api: ApiClient, cursor: str) -> PaymentEventPage:
    """One page of incoming payment events, newest first."""
    return api.read(PaymentEventPage, f"{V1}/webhooks/incoming", params=page(cursor))


def subscriptions(api: ApiClient) -> list[Subscription]:
    """Who is told of events."""
    return api.read(list[Subscription], f"{V1}/webhooks/subscriptions")


def subscription(api: ApiClient, subscription_id: str) -> Subscription:
    """One of those who are told of events."""
    return api.read(Subscription, f"{V1}/webhooks/subscriptions/{{}}", subscription_id)


def switch_subscription(api: ApiClient, subscription_id: str, action: str) -> Subscription:
    """Enable it again, or have it pause."""
    return api.send(Subscription, f"{V1}/webhooks/subscriptions/{{}}/{{}}", subscription_id, action)


def deliveries(api: ApiClient, subscription_id: str, cursor: str) -> DeliveryPage:
    """One page of a subscription's deliveries, newest first."""
    path = f"{V1}/webhooks/subscriptions/{{}}/deliveries"
    return api.read(DeliveryPage, path, subscription_id, params=page(cursor))


def replay(api: ApiClient, subscription_id: str, delivery: int) -> Replayed:
    """Deliver once more."""
    path = f"{V1}/webhooks/subscriptions/{{}}/deliveries/replay"
    return api.send(Replayed, path, subscription_id, body=Replay(deliveries=[delivery]))
