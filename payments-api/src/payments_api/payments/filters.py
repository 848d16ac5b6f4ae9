"""The query of the payment list. Must not know SQL."""

from __future__ import annotations

from typing import Annotated

from payments_schema.wire.payments import PaymentStatus
from pydantic import BaseModel, ConfigDict, Field

from payments_api.http.text import AbsentWhenEmpty, SearchText


class PaymentFilter(BaseModel):
    """Empty parameters are as good as absent ones; unknown ones are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    limit: int = Field(100, ge=1, le=1000)
    cursor: Annotated[SearchText | None, AbsentWhenEmpty] = None
    status: Annotated[PaymentStatus | None, AbsentWhenEmpty] = None
    account_id: Annotated[SearchText | None, AbsentWhenEmpty] = Field(None, alias="accountId")
    q: Annotated[SearchText | None, AbsentWhenEmpty] = Field(
        None, description="Part of the account, the description or the key, or a whole id."
    )
