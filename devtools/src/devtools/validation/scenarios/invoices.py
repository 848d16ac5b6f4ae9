"""An invoice paid by events: in part, in full, by the same event again, and beyond its total.

Must not touch an invoice that it did not make.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import uuid4

from devtools.validation.model import Evidence, Step, StepFailed
from devtools.validation.scenarios import WORKER, Registration
from devtools.validation.world import World, eventually

INVOICES = "/api/v1/invoices"
TOTAL = 10_000
WITHIN_S = 10.0


class InvoiceScenario:
    """Unsigned events are taken on loopback; where WEBHOOK_SECRET is set, the first step says so."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._invoice_id = ""
        self._first = str(uuid4())

    def steps(self) -> Sequence[Step]:
        """Made, paid in part, repeated, paid, overpaid, and its entries added up."""
        return [
            Step("invoice-created", "Invoice created", self._create),
            Step("invoice-part", "Paid in part", self._pay_part),
            Step("invoice-repeat", "Repeated", self._pay_part),
            Step("invoice-paid", "Paid", lambda: self._pay(str(uuid4()), 7000, "paid", TOTAL)),
            Step("invoice-credit", "Overpaid", lambda: self._pay(str(uuid4()), 500, "paid", TOTAL, 500)),
            Step("invoice-ledger", "Invoice entries", self._add_up),
        ]

    def _create(self) -> Evidence:
        body = {"total_cents": TOTAL, "customer": "Validation"}
        answer = self._world.post(INVOICES, body, {"Idempotency-Key": f"validate-{uuid4()}"})
        if answer.status != 201:
            raise StepFailed("201", str(answer), service="api")
        self._invoice_id = str(answer.body["id"])
        return {"invoice": self._invoice_id, "status": answer.body["status"]}

    def _pay(self, event_id: str, cents: int, status: str, paid: int, credit: int = 0) -> Evidence:
        event: Mapping[str, object] = {
            "event_id": event_id,
            "type": "payment",
            "invoice_id": self._invoice_id,
            "amount_cents": cents,
        }
        taken = self._world.post("/webhooks/payments", event, {})
        if taken.status != 202:
            raise StepFailed("202", str(taken), service="api")
        wanted = {"status": status, "paid_cents": paid, "credit_cents": credit}
        seen: dict[str, object] = {}

        def look() -> dict[str, object] | None:
            shown = self._world.get(f"{INVOICES}/{self._invoice_id}").body
            seen.update({name: shown.get(name) for name in wanted})
            return seen if seen == wanted else None

        if eventually(look, WITHIN_S) is None:
            raise StepFailed(str(wanted), str(seen), service="worker")
        return seen

    def _pay_part(self) -> Evidence:
        return self._pay(self._first, 3000, "partially_paid", 3000)

    def _add_up(self) -> Evidence:
        rows = self._world.select(
            """
            SELECT account_id, sum(CASE direction WHEN 'debit' THEN amount ELSE -amount END)::text AS sum
            FROM public.ledger_entries WHERE payment_id = %s GROUP BY account_id ORDER BY account_id
            """,
            self._invoice_id,
        )
        sums = {str(row["account_id"]): str(row["sum"]) for row in rows}
        wanted = {
            "Validation": "-5.00",
            "accounts_receivable": "0.00",
            "invoice_revenue": "-100.00",
            "settlement_clearing": "105.00",
        }
        if sums != wanted:
            raise StepFailed(str(wanted), str(sums), service="worker")
        return sums


SCENARIO = Registration("invoices", "An invoice paid by events", 45, InvoiceScenario, touches=WORKER)
