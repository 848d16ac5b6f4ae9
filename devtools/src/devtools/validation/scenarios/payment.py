"""The seven steps of a payment that reconciles, each proven by another witness than the one that claims it.

Must not depend on being alone: other clients may use the same account at the same moment.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from decimal import Decimal

from devtools.validation.model import Evidence, Step, StepFailed
from devtools.validation.scenarios import API, WORKER, Registration
from devtools.validation.world import Answer, World, eventually

ACCOUNT = "ACC-VALIDATE-001"
AMOUNT = Decimal("250.00")
CURRENCY = "USD"
WORKER_DEADLINE_S = 30.0


class PaymentScenario:
    """One payment of its own, followed from the door to the balance."""

    def __init__(self, world: World, *, worker_deadline_s: float = WORKER_DEADLINE_S) -> None:
        self._world = world
        self._worker_deadline_s = worker_deadline_s
        self._key = f"validate-{uuid.uuid4()}"
        self._payment_id = ""
        self._balance_after = Decimal(0)

    def steps(self) -> Sequence[Step]:
        """The seven, in order."""
        made, done, booked = ("payment-creation",), ("worker-processing",), ("ledger-updates",)
        return [
            Step("payment-creation", "Payment creation", self.create, API, ()),
            Step("database-persistence", "Database persistence", self.find_row, API, made),
            Step("job-queue", "Job queue", self.find_job, API, made),
            Step("worker-processing", "Worker processing", self.await_worker, WORKER, made),
            Step("ledger-updates", "Ledger updates", self.find_entry, WORKER, done),
            Step("balance-endpoint", "Balance endpoint", self.compare_balance, WORKER, booked),
            Step("idempotency", "Idempotency", self.replay, API, made),
        ]

    def _post(self) -> Answer:
        body = {"accountId": ACCOUNT, "amount": 250.00, "description": "devtools validate"}
        return self._world.post("/payments", body, {"Idempotency-Key": self._key})

    def create(self) -> Evidence:
        """1: the API takes the payment."""
        answer = self._post()
        if answer.status != 201:
            raise StepFailed("201 from POST /payments", str(answer), service="api")
        row = answer.body
        try:
            self._payment_id = str(uuid.UUID(str(row.get("id"))))
        except ValueError:
            raise StepFailed("a payment with a uuid as its id", answer.text, service="api") from None
        wanted = {
            "account_id": ACCOUNT,
            "amount": "250.00",
            "currency": CURRENCY,
            "idempotency_key": self._key,
        }
        _same(wanted, row, "the payment row", "api")
        return {"payment_id": self._payment_id, "status": row.get("status"), "idempotency_key": self._key}

    def find_row(self) -> Evidence:
        """2: the payment is in the database."""
        rows = self._world.select(
            "SELECT id::text, idempotency_key, account_id, amount, currency, status FROM public.payments"
            " WHERE id = %s::uuid",
            self._payment_id,
        )
        if len(rows) != 1:
            raise StepFailed("one row in payments", f"{len(rows)} for id {self._payment_id}", service="api")
        wanted = {"account_id": ACCOUNT, "amount": AMOUNT, "currency": CURRENCY, "idempotency_key": self._key}
        _same(wanted, rows[0], "the row in payments", "api")
        return {
            "amount": f"{rows[0]['amount']} {CURRENCY}",
            "account_id": ACCOUNT,
            "status": rows[0]["status"],
        }

    def find_job(self) -> Evidence:
        """3: its reconciliation is queued, once."""
        rows = self._world.select(
            "SELECT id::text, status, attempts FROM public.recon_jobs WHERE payment_id = %s::uuid",
            self._payment_id,
        )
        if len(rows) != 1:
            seen = f"{len(rows)} for payment {self._payment_id}"
            raise StepFailed("one row in recon_jobs", seen, service="api")
        return {"job_id": rows[0]["id"], "status": rows[0]["status"], "attempts": rows[0]["attempts"]}

    def await_worker(self) -> Evidence:
        """4: the worker reconciles it within the deadline."""
        found = eventually(self._final, self._worker_deadline_s)
        if found is None:
            rows = self._world.select(
                "SELECT status, attempts, locked_by FROM public.recon_jobs WHERE payment_id = %s::uuid",
                self._payment_id,
            )
            seen = (
                ", ".join(f"{name} {value}" for name, value in rows[0].items()) if rows else "no job any more"
            )
            deadline = f"the job completed within {self._worker_deadline_s:.0f} s"
            raise StepFailed(deadline, f"{seen}", service="worker")
        wanted = {"job": "completed", "payment": "completed", "result": "completed", "matched": True}
        _same(wanted, found, "a reconciled payment", "worker")
        return found

    def _final(self) -> Mapping[str, object] | None:
        rows = self._world.select(
            "SELECT j.status AS job, p.status AS payment, r.status AS result, r.matched, r.notes, j.attempts"
            " FROM public.recon_jobs j JOIN public.payments p ON p.id = j.payment_id"
            " LEFT JOIN public.reconciliation_results r ON r.payment_id = j.payment_id"
            " WHERE j.payment_id = %s::uuid",
            self._payment_id,
        )
        return rows[0] if rows and rows[0]["job"] in ("completed", "failed") else None

    def find_entry(self) -> Evidence:
        """5: the ledger credits the customer's account, and the transaction balances."""
        rows = self._world.select(
            "SELECT id::text, transaction_id::text, account_id, direction, currency, amount, balance_after"
            " FROM public.ledger_entries WHERE payment_id = %s",
            self._payment_id,
        )
        mine = [row for row in rows if row["account_id"] == ACCOUNT]
        if len(mine) != 1:
            seen = f"{len(mine)} among {len(rows)} entries of payment {self._payment_id}"
            raise StepFailed(f"one entry on {ACCOUNT} in ledger_entries", seen, service="worker")
        entry = mine[0]
        seen_direction = str(entry["direction"]).lower()
        _same({"amount": AMOUNT, "currency": CURRENCY}, entry, "the ledger entry", "worker")
        sides = {"debit": Decimal(0), "credit": Decimal(0)}
        for row in rows:
            sides[str(row["direction"]).lower()] += row["amount"]
        if seen_direction != "credit" or sides["debit"] != sides["credit"]:
            seen = (
                f"{seen_direction} of {entry['amount']}, debits {sides['debit']}, credits {sides['credit']}"
            )
            raise StepFailed("a credit of 250.00 in a balanced transaction", seen, service="worker")
        self._balance_after = entry["balance_after"]
        return {
            "entry_id": entry["id"],
            "transaction_id": entry["transaction_id"],
            "direction": seen_direction,
            "amount": str(entry["amount"]),
            "balance_after": str(entry["balance_after"]),
        }

    def compare_balance(self) -> Evidence:
        """6: the balance is the one after that entry, or after a later entry of the same account."""
        answer = self._world.get(f"/accounts/{ACCOUNT}/balance", {"currency": CURRENCY})
        if answer.status != 200 or "balance" not in answer.body:
            raise StepFailed("200 with a balance", str(answer), service="api")
        balance = str(answer.body["balance"])
        evidence = {"balance": balance, "balance_after": str(self._balance_after)}
        if balance == str(self._balance_after):
            return evidence
        later = self._world.select(
            "SELECT e.balance_after FROM public.ledger_entries e, public.ledger_entries mine"
            " WHERE mine.payment_id = %s AND mine.account_id = %s AND e.account_id = mine.account_id"
            " AND e.currency = mine.currency AND e.created_at >= mine.created_at - interval '1 minute'",
            self._payment_id,
            ACCOUNT,
        )
        if balance not in {str(row["balance_after"]) for row in later}:
            seen = f"{balance}, which is not the balance after any later entry of the account either"
            raise StepFailed(f"the balance after the entry, {self._balance_after}", seen, service="api")
        return {**evidence, "difference": "explained by later entries of other clients on this account"}

    def replay(self) -> Evidence:
        """7: the same key gives the same payment, and there is only one."""
        answer = self._post()
        if answer.status != 200 or answer.body.get("id") != self._payment_id:
            wanted = f"200 with id {self._payment_id} for the same key"
            raise StepFailed(wanted, str(answer), service="api")
        rows = self._world.select(
            "SELECT count(*) AS payments FROM public.payments WHERE idempotency_key = %s", self._key
        )
        if rows[0]["payments"] != 1:
            raise StepFailed("one payment with this key", str(rows[0]["payments"]), service="api")
        replayed = answer.headers.get("Idempotent-Replayed", "")
        return {"payment_id": self._payment_id, "status": 200, "Idempotent-Replayed": replayed or "absent"}


def _same(wanted: Mapping[str, object], seen: Mapping[str, object], what: str, service: str) -> None:
    """Raise StepFailed naming each field that differs."""
    wrong = {name: value for name, value in wanted.items() if seen.get(name) != value}
    if wrong:
        expected = ", ".join(f"{name} {value}" for name, value in wrong.items())
        found = ", ".join(f"{name} {seen.get(name)}" for name in wrong)
        raise StepFailed(f"{what} with {expected}", found, service=service)


SCENARIO = Registration(
    "payment", "A payment that reconciles", 10, PaymentScenario, is_default=True, touches=WORKER
)
