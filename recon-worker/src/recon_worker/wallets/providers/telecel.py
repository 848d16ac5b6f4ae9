"""Telecel (formerly Vodafone) by its aggregator: collections with a voucher step, payouts, status.

Must not take the first reply for a success: only the status GET says so.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast

from payments_schema.money import Money
from payments_schema.wire.wallets import WalletDirection, WalletProvider
from pydantic import BaseModel, ConfigDict

from recon_worker.wallets.providers.exchange import Exchange, Reply, confirmed, moment_of, money_of
from recon_worker.wallets.providers.protocol import (
    Accepted,
    NeedsVoucher,
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


class TelecelCredentials(BaseModel):
    """What the aggregator gives out."""

    model_config = ConfigDict(frozen=True)

    api_key: str = "sandbox-telecel-key"
    callback_url: str | None = None


class Telecel:
    """The adapter."""

    name = WalletProvider.TELECEL

    def __init__(self, exchange: Exchange, credentials: TelecelCredentials) -> None:
        self._exchange = exchange
        self._credentials = credentials
        self._headers = {
            "Authorization": f"Bearer {credentials.api_key}",
            "Content-Type": "application/json",
        }

    async def submit(self, order: Order) -> Observation:
        body = {
            "reference": str(order.reference),
            "msisdn": order.phone.removeprefix("+"),
            "amount": order.amount.major(),
            "currency": order.amount.currency,
            "client_reference": order.payment_id,
            "narration": order.note[:160],
            "callback_url": self._credentials.callback_url,
            "voucher": order.voucher,
        }
        path = "/v2/collections" if order.direction is WalletDirection.COLLECT else "/v2/payouts"
        reply = await self._post(path, body, order.traceparent)
        if not isinstance(reply, Reply):
            return reply
        if reply.status in (200, 409):  # 409: taken before, by an attempt whose reply was lost
            return NeedsVoucher(raw=reply.raw) if reply.body.get("code") == "201" else _taken(reply)
        if reply.status == 400:
            return Refused("BAD_REQUEST", reply.raw)
        return NotSent("unauthorized") if reply.status in (401, 403) else _unknown(reply)

    async def inquire(self, order: Order) -> Observation:
        reply = await self._exchange.ask("GET", f"/v2/transactions/{order.reference}", headers=self._headers)
        if isinstance(reply, NotSent):
            return Unknown(reply.code)
        if isinstance(reply, Unknown):
            return reply
        if reply.status == 404 and reply.body.get("code") == "404":
            return NotFound(reply.raw)
        if reply.status != 200:
            return _unknown(reply)
        data = _data(reply)
        match reply.body.get("code"):
            case "000":
                fee = money_of(data.get("fee"), order.amount.currency)
                number = data.get("transaction_id")
                done = Succeeded(
                    None if number is None else str(number), None if fee is None else fee.minor, reply.raw
                )
                return confirmed(order, data.get("amount"), data.get("currency"), done)
            case "500":
                return Refused(str(data.get("reason") or "INTERNAL_PROCESSING_ERROR"), reply.raw)
            case "201":
                return NeedsVoucher(raw=reply.raw)
            case "100":
                return Accepted(reply.raw)
            case _:
                return Unknown("status_not_known", reply.raw)

    async def give_voucher(self, order: Order) -> Observation:
        path = f"/v2/collections/{order.reference}/voucher"
        reply = await self._post(path, {"voucher": order.voucher}, order.traceparent)
        if isinstance(reply, NotSent):
            return Unknown(reply.code)
        if isinstance(reply, Unknown):
            return reply
        if reply.status == 422:
            return NeedsVoucher(is_wrong=True, raw=reply.raw)
        return _taken(reply) if reply.status == 200 else _unknown(reply)

    async def balance(self, currency: str) -> Money:
        reply = await self._exchange.ask("GET", f"/v2/balance?currency={currency}", headers=self._headers)
        if isinstance(reply, Reply) and reply.status == 200 and _data(reply).get("currency") == currency:
            found = money_of(_data(reply).get("balance"), currency)
            if found is not None:
                return found
        raise ProviderUnavailable(f"telecel gave no balance in {currency}")

    async def statement(self, since: datetime, until: datetime) -> list[StatementLine]:
        path = f"/v2/statement?since={since.timestamp()}&until={until.timestamp()}"
        reply = await self._exchange.ask("GET", path, headers=self._headers)
        rows = reply.body.get("data") if isinstance(reply, Reply) and reply.status == 200 else None
        if not isinstance(rows, list):
            raise ProviderUnavailable("telecel gave no statement")
        return parse_statement(cast("list[Any]", rows))

    async def close(self) -> None:
        await self._exchange.close()

    async def _post(
        self, path: str, body: Mapping[str, Any], traceparent: str | None
    ) -> Reply | NotSent | Unknown:
        headers = self._headers | ({"traceparent": traceparent} if traceparent else {})
        return await self._exchange.ask("POST", path, headers=headers, content=json.dumps(body).encode())


def _taken(reply: Reply) -> Observation:
    # A garbled 200 may or may not be our reply: asking for the reference will tell.
    return Accepted(reply.raw) if "code" in reply.body else Unknown("reply_not_understood", reply.raw)


def _unknown(reply: Reply) -> Unknown:
    return Unknown(f"http_{reply.status}", reply.raw)


def _data(reply: Reply) -> Mapping[str, Any]:
    data = reply.body.get("data")
    return cast("dict[str, Any]", data) if isinstance(data, dict) else {}


def parse_statement(rows: list[Any]) -> list[StatementLine]:
    """The aggregator's JSON. Raises ProviderUnavailable where it is not in the known form."""
    lines: list[StatementLine] = []
    for row in rows:
        try:
            currency = row["currency"]
            amount, fee = money_of(row["amount"], currency), money_of(row["fee"], currency)
            at = moment_of(row["at"])
            is_payout = row["type"] == "payout"
            names = (str(row["transaction_id"]), str(row["reference"]))
        except (KeyError, TypeError, ValueError):
            raise ProviderUnavailable("telecel's statement is not in the known form") from None
        if amount is None or fee is None:
            raise ProviderUnavailable("telecel's statement has an amount that is none")
        effect = (-amount.minor if is_payout else amount.minor) - fee.minor
        lines.append(StatementLine(*names, effect, fee.minor, currency, at))
    return lines
