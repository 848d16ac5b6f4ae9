"""One payment of any kind: its story, and what may be done with it. It must not decide what may."""

from payments_schema.wire.cards import AuthorizeCard, CaptureCard, CardPaymentView, Preview, RefundCard
from payments_schema.wire.operations import Story
from payments_schema.wire.wallets import CancelWallet, InitiateWallet, RefundWallet, WalletDetail, WalletView

from payments_ui.api_client import ApiClient
from payments_ui.calls.paths import V1

CARD_BODIES = {"capture": CaptureCard, "refund": RefundCard}


def story(api: ApiClient, payment_id: str) -> Story:
    """All that is known of a payment."""
    return api.read(Story, f"{V1}/operations/payments/{{}}", payment_id)


def preview_card(api: ApiClient, payment_id: str, action: str, amount_minor: int | None) -> Preview:
    """What an action on a card payment would post now; nothing is done."""
    path, body = f"{V1}/payments/{{}}/{{}}", _card_body(action, amount_minor)
    return api.send(Preview, path, payment_id, action, body=body, params={"preview": "true"})


def act_on_card(
    api: ApiClient, payment_id: str, action: str, amount_minor: int | None, key: str
) -> CardPaymentView:
    """Capture, void, settle or refund, once per key."""
    path, body = f"{V1}/payments/{{}}/{{}}", _card_body(action, amount_minor)
    return api.send(CardPaymentView, path, payment_id, action, body=body, key=key)


def _card_body(action: str, amount_minor: int | None) -> CaptureCard | RefundCard | None:
    body = CARD_BODIES.get(action)
    return None if body is None else body(amount=amount_minor)


def preview_authorization(api: ApiClient, asked: AuthorizeCard) -> Preview:
    """What a hold would post; nothing is held."""
    return api.send(Preview, f"{V1}/payments/authorize", body=asked, params={"preview": "true"})


def authorize(api: ApiClient, asked: AuthorizeCard, key: str) -> CardPaymentView:
    """Hold funds, once per key."""
    return api.send(CardPaymentView, f"{V1}/payments/authorize", body=asked, key=key)


def initiate_wallet(api: ApiClient, asked: InitiateWallet, key: str) -> WalletView:
    """Start a wallet payment, once per key."""
    return api.send(WalletView, f"{V1}/payments/initiate", body=asked, key=key)


def cancel_wallet(api: ApiClient, payment_id: str, user_id: str | None, key: str) -> WalletView:
    """Cancel a wallet payment before it is with a provider."""
    body = CancelWallet(user_id=user_id)
    return api.send(WalletView, f"{V1}/payments/{{}}/cancel", payment_id, body=body, key=key)


def refund_wallet(api: ApiClient, payment_id: str, reason: str | None, key: str) -> WalletView:
    """Send a collected amount back, whole and once."""
    body = RefundWallet(reason=reason)
    return api.send(WalletView, f"{V1}/wallets/{{}}/refund", payment_id, body=body, key=key)


def wallet(api: ApiClient, payment_id: str) -> WalletDetail:
    """A wallet payment with its attempts and its audit trail."""
    return api.read(WalletDetail, f"{V1}/payments/{{}}/status", payment_id)
