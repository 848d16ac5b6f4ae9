"""AirtelTigo by its aggregator: one endpoint, bodies signed with HMAC-SHA256, our reference as `exttrid`.

Must not take "received for processing" for a success: only the status check (TSC) says so.
"""

from __future__ import annotations

import hashlib
import hmac
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

REASONS = {
    "001": "INTERNAL_PROCESSING_ERROR",
    "061": "NOT_ENOUGH_FUNDS",
    "062": "APPROVAL_REJECTED",
    "063": "EXPIRED",
    "064": "PAYEE_NOT_FOUND",
    "091": "SERVICE_UNAVAILABLE",
}


class AirtelTigoCredentials(BaseModel):
    """What the aggregator gives out."""

    model_config = ConfigDict(frozen=True)

    client: str = "sandbox-client"
    shared_key: str = "sandbox-airteltigo-secret"
    service_id: str = "1"
    callback_url: str | None = None


class AirtelTigo:
    """The adapter."""

    name = WalletProvider.AIRTELTIGO

    def __init__(self, exchange: Exchange, credentials: AirtelTigoCredentials) -> None:
        self._exchange = exchange
        self._credentials = credentials

    async def submit(self, order: Order) -> Observation:
        body = {
            "trans_type": "CTM" if order.direction is WalletDirection.COLLECT else "MTC",
            "exttrid": str(order.reference),
            "amount": order.amount.major(),
            "currency": order.amount.currency,
            "customer_number": order.phone.removeprefix("+"),
            "service_id": self._credentials.service_id,
            "nw": "AIR",
            "reference": order.note[:160],
            "callback_url": self._credentials.callback_url,
        }
        reply = await self._ask(body, order.traceparent)
        if not isinstance(reply, Reply):
            return reply
        if reply.status in (401, 403):
            return NotSent("unauthorized")
        match reply.body.get("resp_code"):
            case "015" | "027":  # 027: this reference was taken before
                return Accepted(reply.raw)
            case "020" | "021" | "022":
                return Refused("BAD_REQUEST", reply.raw)
            case _:
                code = "reply_not_understood" if reply.status == 200 else f"http_{reply.status}"
                return Unknown(code, reply.raw)

    async def inquire(self, order: Order) -> Observation:
        reply = await self._ask({"trans_type": "TSC", "exttrid": str(order.reference)}, order.traceparent)
        if isinstance(reply, NotSent):
            return Unknown(reply.code)
        if isinstance(reply, Unknown):
            return reply
        if reply.status != 200:
            return Unknown(f"http_{reply.status}", reply.raw)
        if reply.body.get("resp_code") == "028":
            return NotFound(reply.raw)
        status = reply.body.get("trans_status")
        if status == "000":
            fee = money_of(reply.body.get("charge"), order.amount.currency)
            number = reply.body.get("trans_id")
            done = Succeeded(
                None if number is None else str(number), None if fee is None else fee.minor, reply.raw
            )
            return confirmed(order, reply.body.get("amount"), reply.body.get("currency"), done)
        if isinstance(status, str) and status in REASONS:
            return Refused(REASONS[status], reply.raw)
        return Accepted(reply.raw) if status == "003" else Unknown("status_not_known", reply.raw)

    async def give_voucher(self, order: Order) -> Observation:
        """AirtelTigo asks its customer itself."""
        return await self.inquire(order)

    async def balance(self, currency: str) -> Money:
        reply = await self._ask({"trans_type": "BLC", "currency": currency})
        if isinstance(reply, Reply) and reply.status == 200 and reply.body.get("currency") == currency:
            found = money_of(reply.body.get("wallet_bal"), currency)
            if found is not None:
                return found
        raise ProviderUnavailable(f"airteltigo gave no balance in {currency}")

    async def statement(self, since: datetime, until: datetime) -> list[StatementLine]:
        body = {"trans_type": "STM", "since": since.timestamp(), "until": until.timestamp()}
        reply = await self._ask(body)
        rows = reply.body.get("transactions") if isinstance(reply, Reply) and reply.status == 200 else None
        if not isinstance(rows, list):
            raise ProviderUnavailable("airteltigo gave no statement")
        return parse_statement(cast("list[Any]", rows))

    async def close(self) -> None:
        await self._exchange.close()

    async def _ask(
        self, body: Mapping[str, Any], traceparent: str | None = None
    ) -> Reply | NotSent | Unknown:
        content = json.dumps(body).encode()
        signed = hmac.new(self._credentials.shared_key.encode(), content, hashlib.sha256).hexdigest()
        headers = {
            "Authorization": f"{self._credentials.client}:{signed}",
            "Content-Type": "application/json",
        }
        if traceparent:
            headers["traceparent"] = traceparent
        return await self._exchange.ask("POST", "/sendRequest", headers=headers, content=content)


def parse_statement(rows: list[Any]) -> list[StatementLine]:
    """The aggregator's JSON. Raises ProviderUnavailable where it is not in the known form."""
    lines: list[StatementLine] = []
    for row in rows:
        try:
            currency = row["currency"]
            amount, fee = money_of(row["amount"], currency), money_of(row["charge"], currency)
            at = moment_of(row["ts"])
            is_payout = row["trans_type"] == "MTC"
            names = (str(row["id"]), str(row["exttrid"]))
        except (KeyError, TypeError, ValueError):
            raise ProviderUnavailable("airteltigo's statement is not in the known form") from None
        if amount is None or fee is None:
            raise ProviderUnavailable("airteltigo's statement has an amount that is none")
        effect = (-amount.minor if is_payout else amount.minor) - fee.minor
        lines.append(StatementLine(*names, effect, fee.minor, currency, at))
    return lines
