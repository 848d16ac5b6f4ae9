"""Ledger transactions drawn as T-accounts: debits on the left, credits on the right, and that they agree.

It must not post or correct anything; sums are of whole minor units, never of floats.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from markupsafe import Markup
from payments_schema.money import Money, parse_major
from payments_schema.wire.ledger import Direction, LedgerEntry, LedgerTransaction

from payments_ui.components import money

_T = Markup(
    '<div class="pay-t"><table><caption>{account}</caption>'
    '<thead><tr><th scope="col">Debit</th><th scope="col">Credit</th></tr></thead>'
    "<tbody>{rows}</tbody></table></div>"
)


def drawn(transactions: Sequence[LedgerTransaction]) -> Markup:
    """Markup of one T per account, and a line that says whether debits equal credits."""
    return drawn_entries([entry for transaction in transactions for entry in transaction.entries])


def drawn_entries(entries: Sequence[LedgerEntry]) -> Markup:
    """Markup of entries alone, as of those that were not posted."""
    by_account: dict[str, list[LedgerEntry]] = defaultdict(list)
    for entry in entries:
        by_account[entry.account].append(entry)
    ts = Markup("").join(_T.format(account=account, rows=_rows(of)) for account, of in by_account.items())
    sums = Markup("").join(
        _sum(currency, entries) for currency in sorted({entry.currency for entry in entries})
    )
    return Markup('<div class="pay-ts">{}</div>{}').format(ts, sums)


def _rows(entries: Iterable[LedgerEntry]) -> Markup:
    rows = Markup("")
    for entry in entries:
        amount = money.cell(entry.amount, entry.currency)
        debit, credit = (amount, "") if entry.direction is Direction.DEBIT else ("", amount)
        rows += Markup("<tr><td>{}</td><td>{}</td></tr>").format(debit, credit)
    return rows


def _sum(currency: str, entries: Iterable[LedgerEntry]) -> Markup:
    debits, credits_ = Money(0, currency), Money(0, currency)
    for entry in entries:
        if entry.currency != currency:
            continue
        if entry.direction is Direction.DEBIT:
            debits += parse_major(entry.amount, currency)
        else:
            credits_ += parse_major(entry.amount, currency)
    if debits == credits_:
        return Markup(
            '<p class="pay-sum pay-good"><i class="pay-shape pay-disc"></i>Debits equal credits: {}</p>'
        ).format(money.spoken(debits.major(), currency))
    return Markup(
        '<p class="pay-sum pay-bad"><i class="pay-shape pay-square"></i>Debits {} and credits {} differ</p>'
    ).format(money.spoken(debits.major(), currency), money.spoken(credits_.major(), currency))
