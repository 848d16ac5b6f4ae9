"""Reads whether an action on money is to be done, once per key, or only shown; writes what would be posted.

Must not decide what that is.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from fastapi import Depends, Query, Request, Response
from payments_schema.ledger.posting import Posting, chart_code
from payments_schema.wire.cards import Preview, PreviewEntry

from payments_api.http.door import principal
from payments_api.http.idempotency import IdempotencyHeader, parse_key


class Wish:
    """What every action's query and header say: a preview, or else the key that names the request."""

    def __init__(
        self,
        request: Request,
        key: IdempotencyHeader = None,
        preview: Annotated[
            bool, Query(description="Only show the entries that would be posted; needs no key.")
        ] = False,
    ) -> None:
        self.request = request
        self.key = None if preview else parse_key(key)
        self.caller = principal(request)


Wished = Annotated[Wish, Depends(Wish)]


def preview_of(postings: Iterable[Posting]) -> Response:
    """Answer with the entries of postings that were not made."""
    entries = [
        PreviewEntry(
            account=chart_code(entry.account.owner_kind, entry.account.code),
            direction=entry.direction,
            amount=entry.amount.minor,
            currency=entry.amount.currency,
        )
        for posting in postings
        for entry in posting.entries
    ]
    return Response(Preview(entries=entries).model_dump_json(), media_type="application/json")
