"""A list of payments as a real table: each row has a real link, so that no row is ever acted on by position.

It must not show more rows than it is given, nor markup that came from outside.
"""

from collections.abc import Iterable
from datetime import datetime, tzinfo

from markupsafe import Markup
from payments_schema.wire.operations import Kind, PaymentLine

from payments_ui import state
from payments_ui.components import money, status, times

_TABLE = Markup(
    '<div class="pay-scroll"><table class="pay-table">'
    '<caption class="pay-unseen">{caption}</caption><thead><tr>'
    '<th scope="col">Payment</th><th scope="col">Kind</th><th scope="col">Status</th>'
    '<th scope="col" class="pay-right">Amount</th>'
    '<th scope="col">Account or payee</th><th scope="col">Description</th><th scope="col">Created</th>'
    "</tr></thead><tbody>{rows}</tbody></table></div>"
)
_ROW = Markup(
    '<tr><td><a href="{link}" title="{id}"><code>{short}</code></a></td><td>{kind}</td><td>{badge}</td>'
    '<td class="pay-right">{amount}</td><td>{party}</td>'
    '<td class="pay-dim" title="{description}">{description}</td><td>{created}</td></tr>'
)


def table(rows: Iterable[PaymentLine], zone: tzinfo, now: datetime, caption: str) -> Markup:
    """Markup of the table. `caption` is what a screen reader calls it."""
    return _TABLE.format(caption=caption, rows=Markup("").join(_row(row, zone, now) for row in rows))


def _row(row: PaymentLine, zone: tzinfo, now: datetime) -> Markup:
    payment_id = row.id
    return _ROW.format(
        link=state.payment_link(payment_id),
        id=payment_id,
        short=short_id(payment_id),
        badge=status.badge(row.status),
        amount=money.cell(row.amount, row.currency),
        kind=row.kind,
        party=party(row),
        description=row.description or "",
        created=times.moment(row.created_at, zone, now),
    )


def party(row: PaymentLine) -> Markup | str:
    """Whom a payment concerns: an account by its link, a payee as he is called."""
    if row.party is None or row.kind is Kind.WALLET:
        return row.party or ""
    link = state.account_link(row.party, row.currency)
    return Markup('<a href="{}">{}</a>').format(link, row.party)


def short_id(payment_id: str) -> str:
    """Write the part of a time-ordered id that tells neighbours apart: its end, where the chance is."""
    return f"…{payment_id[-12:]}"
