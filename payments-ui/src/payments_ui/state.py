"""What the address of a page says, as typed values, and back again.

It must not ask the API, and must not trust an address: whoever made the link may have been wrong.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self
from urllib.parse import urlencode

from payments_schema.wire.payments import PaymentStatus

from payments_ui.api_client import ROWS_MAX, PaymentQuery

ROW_CHOICES = (50, 100, ROWS_MAX)
SEARCH_MAX = 255

PAYMENTS_PATH = "payments"
PAYMENT_PATH = "payment"
CREATE_PATH = "create"
ACCOUNT_PATH = "account"


@dataclass(frozen=True, slots=True)
class Filters:
    """The filters of the payments list. They live in the address, so a reload or a link keeps them."""

    status: PaymentStatus | None = None
    account: str = ""
    search: str = ""
    rows: int = ROW_CHOICES[0]
    cursor: str = ""

    @classmethod
    def from_address(cls, address: Mapping[str, str]) -> Self:
        """Read the filters out of query parameters; what makes no sense is left out."""
        status = address.get("status", "")
        rows = address.get("rows", "")
        return cls(
            status=PaymentStatus(status) if status in set(PaymentStatus) else None,
            account=address.get("account", "").strip()[:SEARCH_MAX],
            search=address.get("q", "").strip()[:SEARCH_MAX],
            rows=int(rows) if rows in {str(choice) for choice in ROW_CHOICES} else ROW_CHOICES[0],
            cursor=address.get("cursor", ""),
        )

    def to_address(self) -> dict[str, str]:
        """Return the query parameters; what is as it is by default is left out."""
        named = {
            "status": self.status.value if self.status else "",
            "account": self.account,
            "q": self.search,
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
        return bool(self.status or self.account or self.search)

    def query(self) -> PaymentQuery:
        """Return the question for the API."""
        return PaymentQuery(
            status=self.status.value if self.status else "",
            account_id=self.account,
            search=self.search,
            cursor=self.cursor,
            limit=self.rows,
        )


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
