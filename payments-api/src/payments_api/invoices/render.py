"""Writes invoices: as wire models, as CSV that no spreadsheet takes for a formula, as a page to print.

Must not decide anything about an invoice.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import datetime
from html import escape

from payments_schema.invoices.lifecycle import Invoice
from payments_schema.money import Money
from payments_schema.wire.invoices import Ageing, InvoiceLine, InvoiceView

_COLUMNS = (
    "id",
    "customer",
    "description",
    "currency",
    "total",
    "paid",
    "credited",
    "open",
    "status",
    "ageing",
    "due_at",
    "created_at",
)
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
_STYLE = (
    "body{font:14px/1.5 system-ui,sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem;color:#111}"
    "table{border-collapse:collapse;width:100%}td,th{padding:.3rem .5rem;border-bottom:1px solid #ccc;"
    "text-align:left}.n{text-align:right;font-variant-numeric:tabular-nums}@media print{body{margin:0}}"
)


def ageing(invoice: Invoice, now: datetime) -> Ageing:
    """How long what is open has been due; without a due date it is never late."""
    if not invoice.open_minor:
        return Ageing.SETTLED
    days = (now - invoice.due_at).days if invoice.due_at is not None and invoice.due_at < now else -1
    steps = ((0, Ageing.CURRENT), (30, Ageing.DAYS_30), (60, Ageing.DAYS_60), (90, Ageing.DAYS_90))
    return next((name for limit, name in steps if days < limit), Ageing.OLDER)


def view(invoice: Invoice, now: datetime) -> InvoiceView:
    """The invoice as it is shown."""
    return InvoiceView(
        id=invoice.id,
        currency=invoice.currency,
        total_cents=invoice.total_minor,
        paid_cents=invoice.paid_minor,
        credited_cents=invoice.credited_minor,
        open_cents=invoice.open_minor,
        credit_cents=invoice.credit_minor,
        status=invoice.status,
        due_at=invoice.due_at,
        ageing=ageing(invoice, now),
        customer=invoice.customer,
        description=invoice.description,
        lines=[InvoiceLine(**line) for line in invoice.lines],
        created_at=invoice.created_at,
        updated_at=invoice.updated_at,
    )


def safe_cell(text: str) -> str:
    """Text that a spreadsheet shows instead of running it."""
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA_STARTS) else text


def csv_of(invoices: Sequence[Invoice], now: datetime) -> str:
    """The invoices as CSV (RFC 4180), amounts in major units."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(_COLUMNS)
    for invoice in invoices:
        sums = (invoice.total_minor, invoice.paid_minor, invoice.credited_minor, invoice.open_minor)
        writer.writerow(
            [
                str(invoice.id),
                safe_cell(invoice.customer or ""),
                safe_cell(invoice.description or ""),
                invoice.currency,
                *(Money(minor, invoice.currency).major() for minor in sums),
                invoice.status.value,
                ageing(invoice, now).value,
                invoice.due_at.isoformat() if invoice.due_at else "",
                invoice.created_at.isoformat(),
            ]
        )
    return out.getvalue()


def page_of(invoice: Invoice) -> str:
    """The invoice as a page of its own, for printing; everything that came from outside is escaped."""

    def money(minor: int) -> str:
        return f"{Money(minor, invoice.currency).major()} {invoice.currency}"

    rows = [
        f"<tr><td>{escape(line.description)}</td><td class=n>{line.quantity}</td>"
        f"<td class=n>{money(line.unit_cents)}</td>"
        f"<td class=n>{money(line.quantity * line.unit_cents)}</td></tr>"
        for line in (InvoiceLine(**raw) for raw in invoice.lines)
    ]
    sums = [("Total", invoice.total_minor), ("Paid", invoice.paid_minor)]
    if invoice.credited_minor:
        sums.append(("Credit notes", invoice.credited_minor))
    sums.append(("Open", invoice.open_minor))
    rows += [f"<tr><th colspan=3>{name}</th><td class=n>{money(minor)}</td></tr>" for name, minor in sums]
    due = invoice.due_at.date().isoformat() if invoice.due_at else "on receipt"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Invoice {invoice.id}</title>'
        f"<style>{_STYLE}</style></head><body><h1>Invoice</h1><p>{invoice.id}<br>"
        f"Date {invoice.created_at.date().isoformat()}, due {due}<br>Status {invoice.status.value}</p>"
        f"<p>{escape(invoice.customer or '')}</p><p>{escape(invoice.description or '')}</p>"
        "<table><thead><tr><th>Item</th><th class=n>Quantity</th><th class=n>Price</th>"
        f"<th class=n>Amount</th></tr></thead><tbody>{''.join(rows)}</tbody></table></body></html>"
    )
