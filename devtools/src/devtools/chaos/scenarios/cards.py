"""Card payments: what was acknowledged is what the payment shows, to the cent, and nothing was done twice."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from devtools.chaos.load import Client
from devtools.chaos.rig import Rig

SUMS = ("authorized_amount", "captured_amount", "refunded_amount")
ACCOUNTS = 5
CURRENCIES = ("USD", "GHS", "JPY", "BHD")


@dataclass
class Cards:
    """Every payment's id → the sums and status that its last acknowledgement implies."""

    name: str = "cards"
    known: dict[str, dict[str, int | str]] = field(default_factory=dict[str, dict[str, int | str]])
    operations: int = 0
    contradictions: int = 0

    async def work(self, client: Client, chance: random.Random, prefix: str) -> None:
        """One life: authorized, captured in parts, then voided, settled or refunded; some sent twice."""
        amount = chance.randrange(1, 100_000)
        account = f"CHAOS-{chance.randrange(ACCOUNTS)}"
        body = {"amount": amount, "currency": chance.choice(CURRENCIES), "account_id": account}
        status, payment = await client.post("/api/v1/payments/authorize", f"{prefix}-a", body)
        if status != 201:
            self.contradictions += 1
            return
        payment_id = str(payment["id"])
        model: dict[str, int | str] = {
            "authorized_amount": amount,
            "captured_amount": 0,
            "refunded_amount": 0,
        }
        self.known[payment_id] = model
        self.operations += 1
        captured = refunded = 0
        for step, (action, part) in enumerate(_life(chance, amount)):
            sent = {} if part is None else {"amount": part}
            path = f"/api/v1/payments/{payment_id}/{action}"
            status, answer = await client.post(path, f"{prefix}-{step}", sent)
            if chance.random() < 0.3:  # the same again
                status, answer = await client.post(path, f"{prefix}-{step}", sent)
            if status != 200:
                self.contradictions += 1
                return
            self.operations += 1
            captured += (part or 0) if action == "capture" else 0
            refunded += (part or 0) if action == "refund" else 0
            model.update(captured_amount=captured, refunded_amount=refunded, status=str(answer["status"]))
            self.contradictions += {name: answer[name] for name in SUMS} != {
                name: model[name] for name in SUMS
            }

    async def cycle(self, client: Client, prefix: str) -> None:
        """Authorize and capture."""
        body = {"amount": 100, "currency": "USD", "account_id": "PROBE"}
        _, payment = await client.post("/api/v1/payments/authorize", f"{prefix}-a", body)
        self.known[str(payment["id"])] = {
            "authorized_amount": 100,
            "captured_amount": 100,
            "refunded_amount": 0,
            "status": "captured",
        }
        await client.post(f"/api/v1/payments/{payment['id']}/capture", f"{prefix}-c")

    def unsettled(self, rig: Rig) -> int:
        """Cards leave nothing to the worker but expiry, which is days away."""
        return 0

    async def verdict(self, rig: Rig, client: Client) -> dict[str, int]:
        """Every acknowledged payment as the API shows it now, against the model, and no stranger."""
        lost = wrong = 0
        for payment_id, model in self.known.items():
            status, payment = await client.get(f"/api/v1/payments/{payment_id}")
            lost += status != 200
            wrong += status == 200 and any(payment[name] != value for name, value in model.items())
        rows = rig.select(
            "SELECT count(DISTINCT payment_id) AS n FROM ledger_entries WHERE payment_id LIKE 'pay\\_%%'"
        )
        strangers = int(rows[0]["n"]) - len(self.known)
        return {
            "acknowledged_lost": lost,
            "duplicated": max(strangers, 0) + self.contradictions,
            "misbooked": wrong,
        }

    def facts(self) -> dict[str, int]:
        """How many payments and operations were acknowledged."""
        return {"payments_acknowledged": len(self.known), "operations_acknowledged": self.operations}


def _life(chance: random.Random, amount: int) -> list[tuple[str, int | None]]:
    """Steps after the authorization; the sums always fit, so each must succeed."""
    if chance.random() < 0.2:
        return [("void", None)]
    first = chance.randrange(1, amount + 1)
    steps: list[tuple[str, int | None]] = [("capture", first)]
    captured = first
    if captured < amount and chance.random() < 0.6:
        second = chance.randrange(1, amount - captured + 1)
        steps.append(("capture", second))
        captured += second
    if chance.random() < 0.4:
        steps.append(("settle", None))
    refunded = 0
    while refunded < captured and chance.random() < 0.5:
        part = chance.randrange(1, captured - refunded + 1)
        steps.append(("refund", part))
        refunded += part
    return steps


SCENARIO = Cards
