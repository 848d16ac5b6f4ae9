"""Invoices paid by events that come doubled and in any order: each equals the oracle that took them in turn.

Must not believe an invoice's sums: the events, the ledger and what was told are compared with each other.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from uuid import UUID, uuid5

from devtools.chaos.load import Client
from devtools.chaos.rig import Rig

INVOICES = "/api/v1/invoices"
NAMESPACE = UUID("5f0c4d0e-53a1-4c53-9d5a-53b4f1d7a001")
SHARED = 5
"""Invoices that all clients pay into, beside those of their own."""
CYCLE_POLL_S = 0.05


@dataclass
class Invoices:
    """Every acknowledged event and invoice: event → (invoice, cents), invoice → total."""

    name: str = "invoices"
    events: dict[str, tuple[str, int]] = field(default_factory=dict[str, tuple[str, int]])
    totals: dict[str, int] = field(default_factory=dict[str, int])
    contradictions: int = 0

    async def work(self, client: Client, chance: random.Random, prefix: str) -> None:
        """An invoice with its events, doubled and shuffled; some come before it, some are for shared ones."""
        invoice, total = str(uuid5(NAMESPACE, prefix)), chance.randrange(1_000, 20_000)
        events = [(str(uuid5(NAMESPACE, f"{prefix} {n}")), invoice) for n in range(chance.randrange(1, 5))]
        shared = f"shared {chance.randrange(SHARED)}"
        events.append((str(uuid5(NAMESPACE, f"{prefix} shared")), str(uuid5(NAMESPACE, shared))))
        sent = [(id_, of, chance.randrange(1, total)) for id_, of in events]
        early = sent[: chance.randrange(2)]
        doubled = [event for event in sent for _ in range(chance.choice([1, 2]))]
        chance.shuffle(doubled)
        for event in early:
            await self._send(client, *event)
        await self._make(client, prefix, invoice, total)
        await self._make(client, shared, str(uuid5(NAMESPACE, shared)), 1_000_000)
        for event in doubled:
            await self._send(client, *event)

    async def _make(self, client: Client, key: str, invoice: str, total: int) -> None:
        if invoice in self.totals:
            return
        body: dict[str, object] = {"id": invoice, "total_cents": total, "customer": f"chaos {total % 7}"}
        status, shown = await client.post(INVOICES, f"invoice {key}", body)
        if status != 201 or shown.get("id") != invoice:
            self.contradictions += 1
        self.totals[invoice] = total

    async def _send(self, client: Client, event: str, invoice: str, cents: int) -> None:
        body: dict[str, object] = {
            "event_id": event,
            "type": "payment",
            "invoice_id": invoice,
            "amount_cents": cents,
        }
        status, _ = await client.post("/webhooks/payments", event, body)
        self.contradictions += status != 202
        self.events[event] = (invoice, cents)

    async def cycle(self, client: Client, prefix: str) -> None:
        """One invoice until an event has paid it."""
        invoice = str(uuid5(NAMESPACE, prefix))
        await self._make(client, prefix, invoice, 500)
        await self._send(client, str(uuid5(NAMESPACE, f"{prefix} paid")), invoice, 500)
        shown = ""
        while shown != "paid":
            await asyncio.sleep(CYCLE_POLL_S)
            _, detail = await client.get(f"{INVOICES}/{invoice}")
            shown = detail["status"]

    def unsettled(self, rig: Rig) -> int:
        """Events that wait."""
        rows = rig.select("SELECT count(*) AS n FROM core.payment_event WHERE status = 'waiting'")
        return int(rows[0]["n"])

    async def verdict(self, rig: Rig, client: Client) -> dict[str, int]:
        """Take the events in their order of arrival once more, and compare what came of it."""
        rows = rig.select(
            "SELECT event_id::text AS event, invoice_id::text AS invoice, amount_minor, status, "
            "applied_minor, credit_minor FROM core.payment_event ORDER BY id"
        )
        stored = {row["event"]: (row["invoice"], row["amount_minor"]) for row in rows}
        paid: dict[str, int] = {}
        credit: dict[str, int] = {}
        differs = 0
        for row in rows:
            invoice, cents = row["invoice"], row["amount_minor"]
            applied = min(cents, self.totals.get(invoice, 0) - paid.get(invoice, 0))
            paid[invoice] = paid.get(invoice, 0) + applied
            credit[invoice] = credit.get(invoice, 0) + cents - applied
            oracle = ("applied", applied, cents - applied)
            differs += (row["status"], row["applied_minor"], row["credit_minor"]) != oracle
        return {
            "acknowledged_lost": sum(stored.get(event) != told for event, told in self.events.items()),
            "contradicted": self.contradictions,
            "unlike_the_oracle": differs + self._sums_that_differ(rig, paid, credit),
            "misbooked": self._misbooked(rig, paid, credit),
            "regressed": self._regressed(rig),
        }

    def _sums_that_differ(self, rig: Rig, paid: dict[str, int], credit: dict[str, int]) -> int:
        shown = {
            row["id"]: (row["total_minor"], row["paid_minor"], int(row["credit_minor"]), row["status"])
            for row in rig.select(
                "SELECT id::text AS id, total_minor, paid_minor, credit_minor, status FROM core.invoice"
            )
        }
        wrong = 0
        for invoice, total in self.totals.items():
            sum_ = paid.get(invoice, 0)
            status = "paid" if sum_ == total else "partially_paid" if sum_ else "sent"
            wrong += shown.get(invoice) != (total, sum_, credit.get(invoice, 0), status)
        return wrong

    def _misbooked(self, rig: Rig, paid: dict[str, int], credit: dict[str, int]) -> int:
        """Invoices whose entries do not add up to total, payments and credit; twice is not the same."""
        sums: dict[tuple[str, str], int] = {}
        for row in rig.select(
            "SELECT payment_id, CASE account_id WHEN 'accounts_receivable' THEN 'open' "
            "WHEN 'settlement_clearing' THEN 'paid' WHEN 'invoice_revenue' THEN 'total' ELSE 'credit' END "
            "AS what, "
            "sum(CASE direction WHEN 'debit' THEN amount ELSE -amount END * 100)::bigint AS cents "
            "FROM ledger_entries GROUP BY 1, 2"
        ):
            sums[row["payment_id"], row["what"]] = row["cents"]
        wrong = 0
        for invoice, total in self.totals.items():
            took, kept = paid.get(invoice, 0), credit.get(invoice, 0)
            wanted = {"open": total - took, "paid": took + kept, "total": -total, "credit": -kept}
            wrong += any(sums.get((invoice, what), 0) != cents for what, cents in wanted.items())
        return wrong

    @staticmethod
    def _regressed(rig: Rig) -> int:
        """Invoices of which less was told to be paid than had been told before."""
        rows = rig.select(
            "SELECT count(*) AS n FROM (SELECT (data ->> 'paid_cents')::bigint AS now, "
            "lag((data ->> 'paid_cents')::bigint) OVER (PARTITION BY subject ORDER BY id) AS before "
            "FROM core.event WHERE type = 'invoice.payment_applied') AS told WHERE now < before"
        )
        return int(rows[0]["n"])

    def facts(self) -> dict[str, int]:
        """How many invoices and events were acknowledged."""
        return {"invoices_acknowledged": len(self.totals), "events_acknowledged": len(self.events)}


SCENARIO = Invoices
