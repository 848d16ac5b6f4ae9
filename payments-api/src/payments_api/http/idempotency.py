"""Reads the `Idempotency-Key` header, one rule for every POST that moves money.

Must not decide what a repeated key means; that is the database's, in the same transaction as the money.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Header

from payments_api.http.problems import Problem

LONGEST_KEY = 255
REPLAYED = "Idempotent-Replayed"


class IdempotencyKeyRefused(Problem):
    """The key is missing, empty, too long or not printable."""

    def __init__(self, detail: str) -> None:
        super().__init__(400, "idempotency_key_missing", detail)


def parse_key(header: str | None) -> str:
    """Return the key without its quotes: 1 to 255 visible characters, bare or an RFC 8941 string."""
    if header is None:
        raise IdempotencyKeyRefused("The Idempotency-Key header is required.")
    key = header.strip(" \t")
    if len(key) >= 2 and key[0] == key[-1] == '"':
        key = key[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    if not key:
        raise IdempotencyKeyRefused("The Idempotency-Key header is empty.")
    if len(key) > LONGEST_KEY:
        raise IdempotencyKeyRefused(f"The Idempotency-Key is longer than {LONGEST_KEY} characters.")
    if not key.isprintable():
        raise IdempotencyKeyRefused("The Idempotency-Key has characters that cannot be printed.")
    return key


IdempotencyHeader = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        description="Names this request: 1-255 characters, bare or quoted. The same key with the same body "
        "is answered once and replayed; with another body or route it is 422.",
    ),
]


async def idempotency_key(key: IdempotencyHeader = None) -> str:
    """Require the key of a request that moves money."""
    return parse_key(key)


IdempotencyKey = Annotated[str, Depends(idempotency_key)]
