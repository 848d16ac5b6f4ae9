"""Invoices and customers' credit. It must not reckon what is open."""

from payments_schema.wire.cards import Preview
from payments_schema.wire.invoices import (
    AmountAsked,
    CreateInvoice,
    CreditNote,
    CustomerCredit,
    GiveReason,
    InvoiceDetail,
    InvoicePage,
    InvoiceView,
    RefundCredit,
)

from payments_ui.api_client import ApiClient
from payments_ui.calls.paths import V1, page

PREVIEW = {"preview": "true"}
CHANGES = {"void": GiveReason, "credit-notes": CreditNote, "allocate": AmountAsked}
"""What may be asked of an invoice, as the API calls it."""


def invoices(api: ApiClient, status: str, customer: str, cursor: str) -> InvoicePage:
    """One page of invoices, newest first."""
    asked = {name: value for name, value in (("status", status), ("customer", customer)) if value}
    return api.read(InvoicePage, f"{V1}/invoices", params=page(cursor) | asked)


def invoice(api: ApiClient, invoice_id: str) -> InvoiceDetail:
    """One invoice with its events and entries."""
    return api.read(InvoiceDetail, f"{V1}/invoices/{{}}", invoice_id)


def preview_invoice(api: ApiClient, asked: CreateInvoice) -> Preview:
    """What a new invoice would post; none is made."""
    return api.send(Preview, f"{V1}/invoices", body=asked, params=PREVIEW)


def create_invoice(api: ApiClient, asked: CreateInvoice, key: str) -> InvoiceView:
    """Send an invoice, once per key."""
    return api.send(InvoiceView, f"{V1}/invoices", body=asked, key=key)


def preview_change(api: ApiClient, invoice_id: str, change: str, minor: int | None) -> Preview:
    """What one of `CHANGES` would post now; nothing is done."""
    body = CHANGES[change].model_validate({} if minor is None else {"amount_cents": minor})
    return api.send(Preview, f"{V1}/invoices/{{}}/{{}}", invoice_id, change, body=body, params=PREVIEW)


def void_invoice(api: ApiClient, invoice_id: str, reason: str, key: str) -> InvoiceView:
    """Give an invoice up of which nothing was paid."""
    return api.send(
        InvoiceView, f"{V1}/invoices/{{}}/void", invoice_id, body=GiveReason(reason=reason), key=key
    )


def credit_note(api: ApiClient, invoice_id: str, minor: int | None, reason: str, key: str) -> InvoiceView:
    """Give up a part of what an invoice still asks for."""
    body = CreditNote(amount_cents=minor, reason=reason)
    return api.send(InvoiceView, f"{V1}/invoices/{{}}/credit-notes", invoice_id, body=body, key=key)


def allocate_credit(api: ApiClient, invoice_id: str, minor: int | None, key: str) -> InvoiceView:
    """Pay an invoice with its customer's credit."""
    body = AmountAsked(amount_cents=minor)
    return api.send(InvoiceView, f"{V1}/invoices/{{}}/allocate", invoice_id, body=body, key=key)


def preview_refund(api: ApiClient, asked: RefundCredit) -> Preview:
    """What giving credit back would post now; nothing is done."""
    return api.send(Preview, f"{V1}/customer-credit/refund", body=asked, params=PREVIEW)


def refund_credit(api: ApiClient, asked: RefundCredit, key: str) -> CustomerCredit:
    """Give a customer's credit back."""
    return api.send(CustomerCredit, f"{V1}/customer-credit/refund", body=asked, key=key)


def customer_credit(api: ApiClient, customer: str) -> list[CustomerCredit]:
    """What a customer has paid too much, by currency."""
    return api.read(list[CustomerCredit], f"{V1}/customer-credit", params={"customer": customer})
