"""Identifiers: uuid version 7 for direct payments, prefixed time-ordered ids for the rest.

Must not be asked for secrets: ids are unique and ordered, not unguessable.
"""

from __future__ import annotations

import os
import re
import threading
import time
from typing import NewType
from uuid import UUID

PaymentId = NewType("PaymentId", UUID)
JobId = NewType("JobId", int)
MessageId = NewType("MessageId", UUID)
InvoiceId = NewType("InvoiceId", UUID)
TransactionId = NewType("TransactionId", int)
AccountId = NewType("AccountId", int)
EventId = NewType("EventId", int)

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: ordered, no look-alikes
_PREFIXED = re.compile(r"(?P<prefix>[a-z]{2,8})_(?P<body>[0-9a-hjkmnp-tv-z]{26})", re.ASCII)
_SEQUENCE_DIGITS = 16
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)

_lock = threading.Lock()
_last_ms = 0
_last_counter = 0


def uuid7() -> UUID:
    """A time-ordered uuid (RFC 9562 §5.7); ids of one process are strictly increasing."""
    global _last_ms, _last_counter
    with _lock:
        now_ms = time.time_ns() // 1_000_000
        if now_ms > _last_ms:
            _last_ms = now_ms
            _last_counter = int.from_bytes(os.urandom(4)) >> 7  # 25 bits, room above to count on
        else:
            # Same millisecond, or a clock set back: count on, so that order holds.
            _last_counter += 1
            if _last_counter >= 1 << 26:
                _last_ms += 1
                _last_counter = 0
        ms, counter = _last_ms, _last_counter
    random = int.from_bytes(os.urandom(6))
    value = (ms & 0xFFFF_FFFF_FFFF) << 80 | 0x7 << 76 | (counter >> 14) << 64
    value |= 0b10 << 62 | (counter & 0x3FFF) << 48 | random
    return UUID(int=value)


def new_id(prefix: str) -> str:
    """A fresh prefixed id: `new_id("pay")` is `pay_` and 26 characters that sort by time."""
    return prefixed(prefix, uuid7())


def prefixed(prefix: str, value: UUID) -> str:
    """A uuid in the spelling of `new_id`: both spellings sort alike, so lists of both kinds merge by it."""
    figures = [_ALPHABET[value.int >> shift & 31] for shift in range(125, -1, -5)]
    return f"{prefix}_{''.join(figures)}"


def unprefixed(prefix: str, value: str) -> UUID | None:
    """The uuid behind such an id, or None where it is none."""
    if not is_id(prefix, value):
        return None
    number = 0
    for figure in value[len(prefix) + 1 :]:
        number = number << 5 | _ALPHABET.index(figure)
    return UUID(int=number) if number < 1 << 128 else None


def moment_bound(moment_ms: int) -> UUID:
    """The lowest uuid of version 7 that a moment (milliseconds since 1970) can have."""
    return UUID(int=max(0, min(moment_ms, 0xFFFF_FFFF_FFFF)) << 80)


def is_id(prefix: str, value: str) -> bool:
    """Whether a text could be an id of `new_id(prefix)`; for answering 404 without asking the database."""
    found = _PREFIXED.fullmatch(value)
    return found is not None and found["prefix"] == prefix


def parse_uuid(value: str) -> UUID | None:
    """The uuid a text spells in its usual form, or None where it spells none."""
    return UUID(value) if _UUID.fullmatch(value) else None


def sequence_id(prefix: str, number: int) -> str:
    """The public id of a row numbered by the database: `sequence_id("txn", 42)` is `txn_0000000000000042`."""
    return f"{prefix}_{number:0{_SEQUENCE_DIGITS}d}"


def parse_sequence_id(prefix: str, value: str) -> int | None:
    """The number behind such an id, or None where it is none."""
    head, _, digits = value.partition("_")
    if head != prefix or len(digits) != _SEQUENCE_DIGITS or not digits.isascii() or not digits.isdecimal():
        return None
    return int(digits)
