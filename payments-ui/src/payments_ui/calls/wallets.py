"""The desk of wallet operations: reviews, rules, statements, providers. It must not decide for anybody."""

from payments_schema.wire.statements import DecideMatch, MatchView
from payments_schema.wire.wallet_desk import (
    AgeView,
    DryRun,
    ListedView,
    ProviderView,
    PutOnList,
    RulesView,
    StatementFile,
    StatementLineView,
    StatementTaken,
    TakeOffList,
)
from payments_schema.wire.wallets import DecideReview, WalletView
from pydantic import BaseModel, JsonValue

from payments_ui.api_client import ApiClient
from payments_ui.calls.paths import V1

LISTED_ROWS = 1000
STATEMENT_ROWS = 100


class TryRules(BaseModel):
    """Rules of risk or weights of routing to try on past payments; the API knows their shape."""

    risk: dict[str, JsonValue] | None = None
    routing: dict[str, JsonValue] | None = None
    days: int


def wallet_reviews(api: ApiClient) -> list[WalletView]:
    """Wallet payments that the risk rules stopped."""
    return api.read(list[WalletView], f"{V1}/wallets", params={"review": "required"})


def decide_review(api: ApiClient, payment_id: str, decision: DecideReview, key: str) -> WalletView:
    """Let a stopped payment go on, or not."""
    return api.send(WalletView, f"{V1}/wallets/{{}}/review", payment_id, body=decision, key=key)


def matches(api: ApiClient, state: str) -> list[MatchView]:
    """Provider statements matched with our books."""
    return api.read(list[MatchView], f"{V1}/wallets/matches", params={"state": state})


def decide_match(api: ApiClient, match_id: int, decision: DecideMatch, key: str) -> MatchView:
    """Confirm a proposal, which books its difference, or reject it."""
    return api.send(MatchView, f"{V1}/wallets/matches/{{}}/decide", str(match_id), body=decision, key=key)


def wallet_providers(api: ApiClient) -> list[ProviderView]:
    """How each provider is, and why."""
    return api.read(list[ProviderView], f"{V1}/wallets/providers")


def wallet_rules(api: ApiClient) -> RulesView:
    """The rules in force and the versions before them."""
    return api.read(RulesView, f"{V1}/wallets/rules")


def try_rules(api: ApiClient, asked: TryRules) -> DryRun:
    """What other rules would have done with past payments; nothing is changed."""
    return api.send(DryRun, f"{V1}/wallets/rules/dry-run", body=asked)


def risk_list(api: ApiClient) -> list[ListedView]:
    """Who is always blocked, reviewed or let through."""
    return api.read(list[ListedView], f"{V1}/wallets/risk-list", params={"limit": str(LISTED_ROWS)})


def put_on_list(api: ApiClient, asked: PutOnList) -> ListedView:
    """Put somebody on the list, or change the entry."""
    return api.send(ListedView, f"{V1}/wallets/risk-list", body=asked)


def take_off_list(api: ApiClient, asked: TakeOffList) -> None:
    """Take somebody off the list."""
    api.send(object, f"{V1}/wallets/risk-list/remove", body=asked)


def statement_lines(api: ApiClient, line_state: str, after: str) -> list[StatementLineView]:
    """A page of statement lines in the order in which they were taken in."""
    asked = {"state": line_state, "after": after, "limit": str(STATEMENT_ROWS)}
    given = {name: value for name, value in asked.items() if value}
    return api.read(list[StatementLineView], f"{V1}/wallets/statements", params=given)


def upload_statement(api: ApiClient, provider: str, file: StatementFile) -> StatementTaken:
    """Have a provider's statement taken in and matched; lines known already count once."""
    return api.send(StatementTaken, f"{V1}/wallets/statements/{{}}", provider, body=file)


def wallet_ageing(api: ApiClient) -> list[AgeView]:
    """What is open, by age."""
    return api.read(list[AgeView], f"{V1}/wallets/ageing")
