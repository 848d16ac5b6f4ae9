"""What the address of a page says, as typed values, and back again.

It must not ask the API, and must not trust an address: whoever made the link may have been wrong.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Self, TypedDict
from urllib.parse import urlencode

from payments_schema.money import CURRENCIES
from payments_schema.wire.cards import CardStatus
from payments_schema.wire.operations import ROWS_MAX, Kind, Order
from payments_schema.wire.payments import PaymentStatus
from payments_schema.wire.views import Period
from payments_schema.wire.wallets import WalletStatus

from payments_ui.api_client import PaymentQuery

ROW_CHOICES = (50, 100, ROWS_MAX)
SEARCH_MAX = 255

OVERVIEW_PATH = "overview"
PAYMENTS_PATH = "payments"
PAYMENT_PATH = "payment"
CREATE_PATH = "create"
ACCOUNT_PATH = "account"
JOBS_PATH = "jobs"
APPROVALS_PATH = "approvals"
DIFFERENCES_PATH = "differences"
LEDGER_PATH = "ledger"
INVOICES_PATH = "invoices"
EVENTS_PATH = "events"
WALLETS_PATH = "wallets"
WALLET_RULES_PATH = "wallet-rules"
STATEMENTS_PATH = "statements"
WORKSPACE_PATH = "workspace"
EXPORT_PATH = "export/payments.csv"
PRINT_PATH = "print/invoice"

STATUSES: dict[str, tuple[str, ...]] = {
    Kind.DIRECT.value: tuple(PaymentStatus),
    Kind.CARD.value: tuple(CardStatus),
    Kind.WALLET.value: tuple(WalletStatus),
}
_KNOWN_STATUSES = frozenset(status for several in STATUSES.values() for status in several)
_AMOUNT = re.compile(r"-?\d{1,20}(\.\d{1,4})?", re.ASCII)


class Further(TypedDict):
    """The filters that are asked for more seldom."""

    amount: str
    currency: str
    since: str
    until: str
    period: str
    oldest: bool
    rows: int


@dataclass(frozen=True, slots=True)
class Filters:
    """The filters of the payments list. They live in the address, so a reload or a link keeps them."""

    status: str = ""
    account: str = ""
    search: str = ""
    rows: int = ROW_CHOICES[0]
    cursor: str = ""
    kind: str = ""
    amount: str = ""
    currency: str = ""
    since: str = ""
    until: str = ""
    period: str = ""
    oldest: bool = False

    @classmethod
    def from_address(cls, address: Mapping[str, str]) -> Self:
        """Read the filters out of query parameters; what makes no sense is left out."""
        rows, amount = address.get("rows", ""), address.get("amount", "").strip().replace(",", "")
        period = _one_of(frozenset(Period), address.get("period", ""))
        return cls(
            status=_one_of(_KNOWN_STATUSES, address.get("status", "")),
            account=address.get("account", "").strip()[:SEARCH_MAX],
            search=address.get("q", "").strip()[:SEARCH_MAX],
            rows=int(rows) if rows in {str(choice) for choice in ROW_CHOICES} else ROW_CHOICES[0],
            cursor=address.get("cursor", ""),
            kind=_one_of(frozenset(Kind), address.get("kind", "")),
            amount=amount if is_amount(amount) else "",
            currency=_one_of(frozenset(CURRENCIES), address.get("currency", "").upper()),
            since="" if period else _day(address.get("since", "")),
            until="" if period else _day(address.get("until", "")),
            period=period,
            oldest=address.get("order", "") == Order.OLDEST,
        )

    def to_address(self) -> dict[str, str]:
        """Return the query parameters; what is as it is by default is left out."""
        named = {
            "kind": self.kind,
            "status": self.status,
            "account": self.account,
            "q": self.search,
            "amount": self.amount,
            "currency": self.currency,
            "since": self.since,
            "until": self.until,
            "period": self.period,
            "order": Order.OLDEST.value if self.oldest else "",
            "rows": "" if self.rows == ROW_CHOICES[0] else str(self.rows),
            "cursor": self.cursor,
        }
        return {name: value for name, value in named.items() if value}

    def at(self, cursor: str) -> Self:
        """Return the same filters on another page."""
        return replace(self, cursor=cursor)

    @property
    def narrows(self) -> bool:
        """Tell whether anything is filtered at all."""
        asked = (self.status, self.account, self.search, self.kind, self.amount, self.currency)
        return any((*asked, self.since, self.until, self.period))

    def query(self, zone: tzinfo = UTC, now: datetime | None = None) -> PaymentQuery:
        """Return the question for the API; days are the reader's own, the last one included.

        now: what a period is counted from; the present moment where it is left out.
        """
        since, until = self.since, self.until
        if self.period:
            today = (now or datetime.now(UTC)).astimezone(zone).date()
            first, last = days_of(Period(self.period), today)
            since, until = first.isoformat(), last.isoformat()
        return PaymentQuery(
            kind=self.kind,
            status=self.status,
            account_id=self.account,
            search=self.search,
            amount=self.amount,
            currency=self.currency,
            since=_midnight(since, zone),
            until=_midnight(until, zone, days=1),
            order=Order.OLDEST.value if self.oldest else "",
            cursor=self.cursor,
            limit=self.rows,
        )


VIEWS: dict[str, Filters] = {
    "All": Filters(),
    "Waiting": Filters(status="pending"),
    "Failed": Filters(status="failed"),
    "Card holds": Filters(kind=Kind.CARD.value, status="authorized"),
    "To settle": Filters(kind=Kind.CARD.value, status="captured"),
    "With a provider": Filters(kind=Kind.WALLET.value, status="PROCESSING"),
}
"""Views that operators start from; any other is an address as well, to be kept as a bookmark."""


def days_of(period: Period, today: date) -> tuple[date, date]:
    """Return the first and the last day of a period."""
    match period:
        case Period.TODAY:
            return today, today
        case Period.YESTERDAY:
            yesterday = today - timedelta(days=1)
            return yesterday, yesterday
        case Period.LAST_7_DAYS:
            return today - timedelta(days=6), today
        case Period.LAST_30_DAYS:
            return today - timedelta(days=29), today
        case Period.THIS_MONTH:
            return today.replace(day=1), today


def is_amount(text: str) -> bool:
    """Tell whether a text is an amount in major units, as the API takes it."""
    return _AMOUNT.fullmatch(text) is not None


def _one_of(known: frozenset[str], value: str) -> str:
    return value if value in known else ""


def _day(value: str) -> str:
    try:
        return date.fromisoformat(value).isoformat()
    except ValueError:
        return ""


def _midnight(day: str, zone: tzinfo, days: int = 0) -> str:
    if not day or day == date.max.isoformat():
        return ""
    begins = datetime.combine(date.fromisoformat(day) + timedelta(days=days), time(), zone)
    return begins.isoformat()


def payment_link(payment_id: str) -> str:
    """Return the address of one payment's page, relative to the pages' root."""
    return f"{PAYMENT_PATH}?{urlencode({'id': payment_id})}"


def account_link(account_id: str, currency: str) -> str:
    """Return the address of an account's page."""
    return f"{ACCOUNT_PATH}?{urlencode({'id': account_id, 'currency': currency})}"


def payments_link(filters: Filters) -> str:
    """Return the address of the list with these filters."""
    address = urlencode(filters.to_address())
    return f"{PAYMENTS_PATH}?{address}" if address else PAYMENTS_PATH


def page_link(path: str, **parameters: str) -> str:
    """Return the address of any page; empty parameters are left out."""
    asked = urlencode({name: value for name, value in parameters.items() if value})
    return f"{path}?{asked}" if asked else path


def export_link(query: PaymentQuery) -> str:
    """Return the address under which this process streams what a list shows, whole, as CSV."""
    return page_link(EXPORT_PATH, **query.filters())


def print_link(invoice_id: str) -> str:
    """Return the address under which this process passes on an invoice's page to print."""
    return page_link(PRINT_PATH, id=invoice_id)
