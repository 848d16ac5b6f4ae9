"""Invoices: the list, one of them with its payments and entries, and what customers have paid too much.

It must not decide what an invoice is worth: the API says what is open.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import streamlit as st
from markupsafe import Markup
from payments_schema.money import Money
from payments_schema.wire.approvals import ApprovalKind, AskApproval
from payments_schema.wire.invoices import (
    CustomerCredit,
    InvoiceDetail,
    InvoicePage,
    InvoiceStatus,
    RefundCredit,
)

from payments_ui import calls, state
from payments_ui.api_client import ApiClient, ApiError
from payments_ui.components import (
    act,
    deed,
    facts,
    grid,
    header,
    make,
    money,
    problems,
    status,
    times,
)

ANY = ""


def show(api: ApiClient) -> None:
    """Show the page."""
    invoice_id = st.query_params.get("id", "").strip()
    header.title("Invoices", "What was billed, what was paid, what is open.")
    try:
        if invoice_id:
            invoice = calls.invoices.invoice(api, invoice_id)
            held = calls.invoices.customer_credit(api, debtor(invoice))
            _actions(api, invoice, held)
            _one(invoice, held)
        else:
            make.button(api, "invoice")
            _list(api)
    except ApiError as error:
        problems.show(error)


def debtor(invoice: InvoiceDetail) -> str:
    """Whose credit it is that was paid too much: without a customer the invoice keeps it itself."""
    return invoice.customer or f"invoice:{invoice.id}"


def _list(api: ApiClient) -> None:
    asked, cursor = st.query_params.get("status", ""), st.query_params.get("cursor", "")
    whose = st.query_params.get("customer", "").strip()
    statuses = [ANY, *InvoiceStatus]
    left, right = st.columns([1, 2])
    chosen = left.selectbox(
        "Status",
        statuses,
        index=statuses.index(asked) if asked in statuses else 0,
        format_func=lambda value: status.look_of(value).word if value else "any",
    )
    customer = (right.text_input("Customer", whose, max_chars=255) or "").strip()
    if (chosen, customer) != (asked, whose):
        wanted = {"status": chosen, "customer": customer}
        st.query_params.from_dict({name: value for name, value in wanted.items() if value})
        cursor = ""
    page = calls.invoices.invoices(api, chosen, customer, cursor)
    if not page.data:
        problems.nothing_here("No invoice", "Nothing was billed that is like that.")
        return
    st.html(str(_table(page)))
    pages = grid.pager(cursor, page.next_cursor, state.INVOICES_PATH, status=chosen, customer=customer)
    st.html(str(pages))


def _table(page: InvoicePage) -> Markup:
    heads = ("Invoice", "Customer", "Status", "Total", "Paid", "Open", "Due")
    now, zone = datetime.now(UTC), times.reader_zone()
    rows = (
        (
            grid.link(state.page_link(state.INVOICES_PATH, id=str(line.id)), f"…{str(line.id)[-12:]}"),
            line.customer or "",
            status.badge(line.status.value),
            _cell(line.total_cents, line.currency),
            _cell(line.paid_cents, line.currency),
            _cell(line.open_cents, line.currency),
            times.moment(line.due_at, zone, now) if line.due_at else "on receipt",
        )
        for line in page.data
    )
    return grid.table("Invoices, newest first", heads, rows, "Total,Paid,Open")


def _cell(minor: int, currency: str) -> Markup:
    return money.cell(Money(minor, currency).major(), currency)


def _actions(api: ApiClient, invoice: InvoiceDetail, held: list[CustomerCredit]) -> None:
    with st.container(horizontal=True):
        for name, one in deeds(api, invoice, held).items():
            deed.button(one, name)
    link = Markup('<p class="pay-more"><a href="{}" target="_blank" rel="noopener">Page to print</a></p>')
    st.html(str(link.format(state.print_link(str(invoice.id)))))


def deeds(api: ApiClient, invoice: InvoiceDetail, held: list[CustomerCredit]) -> dict[str, deed.Deed]:
    """What may be done with an invoice and its customer's credit now, by name."""
    id_, allowed = str(invoice.id), invoice.allowed_actions
    credit = next((one.credit_cents for one in held if one.currency == invoice.currency), 0)
    payable = min(credit, invoice.open_cents)

    def look() -> deed.Named:
        now = calls.invoices.invoice(api, id_)
        return [("Invoice", _link(id_)), *_named(now)[1:]]

    def preview(change: str) -> Callable[[Money | None], Markup]:
        return lambda amount: act.posted(
            calls.invoices.preview_change(api, id_, change, amount.minor if amount else None)
        )

    found: dict[str, deed.Deed] = {}
    if "credit_note" in allowed:
        found["credit_note"] = deed.Deed(
            "Credit note",
            look,
            lambda said: calls.invoices.credit_note(api, id_, _minor(said), said.reason, said.key),
            warning="This part of the claim is given up.",
            most=Money(invoice.open_cents, invoice.currency),
            below=preview("credit-notes"),
        )
    if "allocate_credit" in allowed and payable > 0:
        found["allocate"] = deed.Deed(
            "Pay with credit",
            look,
            lambda said: calls.invoices.allocate_credit(api, id_, _minor(said), said.key),
            most=Money(payable, invoice.currency),
            wants_reason=False,
            below=preview("allocate"),
        )
    if "void" in allowed:
        found["void"] = deed.Deed(
            "Void",
            look,
            lambda said: calls.invoices.void_invoice(api, id_, said.reason, said.key),
            warning="The whole claim is given up.",
            whole=lambda: Money(calls.invoices.invoice(api, id_).open_cents, invoice.currency),
            below=preview("void"),
        )
    for one in held:
        if one.credit_cents:
            is_other = one.currency != invoice.currency
            name = f"refund_credit_{one.currency}" if is_other else "refund_credit"
            found[name] = _refund(
                api, f"Refund credit{f' in {one.currency}' if is_other else ''}", invoice, one
            )
    return found


def _refund(api: ApiClient, label: str, invoice: InvoiceDetail, credit: CustomerCredit) -> deed.Deed:
    customer, currency = credit.customer, credit.currency

    def asked(amount: Money | None) -> RefundCredit:
        return RefundCredit(
            customer=customer, currency=currency, amount_cents=amount.minor if amount else None
        )

    def look() -> deed.Named:
        held = calls.invoices.customer_credit(api, customer)
        lines = [(f"Credit {one.currency}", _cell(one.credit_cents, one.currency)) for one in held]
        return [("Customer", invoice.customer or ""), ("Seen at invoice", _link(str(invoice.id))), *lines]

    def ask(said: deed.Filled) -> None:
        amount = said.amount or Money(credit.credit_cents, currency)
        wanted = AskApproval(
            kind=ApprovalKind.CREDIT_REFUND,
            subject=f"{currency}:{customer}",
            amount=Decimal(amount.major()),
            reason=said.reason,
        )
        calls.approvals.ask_approval(api, wanted, said.key)

    return deed.Deed(
        label,
        look,
        lambda said: calls.invoices.refund_credit(api, asked(said.amount), said.key),
        most=Money(credit.credit_cents, currency),
        wants_reason=False,
        below=lambda amount: act.posted(calls.invoices.preview_refund(api, asked(amount))),
        ask=ask,
    )


def _link(invoice_id: str) -> Markup:
    return grid.link(state.page_link(state.INVOICES_PATH, id=invoice_id), invoice_id)


def _minor(said: deed.Filled) -> int | None:
    return None if said.amount is None else said.amount.minor


def _one(invoice: InvoiceDetail, held: list[CustomerCredit]) -> None:
    head = Markup('<div class="pay-head"><span class="pay-big">{}</span>{}</div>')
    total = money.spoken(Money(invoice.total_cents, invoice.currency).major(), invoice.currency)
    st.html(str(head.format(total, status.badge(invoice.status.value))))
    st.html(str(facts.facts(_named(invoice))))
    lines = [(one.currency, _cell(one.credit_cents, one.currency)) for one in held if one.credit_cents]
    if lines:
        st.markdown("##### Credit of this customer", anchors=False)
        st.html(str(grid.table("Credit", ("Currency", "Credit"), lines, "Credit")))
    _booked(invoice)


def _named(invoice: InvoiceDetail) -> list[tuple[str, Markup | str]]:
    now, zone = datetime.now(UTC), times.reader_zone()
    return [
        ("Invoice", facts.code(str(invoice.id))),
        ("Customer", invoice.customer or ""),
        ("Status", status.badge(invoice.status.value)),
        ("Paid", _cell(invoice.paid_cents, invoice.currency)),
        ("Open", _cell(invoice.open_cents, invoice.currency)),
        ("Paid too much", _cell(invoice.credit_cents, invoice.currency) if invoice.credit_cents else ""),
        ("Overdue", "" if invoice.ageing.value == "settled" else invoice.ageing.value),
        ("Made", times.moment(invoice.created_at, zone, now)),
    ]


def _booked(invoice: InvoiceDetail) -> None:
    now, zone = datetime.now(UTC), times.reader_zone()
    st.markdown("##### Payments", anchors=False)
    rows = (
        (
            facts.code(str(event.event_id)),
            status.badge(event.status.value),
            _cell(event.amount_cents, invoice.currency),
            times.moment(event.received_at, zone, now),
            event.error or "",
        )
        for event in invoice.events
    )
    st.html(str(grid.table("Payments", ("Event", "Status", "Amount", "Received", "Error"), rows, "Amount")))
    st.markdown("##### Entries", anchors=False)
    entries = (
        (entry.account_id, entry.direction, money.cell(entry.amount, entry.currency))
        for entry in invoice.entries
    )
    st.html(str(grid.table("Entries", ("Account", "Side", "Amount"), entries, "Amount")))
