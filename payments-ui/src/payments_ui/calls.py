"""Every question of the pages that has no method of its own, typed. It must not show or remember anything."""

from payments_schema.wire.approvals import (
    ApprovalPage,
    ApprovalView,
    AskApproval,
    DecideApproval,
)
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
from payments_schema.wire.cards import AuthorizeCard, CaptureCard, CardPaymentView, Preview, RefundCard
from payments_schema.wire.events import Event, EventPage
from payments_schema.wire.health import DetailedHealth
from payments_schema.wire.invoices import (
    AmountAsked,
    CreditNote,
    CustomerCredit,
    GiveReason,
    InvoiceDetail,
    InvoicePage,
    InvoiceView,
    PaymentEventPage,
    PaymentEventView,
    RefundCredit,
    RepairEvent,
)
from payments_schema.wire.jobs import Job, JobPage
from payments_schema.wire.ledger import Integrity
from payments_schema.wire.operations import Overview, Queues, Story
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
from payments_schema.wire.wallets import (
    CancelWallet,
    DecideReview,
    InitiateWallet,
    RefundWallet,
    WalletDetail,
    WalletView,
)
from payments_schema.wire.webhooks import DeliveryPage, Replay, Replayed, Subscription
from pydantic import BaseModel, JsonValue

from payments_ui.api_client import ApiClient

CARD_BODIES = {"capture": CaptureCard, "refund": RefundCard}
_V1 = "/api/v1"
LISTED_ROWS = 1000
STATEMENT_ROWS = 100


class TryRules(BaseModel):
    """Rules of risk or weights of routing to try on past payments; the API knows their shape."""

    risk: dict[str, JsonValue] | None = None
    routing: dict[str, JsonValue] | None = None
    days: int


def story(api: ApiClient, payment_id: str) -> Story:
    """All that is known of a payment."""
    return api.read(Story, f"{_V1}/operations/payments/{{}}", payment_id)


def preview_card(api: ApiClient, payment_id: str, action: str, amount_minor: int | None) -> Preview:
    """What an action on a card payment would post now; nothing is done."""
    path, body = f"{_V1}/payments/{{}}/{{}}", _card_body(action, amount_minor)
    return api.send(Preview, path, payment_id, action, body=body, params={"preview": "true"})


def act_on_card(
    api: ApiClient, payment_id: str, action: str, amount_minor: int | None, key: str
) -> CardPaymentView:
    """Capture, void, settle or refund, once per key."""
    path, body = f"{_V1}/payments/{{}}/{{}}", _card_body(action, amount_minor)
    return api.send(CardPaymentView, path, payment_id, action, body=body, key=key)


def _card_body(action: str, amount_minor: int | None) -> CaptureCard | RefundCard | None:
    body = CARD_BODIES.get(action)
    return None if body is None else body(amount=amount_minor)


def preview_authorization(api: ApiClient, asked: AuthorizeCard) -> Preview:
    """What a hold would post; nothing is held."""
    return api.send(Preview, f"{_V1}/payments/authorize", body=asked, params={"preview": "true"})


def authorize(api: ApiClient, asked: AuthorizeCard, key: str) -> CardPaymentView:
    """Hold funds, once per key."""
    return api.send(CardPaymentView, f"{_V1}/payments/authorize", body=asked, key=key)


def initiate_wallet(api: ApiClient, asked: InitiateWallet, key: str) -> WalletView:
    """Start a wallet payment, once per key."""
    return api.send(WalletView, f"{_V1}/payments/initiate", body=asked, key=key)


def cancel_wallet(api: ApiClient, payment_id: str, user_id: str | None, key: str) -> WalletView:
    """Cancel a wallet payment before it is with a provider."""
    body = CancelWallet(user_id=user_id)
    return api.send(WalletView, f"{_V1}/payments/{{}}/cancel", payment_id, body=body, key=key)


def refund_wallet(api: ApiClient, payment_id: str, reason: str | None, key: str) -> WalletView:
    """Send a collected amount back, whole and once."""
    body = RefundWallet(reason=reason)
    return api.send(WalletView, f"{_V1}/wallets/{{}}/refund", payment_id, body=body, key=key)


def wallet(api: ApiClient, payment_id: str) -> WalletDetail:
    """A wallet payment with its attempts and its audit trail."""
    return api.read(WalletDetail, f"{_V1}/payments/{{}}/status", payment_id)


def wallet_reviews(api: ApiClient) -> list[WalletView]:
    """Wallet payments that the risk rules stopped."""
    return api.read(list[WalletView], f"{_V1}/wallets", params={"review": "required"})


def decide_review(api: ApiClient, payment_id: str, decision: DecideReview, key: str) -> WalletView:
    """Let a stopped payment go on, or not."""
    return api.send(WalletView, f"{_V1}/wallets/{{}}/review", payment_id, body=decision, key=key)


def matches(api: ApiClient, state: str) -> list[MatchView]:
    """Provider statements matched with our books."""
    return api.read(list[MatchView], f"{_V1}/wallets/matches", params={"state": state})


def decide_match(api: ApiClient, match_id: int, decision: DecideMatch, key: str) -> MatchView:
    """Confirm a proposal, which books its difference, or reject it."""
    return api.send(MatchView, f"{_V1}/wallets/matches/{{}}/decide", str(match_id), body=decision, key=key)


def wallet_providers(api: ApiClient) -> list[ProviderView]:
    """How each provider is, and why."""
    return api.read(list[ProviderView], f"{_V1}/wallets/providers")


def wallet_rules(api: ApiClient) -> RulesView:
    """The rules in force and the versions before them."""
    return api.read(RulesView, f"{_V1}/wallets/rules")


def try_rules(api: ApiClient, asked: TryRules) -> DryRun:
    """What other rules would have done with past payments; nothing is changed."""
    return api.send(DryRun, f"{_V1}/wallets/rules/dry-run", body=asked)


def risk_list(api: ApiClient) -> list[ListedView]:
    """Who is always blocked, reviewed or let through."""
    return api.read(list[ListedView], f"{_V1}/wallets/risk-list", params={"limit": str(LISTED_ROWS)})


def put_on_list(api: ApiClient, asked: PutOnList) -> ListedView:
    """Put somebody on the list, or change the entry."""
    return api.send(ListedView, f"{_V1}/wallets/risk-list", body=asked)


def take_off_list(api: ApiClient, asked: TakeOffList) -> None:
    """Take somebody off the list."""
    api.send(object, f"{_V1}/wallets/risk-list/remove", body=asked)


def statement_lines(api: ApiClient, line_state: str, after: str) -> list[StatementLineView]:
    """A page of statement lines in the order in which they were taken in."""
    asked = {"state": line_state, "after": after, "limit": str(STATEMENT_ROWS)}
    given = {name: value for name, value in asked.items() if value}
    return api.read(list[StatementLineView], f"{_V1}/wallets/statements", params=given)


def upload_statement(api: ApiClient, provider: str, file: StatementFile) -> StatementTaken:
    """Have a provider's statement taken in and matched; lines known already count once."""
    return api.send(StatementTaken, f"{_V1}/wallets/statements/{{}}", provider, body=file)


def wallet_ageing(api: ApiClient) -> list[AgeView]:
    """What is open, by age."""
    return api.read(list[AgeView], f"{_V1}/wallets/ageing")


def event(api: ApiClient, subject: str, event_id: str) -> Event | None:
    """What an event says; a subject's events are few, so they are read until it is found."""
    cursor = ""
    while True:
        asked = {"subject": subject, "limit": "1000", **({"cursor": cursor} if cursor else {})}
        page = api.read(EventPage, f"{_V1}/events", params=asked)
        found = next((one for one in page.data if one.id == event_id), None)
        if found is not None or not page.has_more or not page.next_cursor:
            return found
        cursor = page.next_cursor


def health(api: ApiClient) -> DetailedHealth:
    """How the parts of the platform are."""
    return api.read(DetailedHealth, f"{_V1}/health/detailed")


def integrity(api: ApiClient) -> Integrity:
    """Whether the books add up, check by check."""
    return api.read(Integrity, f"{_V1}/ledger/integrity")


def overview(api: ApiClient) -> Overview:
    """The last hour."""
    return api.read(Overview, f"{_V1}/operations/overview")


def queues(api: ApiClient) -> Queues:
    """Queues, workers and the schedule."""
    return api.read(Queues, f"{_V1}/operations/queues")


def jobs(api: ApiClient, *, status: str, queue: str, cursor: str) -> JobPage:
    """One page of the queue's messages, newest first."""
    asked = {"status": status, "queue": queue, "cursor": cursor, "limit": "50"}
    return api.read(JobPage, f"{_V1}/jobs", params={name: value for name, value in asked.items() if value})


def retry_job(api: ApiClient, job_id: str) -> Job:
    """Give a dead job another chance."""
    return api.send(Job, f"{_V1}/jobs/{{}}/retry", job_id)


def discard_job(api: ApiClient, job_id: str) -> Job:
    """Take a dead job out of the queue for good."""
    return api.send(Job, f"{_V1}/jobs/{{}}/discard", job_id)


def differences(api: ApiClient, cursor: str) -> DifferencePage:
    """What waits in suspense, oldest first."""
    return api.read(DifferencePage, f"{_V1}/ledger/differences", params=_page(cursor))


def adjustments(api: ApiClient, payment_id: str) -> list[AdjustmentView]:
    """What was done about a payment's difference, oldest first."""
    return api.read(list[AdjustmentView], f"{_V1}/ledger/differences/{{}}/adjustments", payment_id)


def adjust(api: ApiClient, payment_id: str, asked: AdjustDifference, key: str) -> AdjustmentView:
    """Resolve or write off (a part of) a difference, once per key."""
    path = f"{_V1}/ledger/differences/{{}}/adjust"
    return api.send(AdjustmentView, path, payment_id, body=asked, key=key)


def approvals(api: ApiClient, state: str, cursor: str) -> ApprovalPage:
    """One page of what needs a second person, newest first."""
    asked = _page(cursor) | ({"state": state} if state else {})
    return api.read(ApprovalPage, f"{_V1}/approvals", params=asked)


def approval(api: ApiClient, number: int) -> ApprovalView:
    """One request for a second person, as it is now."""
    return api.read(ApprovalView, f"{_V1}/approvals/{{}}", str(number))


def ask_approval(api: ApiClient, asked: AskApproval, key: str) -> ApprovalView:
    """Ask a second person, once per key."""
    return api.send(ApprovalView, f"{_V1}/approvals", body=asked, key=key)


def decide_approval(api: ApiClient, number: int, word: DecideApproval, key: str) -> ApprovalView:
    """Agree, which has it done at once, or reject."""
    return api.send(ApprovalView, f"{_V1}/approvals/{{}}/decide", str(number), body=word, key=key)


def withdraw_approval(api: ApiClient, number: int) -> ApprovalView:
    """Take one's own request back."""
    return api.send(ApprovalView, f"{_V1}/approvals/{{}}/withdraw", str(number))


def accounts(api: ApiClient, cursor: str) -> AccountPage:
    """One page of the ledger's accounts."""
    return api.read(AccountPage, f"{_V1}/ledger/accounts", params=_page(cursor))


def statement(api: ApiClient, account_id: str, cursor: str) -> Statement:
    """One page of an account's entries, newest first."""
    return api.read(Statement, f"{_V1}/ledger/accounts/{{}}/statement", account_id, params=_page(cursor))


def trial_balance(api: ApiClient) -> TrialBalance:
    """Every account added up by currency."""
    return api.read(TrialBalance, f"{_V1}/ledger/trial-balance")


def chart(api: ApiClient) -> list[ChartLineView]:
    """The chart of accounts."""
    return api.read(list[ChartLineView], f"{_V1}/ledger/chart")


def periods(api: ApiClient) -> list[PeriodView]:
    """Boundaries of closed periods, newest first."""
    return api.read(list[PeriodView], f"{_V1}/ledger/periods")


def close_period(api: ApiClient, asked: ClosePeriod, key: str) -> PeriodView:
    """Close everything before a moment."""
    return api.send(PeriodView, f"{_V1}/ledger/periods", body=asked, key=key)


def invoices(api: ApiClient, status: str, cursor: str) -> InvoicePage:
    """One page of invoices, newest first."""
    asked = _page(cursor) | ({"status": status} if status else {})
    return api.read(InvoicePage, f"{_V1}/invoices", params=asked)


def invoice(api: ApiClient, invoice_id: str) -> InvoiceDetail:
    """One invoice with its events and entries."""
    return api.read(InvoiceDetail, f"{_V1}/invoices/{{}}", invoice_id)


def void_invoice(api: ApiClient, invoice_id: str, reason: str, key: str) -> InvoiceView:
    """Give an invoice up of which nothing was paid."""
    return api.send(
        InvoiceView, f"{_V1}/invoices/{{}}/void", invoice_id, body=GiveReason(reason=reason), key=key
    )


def credit_note(api: ApiClient, invoice_id: str, minor: int | None, reason: str, key: str) -> InvoiceView:
    """Give up a part of what an invoice still asks for."""
    body = CreditNote(amount_cents=minor, reason=reason)
    return api.send(InvoiceView, f"{_V1}/invoices/{{}}/credit-notes", invoice_id, body=body, key=key)


def allocate_credit(api: ApiClient, invoice_id: str, minor: int | None, key: str) -> InvoiceView:
    """Pay an invoice with its customer's credit."""
    body = AmountAsked(amount_cents=minor)
    return api.send(InvoiceView, f"{_V1}/invoices/{{}}/allocate", invoice_id, body=body, key=key)


def refund_credit(api: ApiClient, asked: RefundCredit, key: str) -> CustomerCredit:
    """Give a customer's credit back."""
    return api.send(CustomerCredit, f"{_V1}/customer-credit/refund", body=asked, key=key)


def repair_event(api: ApiClient, event_id: str, asked: RepairEvent, key: str) -> PaymentEventView:
    """Apply an edited copy of an event that was given up."""
    return api.send(PaymentEventView, f"{_V1}/webhooks/incoming/{{}}/repair", event_id, body=asked, key=key)


def customer_credit(api: ApiClient, customer: str) -> list[CustomerCredit]:
    """What a customer has paid too much, by currency."""
    return api.read(list[CustomerCredit], f"{_V1}/customer-credit", params={"customer": customer})


def incoming(api: ApiClient, cursor: str) -> PaymentEventPage:
    """One page of incoming payment events, newest first."""
    return api.read(PaymentEventPage, f"{_V1}/webhooks/incoming", params=_page(cursor))


def subscriptions(api: ApiClient) -> list[Subscription]:
    """Who is told of events."""
    return api.read(list[Subscription], f"{_V1}/webhooks/subscriptions")


def subscription(api: ApiClient, subscription_id: str) -> Subscription:
    """One of those who are told of events."""
    return api.read(Subscription, f"{_V1}/webhooks/subscriptions/{{}}", subscription_id)


def switch_subscription(api: ApiClient, subscription_id: str, action: str) -> Subscription:
    """Enable it again, or have it pause."""
    return api.send(Subscription, f"{_V1}/webhooks/subscriptions/{{}}/{{}}", subscription_id, action)


def deliveries(api: ApiClient, subscription_id: str, cursor: str) -> DeliveryPage:
    """One page of a subscription's deliveries, newest first."""
    path = f"{_V1}/webhooks/subscriptions/{{}}/deliveries"
    return api.read(DeliveryPage, path, subscription_id, params=_page(cursor))


def replay(api: ApiClient, subscription_id: str, delivery: int) -> Replayed:
    """Deliver once more."""
    path = f"{_V1}/webhooks/subscriptions/{{}}/deliveries/replay"
    return api.send(Replayed, path, subscription_id, body=Replay(deliveries=[delivery]))


def _page(cursor: str) -> dict[str, str]:
    return {"limit": "50", **({"cursor": cursor} if cursor else {})}
