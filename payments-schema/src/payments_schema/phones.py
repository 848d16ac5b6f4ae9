"""Telephone numbers in every notation people use, made one: `+233243123499`. Pure.

Must not say in an error what was given: a number is personal data.
"""

from __future__ import annotations

import re
import unicodedata

from payments_schema.errors import InvalidRequest

_SEPARATORS = re.compile(r"[\s().\-/\u2010-\u2015\u00b7]+")
_PREFIXES = {
    "mtn": ("24", "25", "53", "54", "55", "59"),
    "telecel": ("20", "50"),
    "airteltigo": ("26", "27", "56", "57"),
}
_NETWORKS = {prefix: network for network, prefixes in _PREFIXES.items() for prefix in prefixes}
# MTN's published sandbox numbers are Swedish; with real providers nobody answers there.
_SANDBOX = re.compile(r"467331234[0-9]{2}", re.ASCII)


class PhoneMalformed(InvalidRequest):
    """Not the number of a Ghanaian mobile-money wallet."""

    code = "phone_malformed"


def normalise(text: str) -> str:
    """A number in E.164. Raises PhoneMalformed."""
    folded = _SEPARATORS.sub("", unicodedata.normalize("NFKC", text))
    plus = folded.startswith("+")
    digits = folded.removeprefix("+")
    if not digits.isdigit() or not digits.isascii():
        raise PhoneMalformed("must be a telephone number: digits, spaces, dashes, brackets and a leading +")
    if not plus and digits.startswith("00"):
        digits, plus = digits[2:], True
    if _SANDBOX.fullmatch(digits):
        return f"+{digits}"
    national = _national(digits, plus)
    if national is None or national[:2] not in _NETWORKS:
        raise PhoneMalformed("must be a Ghanaian mobile number, such as 024 312 3499 or +233 24 312 3499")
    return f"+233{national}"


def _national(digits: str, international: bool) -> str | None:
    if digits.startswith("233"):
        rest = digits[3:].removeprefix("0") if len(digits) == 13 else digits[3:]
    elif international:
        return None
    elif digits.startswith("0"):
        rest = digits[1:]
    else:
        rest = digits
    return rest if len(rest) == 9 else None


def network_of(phone: str) -> str:
    """The network that the number's prefix belongs to; ported numbers are found out by the providers."""
    return "mtn" if phone.startswith("+467331234") else _NETWORKS[phone[4:6]]


def masked(phone: str) -> str:
    """The number with its middle hidden: `+23324***3499`."""
    return f"{phone[:6]}***{phone[-4:]}"


_DIGITS = re.compile(r"(?<![0-9.])([0-9]{5})[0-9]{2,6}([0-9]{4})(?![0-9])")


def mask_text(text: str) -> str:
    """Any text with what looks like telephone numbers masked, for what a provider sent."""
    return _DIGITS.sub(r"\1***\2", text)
