"""The books: balances, differences, periods, and whether they add up. It must not add anything up itself."""

from payments_schema.wire.books import (
    AccountPage,
    AdjustDifference,
    AdjustmentView,
    ChartLineView,
    ClosePeriod,
    DifferencePage,
    PeriodView,
    Statement,
    TrialBalance,
)
from payments_schema.wire.ledger import Integrity

from payments_ui.api_client import ApiClient
from payments_ui.calls.paths import V1, page


def integrity(api: ApiClient) -> Integrity:
    """Whether the books add up, check by check."""
    return api.read(Integrity, f"{V1}/ledger/integrity")


def differences(api: ApiClient, cursor: str) -> DifferencePage:
    """What waits in suspense, oldest first."""
    return api.read(DifferencePage, f"{V1}/ledger/differences", params=page(cursor))


def adjustments(api: ApiClient, payment_id: str) -> list[AdjustmentView]:
    """What was done about a payment's difference, oldest first."""
    return api.read(list[AdjustmentView], f"{V1}/ledger/differences/{{}}/adjustments", payment_id)


def adjust(api: ApiClient, payment_id: str, asked: AdjustDifference, key: str) -> AdjustmentView:
    """Resolve or write off (a part of) a difference, once per key."""
    path = f"{V1}/ledger/differences/{{}}/adjust"
    return api.send(AdjustmentView, path, payment_id, body=asked, key=key)


def accounts(api: ApiClient, cursor: str) -> AccountPage:
    """One page of the ledger's accounts."""
    return api.read(AccountPage, f"{V1}/ledger/accounts", params=page(cursor))


def statement(api: ApiClient, account_id: str, cursor: str) -> Statement:
    """One page of an account's entries, newest first."""
    return api.read(Statement, f"{V1}/ledger/accounts/{{}}/statement", account_id, params=page(cursor))


def trial_balance(api: ApiClient) -> TrialBalance:
    """Every account added up by currency."""
    return api.read(TrialBalance, f"{V1}/ledger/trial-balance")


def chart(api: ApiClient) -> list[ChartLineView]:
    """The chart of accounts."""
    return api.read(list[ChartLineView], f"{V1}/ledger/chart")


def periods(api: ApiClient) -> list[PeriodView]:
    """Boundaries of closed periods, newest first."""
    return api.read(list[PeriodView], f"{V1}/ledger/periods")


def close_period(api: ApiClient, asked: ClosePeriod, key: str) -> PeriodView:
    """Close everything before a moment."""
    return api.send(PeriodView, f"{V1}/ledger/periods", body=asked, key=key)
