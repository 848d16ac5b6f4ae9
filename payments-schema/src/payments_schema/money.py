"""Money as integer minor units with an ISO 4217 currency. No binary floating point, ever.

Must not round silently: an amount that its currency cannot hold is refused.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from payments_schema.errors import AmountMalformed, AmountOutOfRange, UnknownCurrency

MIN_MINOR = -(2**63)
MAX_MINOR = 2**63 - 1

_DECIMALS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: (
        "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF "
        "CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD "
        "GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL "
        "MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR "
        "PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP "
        "TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG"
    ),
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
CURRENCIES: dict[str, int] = {code: digits for digits, codes in _DECIMALS.items() for code in codes.split()}
"""Every currency we know and its exponent; the table core.currency holds the same (a test compares)."""

_PLAIN = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?", re.ASCII)
_LONGEST = 64


def exponent(currency: str) -> int:
    """How many decimals a currency has. Raises UnknownCurrency."""
    try:
        return CURRENCIES[currency]
    except (KeyError, TypeError):
        raise UnknownCurrency("currency is not an ISO 4217 code that we know") from None


@dataclass(frozen=True, slots=True, order=False)
class Money:
    """An amount in minor units of its currency. Sums may leave 64 bits; single amounts may not."""

    minor: int
    currency: str

    def major(self) -> str:
        """The amount as people write it, with exactly the currency's decimals: `"250.00"`, `"-0.05"`."""
        return major(self.minor, self.currency)

    def __add__(self, other: Money) -> Money:
        self._must_match(other)
        return Money(self.minor + other.minor, self.currency)

    def __sub__(self, other: Money) -> Money:
        self._must_match(other)
        return Money(self.minor - other.minor, self.currency)

    def _must_match(self, other: Money) -> None:
        if self.currency != other.currency:
            raise ValueError(f"{self.currency} and {other.currency} cannot be added")


def major(minor: int, currency: str) -> str:
    """Minor units as a decimal string with exactly the currency's decimals."""
    digits = exponent(currency)
    if digits == 0:
        return str(minor)
    text = str(abs(minor)).rjust(digits + 1, "0")
    sign = "-" if minor < 0 else ""
    return f"{sign}{text[:-digits]}.{text[-digits:]}"


def parse_major(value: str | int | Decimal, currency: str) -> Money:
    """Read an amount in major units exactly; `250`, `"250.00"` and `Decimal("2.5e2")` are the same.

    Raises UnknownCurrency, AmountMalformed (not a number, or decimals that the currency has not: zeros behind
    the last decimal are no decimals), AmountOutOfRange.
    """
    digits = exponent(currency)
    number = _decimal(value)
    sign, figures, power = number.as_tuple()
    if not isinstance(power, int):
        raise AmountMalformed("amount must be a finite number")
    shift = power + digits
    unsigned = int("".join(map(str, figures)) or "0")
    if unsigned == 0:
        return Money(0, currency)
    if number.adjusted() > 20:  # before 10 ** shift could grow large
        raise AmountOutOfRange("amount is beyond the largest that can be held")
    if shift >= 0:
        minor = unsigned * 10**shift
    else:
        minor, rest = (0, unsigned) if -shift > len(figures) else divmod(unsigned, 10**-shift)
        if rest:
            raise AmountMalformed(f"amount has more decimals than {currency} ({digits})")
    minor = -minor if sign else minor
    if not MIN_MINOR <= minor <= MAX_MINOR:
        raise AmountOutOfRange("amount is beyond the largest that can be held")
    return Money(minor, currency)


def _decimal(value: str | int | Decimal) -> Decimal:
    if isinstance(value, Decimal):
        return value
    if isinstance(value, bool) or not isinstance(value, (str, int)):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise AmountMalformed("amount must be a number or a decimal string")
    if isinstance(value, int):
        if not -(10**40) < value < 10**40:
            raise AmountOutOfRange("amount is beyond the largest that can be held")
        return Decimal(value)
    if not is_decimal(value):
        raise AmountMalformed("amount must be a number or a decimal string")
    return Decimal(value)


def is_decimal(text: str) -> bool:
    """Whether a text is a plain decimal number of reasonable length: no spaces, no NaN, no underscores."""
    return len(text) <= _LONGEST and _PLAIN.fullmatch(text) is not None


def apportion(total_minor: int, weights: Sequence[int]) -> list[int]:
    """Split a total by weights so that nothing is lost: the largest remainders get the left-over units.

    weights: not empty, none negative, not all zero. Ties go to the earlier weight. A negative total is
    split like its opposite.
    """
    whole = sum(weights)
    if whole <= 0 or min(weights) < 0:
        raise ValueError("weights must be non-negative and not all zero")
    size = abs(total_minor)
    parts = [size * weight // whole for weight in weights]
    remainders = sorted(range(len(weights)), key=lambda i: (-(size * weights[i] % whole), i))
    for i in remainders[: size - sum(parts)]:
        parts[i] += 1
    return [-part for part in parts] if total_minor < 0 else parts
