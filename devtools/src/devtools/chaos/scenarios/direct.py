"""Direct payments: each acknowledged one is there, once, and booked as its amount says."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field

from devtools.chaos.load import Client
from devtools.chaos.rig import Rig

ACCOUNTS = 7
CYCLE_POLL_S = 0.02


@dataclass
class Direct:
    """Remembers every acknowledgement: key → (id, amount in cents)."""

    name: str = "direct"
    acknowledged: dict[str, tuple[str, int]] = field(default_factory=dict[str, tuple[str, int]])
    contradictions: int = 0

    async def work(self, client: Client, chance: random.Random, prefix: str) -> None:
        """One payment, sometimes sent twice: of any sign, some with the doubtful 13 cents."""
        cents = chance.choice([chance.randrange(-500, 0), 0, 13, 1013, *(chance.randrange(1, 10**6),) * 6])
        body = {"accountId": f"CHAOS-{chance.randrange(ACCOUNTS)}", "amount": _major(cents)}
        for _ in range(chance.choice([1, 1, 2])):
            status, payment = await client.post("/payments", prefix, body)
            if status not in (200, 201):
                self.contradictions += 1
                return
            known = self.acknowledged.setdefault(prefix, (str(payment["id"]), cents))
            self.contradictions += known[0] != payment["id"]

    async def cycle(self, client: Client, prefix: str) -> None:
        """A payment until it is reconciled."""
        status, payment = await client.post("/payments", prefix, {"accountId": "PROBE", "amount": "1.00"})
        if status in (200, 201):
            self.acknowledged[prefix] = (str(payment["id"]), 100)
        shown = "pending"
        while shown == "pending":
            await asyncio.sleep(CYCLE_POLL_S)
            _, detail = await client.get(f"/payments/{payment['id']}")
            shown = detail["payment"]["status"]

    def unsettled(self, rig: Rig) -> int:
        """Jobs that are still open."""
        rows = rig.select("SELECT count(*) AS n FROM recon_jobs WHERE status IN ('pending', 'processing')")
        return int(rows[0]["n"])

    async def verdict(self, rig: Rig, client: Client) -> dict[str, int]:
        """Compare what was acknowledged with what Postgres holds."""
        rows = rig.select(
            "SELECT id::text, idempotency_key, (amount * 100)::bigint AS cents, status FROM payments"
        )
        by_key = {row["idempotency_key"]: row for row in rows}
        keys = Counter(row["idempotency_key"] for row in rows)
        booked = self._booked(rig)
        lost = sum(
            1
            for key, (payment_id, cents) in self.acknowledged.items()
            if key not in by_key or (by_key[key]["id"], by_key[key]["cents"]) != (payment_id, cents)
        )
        misbooked = sum(
            1
            for row in rows
            if booked.get(row["id"], []) != ([row["cents"]] if row["status"] == "completed" else [])
            or (row["status"] == "completed") != (row["cents"] > 0)
        )
        return {
            "acknowledged_lost": lost,
            "duplicated": sum(count - 1 for count in keys.values()) + self.contradictions,
            "misbooked": misbooked,
        }

    @staticmethod
    def _booked(rig: Rig) -> dict[str, list[int]]:
        """What the ledger credited customers for each payment, in cents; twice is two numbers."""
        booked: dict[str, list[int]] = {}
        for row in rig.select(
            "SELECT payment_id, (amount * 100)::bigint AS cents FROM ledger_entries "
            "WHERE entry_type = 'payment' AND direction = 'credit'"
        ):
            booked.setdefault(row["payment_id"], []).append(row["cents"])
        return booked

    def facts(self) -> dict[str, int]:
        """How many payments were acknowledged."""
        return {"payments_acknowledged": len(self.acknowledged)}


def _major(cents: int) -> str:
    return f"{'-' if cents < 0 else ''}{abs(cents) // 100}.{abs(cents) % 100:02d}"


SCENARIO = Direct
