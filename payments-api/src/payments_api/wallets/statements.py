"""The HTTP of provider statements: uploads as CSV or JSON, their lines, and what stays open on either side.

Must not hold a rule: what matches what is decided on integers in the schema package.
"""

from __future__ import annotations

import csv
import hashlib
import io
from datetime import UTC, datetime
from typing import Annotated, Any, cast

from fastapi import APIRouter, Depends, Query, Request
from fastapi.exceptions import RequestValidationError
from payments_schema.money import major
from payments_schema.wallets import ageing, statements
from payments_schema.wallets.statements import NewLine
from payments_schema.wire.wallet_desk import (
    AgeView,
    NewStatementLine,
    StatementFile,
    StatementLineView,
    StatementTaken,
)
from payments_schema.wire.wallets import WalletProvider
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from payments_api.http import strict_json
from payments_api.http.auth import OPERATORS, STAFF, Principal
from payments_api.http.door import Door, principal, roles
from payments_api.http.problems import Problem
from payments_api.http.text import AbsentWhenEmpty
from payments_api.http.unit_of_work import UnitOfWork

router = APIRouter(prefix="/api/v1/wallets", route_class=Door, tags=["wallet statements"])
Caller = Annotated[Principal, Depends(principal)]
COLUMNS = tuple(NewStatementLine.model_fields)
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/StatementFile"}},
            "text/csv": {"schema": {"type": "string"}, "example": f"{','.join(COLUMNS)}\n"},
        },
    }
}


@router.post("/statements/{provider}", openapi_extra=roles(OPERATORS) | _BODY)
async def upload(
    request: Request, conn: UnitOfWork, caller: Caller, provider: WalletProvider
) -> StatementTaken:
    """Take in a provider's statement and match it: each line once, exact matches done, others proposed."""
    raw = await request.body()
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    form = "csv" if kind == "text/csv" else "json"
    file = read(raw, form)
    lines = [
        NewLine(
            one.provider_id, one.reference, one.effect_minor(), one.fee_money().minor, one.currency, one.at
        )
        for one in file.lines
    ]
    digest = hashlib.sha256(raw).hexdigest()
    number, fresh = await statements.upload(conn, provider, lines, form, digest, caller.client)
    now = datetime.now(UTC)
    found = [
        match
        for currency in sorted({line.currency for line in lines})
        for match in await statements.match(conn, provider, currency, now)
    ]
    return StatementTaken(
        upload_id=number,
        provider=provider,
        lines=len(lines),
        fresh=fresh,
        repeated=len(lines) - fresh,
        matched=sum(len(match.lines) for match in found if match.is_certain),
        proposed=sum(len(match.lines) for match in found if not match.is_certain),
    )


def read(raw: bytes, form: str) -> StatementFile:
    """Read a statement. Raises Problem or RequestValidationError, which name lines and fields, no values."""
    given = strict_json.parse(raw) if form == "json" else {"lines": _rows(raw)}
    try:
        return StatementFile.model_validate(given)
    except ValidationError as error:
        errors = error.errors(include_url=False, include_input=False)
        raise RequestValidationError([{**one, "loc": ("body", *one["loc"])} for one in errors]) from None


def _rows(raw: bytes) -> list[dict[str, Any]]:
    try:
        reader = csv.DictReader(io.StringIO(raw.decode("utf-8-sig"), newline=""), strict=True)
        rows = list(reader)
    except (UnicodeDecodeError, csv.Error):
        raise Problem(422, "malformed_csv", "The body is not CSV in UTF-8.") from None
    heads = reader.fieldnames or []
    if len(set(heads)) != len(heads) or not {"provider_id", "amount", "at"} <= set(heads):
        expected = ", ".join(COLUMNS)
        raise Problem(422, "malformed_csv", f"The first line must name each column once: {expected}.")
    # A cell too many or too few has no name or no value; empty cells stand for what may be left out.
    return [
        {str(name): value for name, value in cast("dict[Any, Any]", row).items() if value not in ("", None)}
        for row in rows
    ]


class LineFilter(BaseModel):
    """Empty parameters are as good as absent ones; unknown ones are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    limit: int = Field(100, ge=1, le=1000)
    after: int = Field(0, ge=0, le=2**62)
    provider: Annotated[WalletProvider | None, AbsentWhenEmpty] = None
    state: Annotated[str | None, Field(pattern="^(open|proposed|matched|suspense)$"), AbsentWhenEmpty] = None


@router.get("/statements", openapi_extra=roles(STAFF))
async def list_lines(conn: UnitOfWork, wanted: Annotated[LineFilter, Query()]) -> list[StatementLineView]:
    """List lines of statements in the order they were taken in; `after` is the last number seen."""
    found = await ageing.lines(
        conn, provider=wanted.provider, state=wanted.state, limit=wanted.limit, after=wanted.after
    )
    return [
        StatementLineView.model_validate(
            {
                "id": line.id,
                "provider": line.provider,
                "provider_id": line.provider_id,
                "reference": line.reference,
                "effect": major(line.effect_minor, line.currency),
                "fee": major(line.fee_minor, line.currency),
                "currency": line.currency,
                "at": line.at,
                "state": line.state,
            }
        )
        for line in found
    ]


@router.get("/ageing", openapi_extra=roles(STAFF))
async def show_ageing(conn: UnitOfWork) -> list[AgeView]:
    """Show what is open by age: lines without a payment, and payments of 90 days without a line."""
    return [
        AgeView.model_validate(
            {
                "provider": bucket.provider,
                "currency": bucket.currency,
                "side": bucket.side,
                "days": bucket.days,
                "count": bucket.items,
                "sum": major(bucket.sum_minor, bucket.currency),
            }
        )
        for bucket in await ageing.buckets(conn, datetime.now(UTC))
    ]
