"""Payments of every kind in one list. Must not hold a shape of its own beside the page."""

from __future__ import annotations

from typing import Literal

from payments_schema.wire.cards import CardPaymentView
from payments_schema.wire.model import WireModel
from payments_schema.wire.wallets import WalletView


class PaymentList(WireModel):
    """A page of payments, newest first."""

    object: Literal["list"] = "list"
    data: list[CardPaymentView | WalletView]
    has_more: bool
    next_cursor: str | None
