"""The payments API as the pages see it: the only module that touches the network.

It must not hold state of a page or a reader, and lets nothing out but wire models and `ApiError`s.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol, TypeVar
from urllib.parse import quote

import httpx
from payments_schema.wire.ledger import LedgerTransaction
from payments_schema.wire.operations import ROWS_MAX, PaymentLine, PaymentLines
from payments_schema.wire.payments import AccountBalance, CreatePayment, PaymentDetail, PaymentRow
from payments_schema.wire.problems import Problem
from pydantic import BaseModel, TypeAdapter, ValidationError

CONNECT_TIMEOUT_S = 2.0
ANSWER_TIMEOUT_S = 5.0

Wire = TypeVar("Wire")


class ApiError(Exception):
    """The API did not give what a page asked for. `detail` is a sentence for the reader."""

    way_out = ""
    """What the reader can do, where the page's own advice would not fit."""

    def __init__(self, detail: str, *, code: str = "", status: int = 0) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code
        self.status = status


class ApiUnreachable(ApiError):
    """No answer came. `outcome_unknown` says that the request may have been carried out all the same."""

    def __init__(self, detail: str, *, outcome_unknown: bool) -> None:
        super().__init__(detail)
        self.outcome_unknown = outcome_unknown


class ApiRefused(ApiError):
    """The API understood the request and said no (4xx); nothing was stored."""

    def __init__(
        self, detail: str, *, code: str, status: int, reasons: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail, code=code, status=status)
        self.reasons = dict(reasons or {})
        """Why, by the name of each failing field as the API calls it."""

    @property
    def fields(self) -> tuple[str, ...]:
        """The failing fields, each with its reason, in words."""
        return tuple(f"{field} ({reason})" for field, reason in self.reasons.items())


class ApiNotFound(ApiRefused):
    """What was asked for does not exist, or not for this reader."""


class ApiFailed(ApiError):
    """The API itself failed (5xx), or answered what this version of the pages cannot read."""


@dataclass(frozen=True, slots=True)
class PaymentQuery:
    """Which payments a list shows. Empty strings filter nothing."""

    kind: str = ""
    status: str = ""
    account_id: str = ""
    search: str = ""
    amount: str = ""
    currency: str = ""
    since: str = ""
    until: str = ""
    order: str = ""
    cursor: str = ""
    limit: int = 50

    def filters(self) -> dict[str, str]:
        """Return the parameters that choose payments, without those that turn pages."""
        named = {
            "kind": self.kind,
            "status": self.status,
            "account": self.account_id,
            "q": self.search,
            "amount": self.amount,
            "currency": self.currency,
            "since": self.since,
            "until": self.until,
            "order": self.order,
        }
        return {name: value for name, value in named.items() if value}

    def parameters(self) -> dict[str, str]:
        """Return what goes into the URL of the request."""
        paged = {"cursor": self.cursor, "limit": str(min(self.limit, ROWS_MAX))}
        return self.filters() | {name: value for name, value in paged.items() if value}


@dataclass(frozen=True, slots=True)
class PaymentPage:
    """One page of payments in the order asked for; `next_cursor` is empty on the last page."""

    rows: tuple[PaymentLine, ...]
    next_cursor: str = ""


@dataclass(frozen=True, slots=True)
class Created:
    """A payment that exists now; `replayed` when its key had made it before."""

    payment: PaymentRow
    replayed: bool


class ApiClient(Protocol):
    """What the pages need of the API. Every method raises `ApiError` and nothing else."""

    def create_payment(self, payment: CreatePayment, key: str) -> Created:
        """Create a payment, or get the one that `key` has made before."""
        ...

    def list_payments(self, query: PaymentQuery) -> PaymentPage:
        """Read one page of payments."""
        ...

    def payment(self, payment_id: str) -> PaymentDetail:
        """Read one payment with its reconciliation."""
        ...

    def payment_ledger(self, payment_id: str) -> tuple[LedgerTransaction, ...]:
        """Read the ledger transactions that a payment has caused, oldest first."""
        ...

    def balance(self, account_id: str, currency: str) -> AccountBalance:
        """Read an account's balance; an account never seen has none and is no error."""
        ...

    def read(
        self, shape: type[Wire], path: str, *segments: str, params: Mapping[str, str] | None = None
    ) -> Wire:
        """Read anything; `segments` fill the braces of `path`. `calls` knows what there is."""
        ...

    def send(
        self,
        shape: type[Wire],
        path: str,
        *segments: str,
        body: BaseModel | None = None,
        key: str = "",
        params: Mapping[str, str] | None = None,
        method: str = "POST",
    ) -> Wire:
        """Ask for something to be done, once per `key` where there is one."""
        ...


class HttpApiClient:
    """`ApiClient` over HTTP; one instance serves every session of the process."""

    def __init__(
        self,
        base_url: str,
        bearer: Callable[[], str | None] = lambda: None,
        transport: httpx.BaseTransport | None = None,
        patience_s: float = ANSWER_TIMEOUT_S,
    ) -> None:
        """bearer: asked before every request, since each session may be another person's.

        patience_s: seconds until an answer that has not come is given up.
        """
        self._base_url = base_url
        self._bearer = bearer
        self._http = httpx.Client(
            base_url=base_url,
            headers={"Accept": "application/json"},
            timeout=httpx.Timeout(patience_s, connect=min(patience_s, CONNECT_TIMEOUT_S)),
            transport=transport,
        )

    def create_payment(self, payment: CreatePayment, key: str) -> Created:
        answer = self._ask(
            "POST",
            "/payments",
            content=payment.model_dump_json(by_alias=True, exclude_none=True),
            headers={"Idempotency-Key": key, "Content-Type": "application/json"},
        )
        return Created(
            payment=_read(TypeAdapter(PaymentRow), answer),
            replayed=answer.headers.get("Idempotent-Replayed") == "true",
        )

    def list_payments(self, query: PaymentQuery) -> PaymentPage:
        page = self.read(PaymentLines, "/api/v1/operations/payments", params=query.parameters())
        return PaymentPage(rows=tuple(page.data), next_cursor=page.next_cursor or "")

    def payment(self, payment_id: str) -> PaymentDetail:
        return _read(TypeAdapter(PaymentDetail), self._ask("GET", "/payments/{}", payment_id))

    def payment_ledger(self, payment_id: str) -> tuple[LedgerTransaction, ...]:
        answer = self._ask("GET", "/api/v1/payments/{}/ledger", payment_id)
        return _read(TypeAdapter(tuple[LedgerTransaction, ...]), answer)

    def balance(self, account_id: str, currency: str) -> AccountBalance:
        answer = self._ask("GET", "/accounts/{}/balance", account_id, params={"currency": currency})
        return _read(TypeAdapter(AccountBalance), answer)

    def read(
        self, shape: type[Wire], path: str, *segments: str, params: Mapping[str, str] | None = None
    ) -> Wire:
        return _read(TypeAdapter(shape), self._ask("GET", path, *segments, params=params))

    def send(
        self,
        shape: type[Wire],
        path: str,
        *segments: str,
        body: BaseModel | None = None,
        key: str = "",
        params: Mapping[str, str] | None = None,
        method: str = "POST",
    ) -> Wire:
        headers = {"Content-Type": "application/json", **({"Idempotency-Key": key} if key else {})}
        content = body.model_dump_json(by_alias=True, exclude_none=True) if body is not None else None
        answer = self._ask(method, path, *segments, params=params, content=content, headers=headers)
        return _read(TypeAdapter(shape), answer)

    def _ask(
        self,
        method: str,
        path: str,
        *segments: str,
        params: Mapping[str, str] | None = None,
        content: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Send one request. `segments` fill the braces of `path`, percent-encoded."""
        url = path.format(*(_segment(segment) for segment in segments))
        token = self._bearer()
        said = {**(headers or {}), **({"Authorization": f"Bearer {token}"} if token else {})}
        try:
            answer = self._http.request(method, url, params=params, content=content, headers=said)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise ApiUnreachable(
                f"The payments API does not answer at {self._base_url}.", outcome_unknown=False
            ) from error
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise ApiUnreachable(
                f"The payments API at {self._base_url} broke off before it had answered.",
                outcome_unknown=True,
            ) from error
        if answer.is_success:
            return answer
        raise _error_of(answer)


def _segment(text: str) -> str:
    """Encode one path segment; `.` and `..` alone would climb, so they are encoded as well."""
    quoted = quote(text, safe="")
    return quoted.replace(".", "%2E") if text in {".", ".."} else quoted


def _read(shape: TypeAdapter[Wire], answer: httpx.Response) -> Wire:
    try:
        if answer.status_code == HTTPStatus.NO_CONTENT:
            return shape.validate_python(None)
        # A newer API may say more than these models know: that is no reason to show nothing.
        return shape.validate_json(answer.content, extra="ignore")
    except ValidationError as error:
        raise ApiFailed(
            "The payments API answered in a shape that this version of the pages does not know.",
            code="unreadable_answer",
            status=answer.status_code,
        ) from error


def _error_of(answer: httpx.Response) -> ApiError:
    status = answer.status_code
    try:
        problem = Problem.model_validate_json(answer.content)
        detail, code, reasons = problem.error, problem.code, _reasons(problem)
    except ValidationError:
        # Something between us and the API answered, or the API before it knew what was asked.
        detail, code, reasons = f"It answered {status} {answer.reason_phrase}.", "unknown_problem", {}
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return ApiFailed(f"The payments API failed. {detail}", code=code, status=status)
    kind = ApiNotFound if status == HTTPStatus.NOT_FOUND else ApiRefused
    return kind(detail, code=code, status=status, reasons=reasons)


def _reasons(problem: Problem) -> dict[str, str]:
    return {failing.field: failing.reason for failing in problem.fields or ()}
