"""A card payment from its hold to its settlement, each move seen again in the ledger by SELECT.

Must not rely on what the API says of its own ledger: the entries are read and added up here.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import cast

from devtools.validation.model import Evidence, Step, StepFailed
from devtools.validation.scenarios import API, Registration
from devtools.validation.world import Answer, World

BASE = "/api/v1/payments"
HELD, CAPTURED, REFUNDED = 10_000, 6_000, 1_000


class CardScenario:
    """Authorize 100.00, capture 60.00, refund 10.00, settle: what was captured, returned and paid adds up."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._run = uuid.uuid4().hex
        self._payment_id = ""

    def steps(self) -> Sequence[Step]:
        """In the order of a payment's life."""
        return [
            Step("card-authorization", "Card authorization", self.authorize),
            Step("card-preview", "Card capture preview", self.preview),
            Step("card-capture", "Card capture", self.capture),
            Step("card-refund", "Card refund", self.refund),
            Step("card-settlement", "Card settlement", self.settle),
            Step("card-idempotency", "Card idempotency", self.replay),
            Step("card-wrong-move", "Card move that is not allowed", self.refuse),
            Step("card-ledger", "Card ledger", self.add_up),
        ]

    def authorize(self) -> Evidence:
        """POST /authorize holds the whole amount and nothing else."""
        answer = self._post("authorize", "/authorize", {"amount": HELD, "currency": "USD"})
        self._payment_id = str(answer.body.get("id", ""))
        _expect(answer, 201, {"status": "authorized", "authorized_amount": HELD, "captured_amount": 0})
        return {"payment": self._payment_id, "held": HELD, "entries": self._entries()}

    def preview(self) -> Evidence:
        """preview=true shows the entries, balanced, and posts none."""
        before = self._entries()
        answer = self._world.post(f"{BASE}/{self._payment_id}/capture?preview=true", {"amount": CAPTURED}, {})
        entries = cast("list[object]", answer.body.get("entries") or [])
        if answer.status != 200 or not entries:
            raise StepFailed("200 with the entries of a capture", str(answer), service="api")
        if self._entries() != before:
            raise StepFailed("a preview to post nothing", f"{self._entries()} entries", service="api")
        return {"entries": len(entries)}

    def capture(self) -> Evidence:
        """A part of the hold is taken."""
        answer = self._post("capture", f"/{self._payment_id}/capture", {"amount": CAPTURED})
        _expect(answer, 200, {"status": "captured", "captured_amount": CAPTURED})
        return {"captured": CAPTURED, "fee": answer.body.get("fee_amount")}

    def refund(self) -> Evidence:
        """A part of what was taken is returned; what is still held goes back too."""
        answer = self._post("refund", f"/{self._payment_id}/refund", {"amount": REFUNDED})
        _expect(answer, 200, {"status": "partially_refunded", "refunded_amount": REFUNDED})
        return {"refunded": REFUNDED}

    def settle(self) -> Evidence:
        """The merchant is paid what remains."""
        answer = self._post("settle", f"/{self._payment_id}/settle", {})
        _expect(answer, 200, {"status": "settled"})
        return {"status": "settled"}

    def replay(self) -> Evidence:
        """The key of the capture gives its first answer again."""
        answer = self._post("capture", f"/{self._payment_id}/capture", {"amount": CAPTURED})
        _expect(answer, 200, {"status": "captured", "captured_amount": CAPTURED, "refunded_amount": 0})
        if answer.headers.get("idempotent-replayed") != "true":
            raise StepFailed("Idempotent-Replayed: true", str(dict(answer.headers)), service="api")
        return {"replayed": True}

    def refuse(self) -> Evidence:
        """A settled payment cannot be voided, and the answer says what it can."""
        answer = self._post("void", f"/{self._payment_id}/void", {})
        _expect(answer, 409, {"code": "invalid_state_transition", "current_status": "settled"})
        return {"allowed": answer.body.get("allowed_actions")}

    def add_up(self) -> Evidence:
        """By SQL: every transaction balances, nothing is held, and the parts sum to what was moved."""
        rows = self._world.select(
            "SELECT transaction_id, account_id, direction, amount FROM public.ledger_entries"
            " WHERE payment_id = %s",
            self._payment_id,
        )
        by_account: dict[str, Decimal] = {}
        by_transaction: dict[str, Decimal] = {}
        for row in rows:
            amount = Decimal(row["amount"]) * (1 if row["direction"] == "debit" else -1)
            for sums, name in ((by_account, row["account_id"]), (by_transaction, row["transaction_id"])):
                sums[name] = sums.get(name, Decimal(0)) + amount
        cents = {account: int(amount * 100) for account, amount in by_account.items()}
        kept = (
            cents.get("platform_fees", 0) + cents.get("merchant_payable", 0) + cents.get("platform_cash", 0)
        )
        expected = {"customer_holds": 0, "customer_funds": CAPTURED - REFUNDED, "merchant_payable": 0}
        seen = {account: cents.get(account, 0) for account in expected}
        if any(by_transaction.values()) or seen != expected or kept != REFUNDED - CAPTURED:
            raise StepFailed(
                f"balanced transactions and {expected}", f"{by_transaction}, {cents}", service="api"
            )
        return {"transactions": len(by_transaction), "entries": len(rows), **cents}

    def _post(self, step: str, path: str, body: Mapping[str, object]) -> Answer:
        return self._world.post(BASE + path, body, {"Idempotency-Key": f"validate-card-{self._run}-{step}"})

    def _entries(self) -> int:
        rows = self._world.select(
            "SELECT count(*) AS entries FROM public.ledger_entries WHERE payment_id = %s", self._payment_id
        )
        return int(rows[0]["entries"])


def _expect(answer: Answer, status: int, members: Mapping[str, object]) -> None:
    seen = {name: answer.body.get(name) for name in members}
    if answer.status != status or seen != dict(members):
        raise StepFailed(f"{status} with {dict(members)}", str(answer), service="api")


SCENARIO = Registration("cards", "A card payment and its ledger", 20, CardScenario, touches=API)
