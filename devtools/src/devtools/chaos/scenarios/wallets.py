"""Wallet payments: nobody is paid twice, nothing is lost, and the providers' books equal the ledger.

Must not believe the platform about the providers: their own books are asked.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import httpx

from devtools.chaos.load import Client
from devtools.chaos.rig import Rig

# Success mostly; refusals, lost replies, garbage and refused sends among them, by the last digits.
OUTCOMES = (*(None,) * 6, "3123451", "3123455", "3123456", "3123462", "3123464")
NETWORKS = ("024", "054", "055", "059", "053", "025")
CYCLE_POLL_S = 0.05


def _phone(chance: random.Random, outcomes: Sequence[str | None] = OUTCOMES) -> str:
    """A payee of its own for most, so that the rule against paying one too often stops nobody."""
    ending = chance.choice(outcomes) or f"4{chance.randrange(1_000_000):06d}"
    return chance.choice(NETWORKS) + ending


@dataclass
class Wallets:
    """Every acknowledged payment by its key."""

    name: str = "wallets"
    known: dict[str, str] = field(default_factory=dict[str, str])
    contradictions: int = 0

    async def work(self, client: Client, chance: random.Random, prefix: str) -> None:
        """Start a payment, some of them twice with the same key."""
        body: dict[str, object] = {
            "amount": f"{chance.randrange(1, 300)}.{chance.randrange(100):02d}",
            "recipient_phone": _phone(chance),
            "recipient_name": "Chaos",
            "user_id": f"user-{chance.randrange(10_000)}",
        }
        for _ in range(chance.choice([1, 1, 2])):
            status, payment = await client.post("/api/v1/payments/initiate", prefix, body)
            if status != 202:
                self.contradictions += 1
                return
            id = str(payment["id"])
            self.contradictions += self.known.setdefault(prefix, id) != id

    async def cycle(self, client: Client, prefix: str) -> None:
        """One payment until it is confirmed."""
        phone = _phone(random.Random(prefix), (None,))  # noqa: S311  (to be replayed)
        body = {"amount": "1.00", "recipient_phone": phone, "recipient_name": "Probe"}
        _, payment = await client.post("/api/v1/payments/initiate", prefix, body)
        self.known[prefix] = id = str(payment["id"])
        shown = ""
        while shown not in ("CONFIRMED", "FAILED", "EXPIRED"):
            await asyncio.sleep(CYCLE_POLL_S)
            _, detail = await client.get(f"/api/v1/payments/{id}/status")
            shown = detail["status"]

    def unsettled(self, rig: Rig) -> int:
        """Payments on their way, and conversations without an end."""
        rows = rig.select(
            "SELECT count(*) AS n FROM core.wallet_payment AS p "
            "WHERE p.status IN ('INITIATED', 'PENDING', 'PROCESSING') OR EXISTS ("
            "SELECT FROM core.wallet_attempt AS a WHERE a.payment_id = p.id AND a.resolved_at IS NULL)"
        )
        return int(rows[0]["n"])

    async def verdict(self, rig: Rig, client: Client) -> dict[str, int]:
        """Compare the acknowledgements, the platform's rows, the ledger, and the providers' books."""
        async with httpx.AsyncClient(base_url=rig.simulator_url, trust_env=False) as http:
            books = cast("dict[str, Any]", (await http.get("/_control/books")).json())
        paid = {
            transfer["reference"]
            for own in books.values()
            for transfer in own["transfers"]
            if transfer["state"] == "SUCCESSFUL"
        }
        rows = rig.select("SELECT id FROM core.wallet_payment")
        attempts = rig.select(
            "SELECT payment_id, reference::text AS reference, state FROM core.wallet_attempt"
        )
        owners = {row["reference"]: row["payment_id"] for row in attempts}
        per_payment: dict[str, int] = {}
        for reference in paid:
            owner = owners.get(reference, reference)
            per_payment[owner] = per_payment.get(owner, 0) + 1
        ours = {row["reference"] for row in attempts if row["state"] == "succeeded"}
        lost = set(self.known.values()) - {row["id"] for row in rows}
        return {
            "acknowledged_lost": len(lost),
            "duplicated": sum(times - 1 for times in per_payment.values()) + self.contradictions,
            "misbooked": len(ours ^ paid) + self._differences(rig, books),
        }

    @staticmethod
    def _differences(rig: Rig, books: dict[str, Any]) -> int:
        balances = {
            row["code"]: int(row["minor"])
            for row in rig.select(
                "SELECT a.code, (b.posted_dr - b.posted_cr)::bigint AS minor FROM ledger.account AS a "
                "JOIN ledger.balance AS b ON b.account_id = a.id "
                "WHERE a.owner_kind = 'platform' AND a.currency = 'GHS'"
            )
        }
        floats = sum(
            balances.get(f"provider_float_{name}", 0) != own["changes"].get("GHS", 0)
            for name, own in books.items()
        )
        return floats + (balances.get("wallet_clearing", 0) != 0)

    def facts(self) -> dict[str, int]:
        """How many payments were acknowledged."""
        return {"payments_acknowledged": len(self.known)}


SCENARIO = Wallets
