"""Which entries each change of an invoice makes. Pure; must not see a balance."""

from __future__ import annotations

from typing import assert_never

from payments_schema.invoices.lifecycle import (
    Allocated,
    Change,
    CreditNoted,
    CreditRefunded,
    Invoice,
    Issued,
    Paid,
)
from payments_schema.ledger.posting import CREDIT, DEBIT, Account, Entry, Posting, platform
from payments_schema.money import Money
from payments_schema.wire.ledger import Direction

RECEIVABLE = "accounts_receivable"
REVENUE = "invoice_revenue"
CLEARING = "settlement_clearing"
CASH = "platform_cash"
CREDIT_OF_CUSTOMER = "customer_credit"


def credit_of(customer: str) -> Account:
    """The account of what a customer paid beyond his invoices."""
    return Account(CREDIT_OF_CUSTOMER, customer)


def issue(invoice: Invoice) -> Posting:
    """Claim the total; posted before the first step of an invoice that was not booked when it was made."""
    legs = [
        (platform(RECEIVABLE), DEBIT, invoice.total_minor),
        (platform(REVENUE), CREDIT, invoice.total_minor),
    ]
    return _posting("invoice_issue", "issue", invoice, legs)


def of(change: Change) -> Posting:
    """Return what a change posts; its key is the event or the step, so that none is posted twice."""
    match change:
        case Issued(invoice):
            return issue(invoice)
        case Paid(invoice, event_id, applied, credit):
            legs = [
                (credit_of(invoice.debtor), CREDIT, credit),
                (platform(CLEARING), DEBIT, applied + credit),
                (platform(RECEIVABLE), CREDIT, applied),
            ]
            return _posting("invoice_payment", f"event-{event_id}", invoice, legs)
        case CreditNoted(invoice, amount, _):
            legs = [(platform(REVENUE), DEBIT, amount), (platform(RECEIVABLE), CREDIT, amount)]
            return _posting("invoice_credit_note", f"step-{invoice.steps}", invoice, legs)
        case Allocated(invoice, amount):
            legs = [(credit_of(invoice.debtor), DEBIT, amount), (platform(RECEIVABLE), CREDIT, amount)]
            return _posting("credit_allocation", f"step-{invoice.steps}", invoice, legs)
        case _:
            assert_never(change)


def of_refund(change: CreditRefunded) -> Posting:
    """Return what giving credit back posts."""
    amount = Money(change.amount_minor, change.currency)
    return Posting(
        "credit_refund",
        f"credit:{change.customer}:{change.currency}",
        f"step-{change.step}",
        (Entry(credit_of(change.customer), DEBIT, amount), Entry(platform(CASH), CREDIT, amount)),
        change.at,
    )


def _posting(kind: str, key: str, invoice: Invoice, legs: list[tuple[Account, Direction, int]]) -> Posting:
    entries = tuple(
        Entry(account, direction, Money(amount, invoice.currency))
        for account, direction, amount in legs
        if amount  # a part of nothing is no entry
    )
    return Posting(kind, str(invoice.id), key, entries, invoice.updated_at)
