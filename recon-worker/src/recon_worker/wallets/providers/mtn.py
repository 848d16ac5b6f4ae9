"""MTN MoMo: Collections (requesttopay) and Disbursements (transfer) v1_0.

Must not take a 202 or a callback for a success: only the status GET says so, and it is 200 for failures too.
Source: momodeveloper.mtn.com.
"""

from __future__ import annotations

import asyncio
import base64
import csv
import io
import json
import time
from datetime import datetime
from typing import Literal

from payments_schema.money import Money
from payments_schema.wire.wallets import WalletDirection, WalletProvider
from pydantic import BaseModel, ConfigDict

from recon_worker.wallets.providers.exchange import Exchange, Reply, confirmed, moment_of, money_of
from recon_worker.wallets.providers.protocol import (
    Accepted,
    NotFound,
    NotSent,
    Observation,
    Order,
    ProviderUnavailable,
    Refused,
    StatementLine,
    Succeeded,
    Unknown,
)

Product = Literal["collection", "disbursement"]
PATHS: dict[WalletDirection, tuple[Product, str, str]] = {
    WalletDirection.COLLECT: ("collection", "requesttopay", "payer"),
    WalletDirection.DISBURSE: ("disbursement", "transfer", "payee"),
}
TOKEN_MARGIN_S = 30


class MtnCredentials(BaseModel):
    """What the developer portal gives out."""

    model_config = ConfigDict(frozen=True)

    api_user: str = "sandbox-user"
    api_key: str = "sandbox-key"
    subscription_key: str = "sandbox-subscription"
    target_environment: str = "sandbox"
    callback_url: str | None = None


class Mtn:
    """The adapter; a token per product is kept until shortly before it ends."""

    name = WalletProvider.MTN

    def __init__(self, exchange: Exchange, credentials: MtnCredentials) -> None:
        self._exchange = exchange
        self._credentials = credentials
        self._tokens: dict[Product, tuple[str, float]] = {}
        self._token_lock = asyncio.Lock()

    async def submit(self, order: Order) -> Observation:
        product, path, party = PATHS[order.direction]
        body = {
            "amount": order.amount.major(),
            "currency": order.amount.currency,
            "externalId": order.payment_id,
            party: {"partyIdType": "MSISDN", "partyId": order.phone.removeprefix("+")},
            "payerMessage": order.note[:160],
            "payeeNote": order.note[:160],
        }
        extra = {"X-Reference-Id": str(order.reference), "Content-Type": "application/json"}
        if self._credentials.callback_url:
            extra["X-Callback-Url"] = self._credentials.callback_url
        if order.traceparent:
            extra["traceparent"] = order.traceparent
        content = json.dumps(body).encode()
        reply = await self._ask(product, "POST", f"/{product}/v1_0/{path}", extra, content)
        if not isinstance(reply, Reply):
            return reply
        match reply.status:
            case 202 | 409:  # 409: this reference was taken before, by an attempt whose reply was lost
                return Accepted(reply.raw)
            case 400:
                return Refused(_code(reply, "BAD_REQUEST"), reply.raw)
            case 401 | 403:
                return NotSent("unauthorized")
            case status:
                return Unknown(f"http_{status}", reply.raw)

    async def inquire(self, order: Order) -> Observation:
        product, path, _ = PATHS[order.direction]
        reply = await self._ask(product, "GET", f"/{product}/v1_0/{path}/{order.reference}")
        if isinstance(reply, NotSent):
            return Unknown(reply.code)
        if isinstance(reply, Unknown):
            return reply
        if reply.status == 404 and reply.body.get("code") == "RESOURCE_NOT_FOUND":
            return NotFound(reply.raw)
        if reply.status != 200:
            return Unknown(f"http_{reply.status}", reply.raw)
        match reply.body.get("status"):
            case "SUCCESSFUL":
                number = reply.body.get("financialTransactionId")
                done = Succeeded(None if number is None else str(number), None, reply.raw)
                return confirmed(order, reply.body.get("amount"), reply.body.get("currency"), done)
            case "FAILED":
                return Refused(_reason(reply), reply.raw)
            case "PENDING" | "CREATED" | "ONGOING" | "DELAYED":
                return Accepted(reply.raw)
            case _:
                return Unknown("status_not_known", reply.raw)

    async def give_voucher(self, order: Order) -> Observation:
        """MTN asks its customer itself."""
        return await self.inquire(order)

    async def balance(self, currency: str) -> Money:
        reply = await self._ask("disbursement", "GET", "/disbursement/v1_0/account/balance")
        if isinstance(reply, Reply) and reply.status == 200 and reply.body.get("currency") == currency:
            found = money_of(reply.body.get("availableBalance"), currency)
            if found is not None:
                return found
        raise ProviderUnavailable(f"mtn gave no balance in {currency}")

    async def statement(self, since: datetime, until: datetime) -> list[StatementLine]:
        path = f"/disbursement/v1_0/statement?since={since.timestamp()}&until={until.timestamp()}"
        reply = await self._ask("disbursement", "GET", path)
        if not isinstance(reply, Reply) or reply.status != 200:
            raise ProviderUnavailable("mtn gave no statement")
        return parse_statement(reply.text)

    async def close(self) -> None:
        await self._exchange.close()

    async def _ask(
        self,
        product: Product,
        method: str,
        path: str,
        extra: dict[str, str] | None = None,
        content: bytes | None = None,
    ) -> Reply | NotSent | Unknown:
        token = await self._token(product)
        if not isinstance(token, str):
            return token
        reply = await self._exchange.ask(method, path, headers=self._headers(token, extra), content=content)
        if isinstance(reply, Reply) and reply.status == 401:
            # The token ended early. A refused request did nothing, so it may be sent once more.
            self._tokens.pop(product, None)
            token = await self._token(product)
            if not isinstance(token, str):
                return token
            reply = await self._exchange.ask(
                method, path, headers=self._headers(token, extra), content=content
            )
        return reply

    def _headers(self, token: str, extra: dict[str, str] | None) -> dict[str, str]:
        return {
            "Authorization": f"Bearer {token}",
            "Ocp-Apim-Subscription-Key": self._credentials.subscription_key,
            "X-Target-Environment": self._credentials.target_environment,
            **(extra or {}),
        }

    async def _token(self, product: Product) -> str | NotSent:
        if (known := self._known_token(product)) is not None:
            return known
        async with self._token_lock:
            if (known := self._known_token(product)) is not None:
                return known
            basic = f"{self._credentials.api_user}:{self._credentials.api_key}".encode()
            headers = {
                "Authorization": f"Basic {base64.b64encode(basic).decode()}",
                "Ocp-Apim-Subscription-Key": self._credentials.subscription_key,
            }
            reply = await self._exchange.ask("POST", f"/{product}/token/", headers=headers)
            value = reply.body.get("access_token") if isinstance(reply, Reply) else None
            if not isinstance(reply, Reply) or not isinstance(value, str):
                return NotSent(reply.code if not isinstance(reply, Reply) else "no_token")
            lasts = reply.body.get("expires_in")
            lasts_s = lasts if isinstance(lasts, int) else 0
            margin_s = min(TOKEN_MARGIN_S, lasts_s // 4)
            self._tokens[product] = (value, time.monotonic() + lasts_s - margin_s)
            return value

    def _known_token(self, product: Product) -> str | None:
        value, until = self._tokens.get(product, ("", 0.0))
        return value if until > time.monotonic() else None


def _code(reply: Reply, otherwise: str) -> str:
    code = reply.body.get("code")
    return code if isinstance(code, str) else otherwise


def _reason(reply: Reply) -> str:
    # The sandbox gives a string, the production API an object of code and message.
    reason = reply.body.get("reason")
    if isinstance(reason, dict):
        reason = reason.get("code")  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return reason if isinstance(reason, str) else "INTERNAL_PROCESSING_ERROR"


def parse_statement(text: str) -> list[StatementLine]:
    """The portal's CSV export. Raises ProviderUnavailable where it is not one."""
    lines: list[StatementLine] = []
    for row in csv.DictReader(io.StringIO(text)):
        try:
            amount = money_of(row["Amount"], row["Currency"])
            fee = money_of(row["Fee"], row["Currency"])
            at = moment_of(row["Date"])
            is_debit = row["Type"] == "Debit"
        except (KeyError, TypeError, ValueError):
            raise ProviderUnavailable("mtn's statement is not in the known form") from None
        if amount is None or fee is None:
            raise ProviderUnavailable("mtn's statement has an amount that is none")
        effect = (-amount.minor if is_debit else amount.minor) - fee.minor
        lines.append(
            StatementLine(row["Id"], row["External Reference"], effect, fee.minor, amount.currency, at)
        )
    return lines
