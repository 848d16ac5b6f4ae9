"""How amounts are written for a reader.

It must not compute: an amount is the string that the API gave, never a float.
"""

import re

from markupsafe import Markup

_AMOUNT = re.compile(r"(?P<sign>-?)(?P<whole>\d+)(?P<rest>\.\d+)?")
MINUS = "\N{MINUS SIGN}"


def grouped(amount: str) -> str:
    """Write `-1234567.50` as `−1,234,567.50`; what is no amount stays as it came."""
    found = _AMOUNT.fullmatch(amount)
    if found is None:
        return amount
    whole = f"{int(found['whole']):,}"
    return f"{MINUS if found['sign'] else ''}{whole}{found['rest'] or ''}"


def spoken(amount: str, currency: str) -> str:
    """Write an amount with its currency, as `1,250.00 USD`."""
    return f"{grouped(amount)}\N{NO-BREAK SPACE}{currency}"


def cell(amount: str, currency: str) -> Markup:
    """Markup of an amount whose digits stand under each other in a column."""
    return Markup('<span class="pay-amount">{}</span> <span class="pay-currency">{}</span>').format(
        grouped(amount), currency
    )
