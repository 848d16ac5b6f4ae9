"""Wallet payments against the provider simulator: each way one can go, seen by API and by SELECT.

Must not know how the worker does it: only what a client, an operator and an accountant can see.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import cast
from uuid import uuid4

from devtools.validation.model import Evidence, Step, StepFailed
from devtools.validation.scenarios import WORKER, Registration
from devtools.validation.world import World, eventually

DEADLINE_S = 30.0
SUCCESS, REJECTED, LOST_REPLY = "0243123499", "0243123451", "0243123455"
DELAYED, SETTLES_IN_5_S, NOT_AT_MTN = "0243123454", "0243123463", "0243123464"


class WalletScenario:
    """Success, failure, unknown then success, fallback, expiry with late success, cancel, refund, review."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._fallback = ""

    def steps(self) -> Sequence[Step]:
        """Each starts payments of its own."""
        named: Sequence[tuple[str, str, Callable[[], Evidence]]] = (
            ("wallet-success", "Wallet payment confirmed", self.success),
            ("wallet-failure", "Wallet payment refused by its payee", self.failure),
            ("wallet-unknown", "Lost reply asked about, paid once", self.unknown_then_success),
            ("wallet-fallback", "Next provider after a definite failure", self.fallback),
            ("wallet-routing", "Routing explained", self.routing),
            ("wallet-expiry", "Late success after expiry booked", self.late_success),
            ("wallet-cancel", "Cancelled before, not after it was sent", self.cancel),
            ("wallet-refund", "Collected and refunded", self.refund),
            ("wallet-review", "Stopped by risk rules, decided by an operator", self.review),
        )
        return [Step(id, name, run) for id, name, run in named]

    def success(self) -> Evidence:
        """CONFIRMED, with an audit trail of every state and a balanced ledger."""
        id = self._initiate(SUCCESS)
        seen = self._wait(id, "CONFIRMED")
        trail = [step["to_status"] for step in cast("list[dict[str, object]]", seen["transitions"])]
        wanted = ["INITIATED", "VALIDATING", "PENDING", "PROCESSING", "CONFIRMED"]
        _check(trail == wanted, " → ".join(wanted), str(trail), "worker")
        self._check_books(id)
        return {"id": id, "provider": seen["provider"], "trail": " → ".join(map(str, trail))}

    def failure(self) -> Evidence:
        """FAILED with the provider's reason, and nothing left in clearing."""
        id = self._initiate(REJECTED)
        seen = self._wait(id, "FAILED")
        _check(seen["failure_code"] == "APPROVAL_REJECTED", "APPROVAL_REJECTED", str(seen), "worker")
        self._check_books(id)
        return {"id": id, "failure_code": seen["failure_code"]}

    def unknown_then_success(self) -> Evidence:
        """The reply of the first send is lost; the provider is asked, and nothing is sent again."""
        id = self._initiate(LOST_REPLY)
        seen = self._wait(id, "CONFIRMED")
        attempts = cast("list[dict[str, object]]", seen["attempts"])
        once = len(attempts) == 1 and attempts[0]["sends"] == 1
        _check(once, "one attempt that was sent once", str(attempts), "worker")
        self._check_books(id)
        return {"id": id, "reference": attempts[0]["reference"], "inquiries": attempts[0]["inquiries"]}

    def fallback(self) -> Evidence:
        """The first provider fails for good, another one pays."""
        self._fallback = id = self._initiate(NOT_AT_MTN)
        seen = self._wait(id, "CONFIRMED")
        attempts = cast("list[dict[str, object]]", seen["attempts"])
        states = {str(attempt["provider"]): attempt["state"] for attempt in attempts}
        _check(list(states.values()).count("succeeded") == 1, "one success", str(states), "worker")
        self._check_books(id)
        return {"id": id, **states}

    def routing(self) -> Evidence:
        """Every decision shows its candidates, their scores and its reason."""
        answer = self._world.get(f"/api/v1/payments/{self._fallback}/routing")
        decisions = cast("list[dict[str, object]]", answer.body.get("decisions") or [])
        _check(answer.status == 200 and len(decisions) > 0, "routing decisions", str(answer), "api")
        candidates = cast("list[dict[str, object]]", decisions[0]["candidates"])
        scores = {str(c["provider"]): c["score_minor"] for c in candidates}
        return {"decisions": len(decisions), "reason": decisions[0]["reason"], **scores}

    def late_success(self) -> Evidence:
        """EXPIRED stays EXPIRED; the success that comes later is booked and shown."""
        id = self._initiate(SETTLES_IN_5_S, expires_in_s=2)
        self._wait(id, "EXPIRED")
        late = eventually(lambda: self._status(id).get("late_outcome"), DEADLINE_S)
        seen = self._status(id)
        _check(late == "paid" and seen["status"] == "EXPIRED", "EXPIRED, paid late", str(seen), "worker")
        self._check_books(id)
        return {"id": id, "status": seen["status"], "late_outcome": late}

    def cancel(self) -> Evidence:
        """A payment that waits for review can be cancelled; one that is with its provider cannot."""
        waiting = self._initiate(_new_phone(), amount="45000.00")
        self._wait(waiting, "VALIDATING")
        cancelled = self._post(f"/api/v1/payments/{waiting}/cancel", {})
        _check(cancelled.get("status") == "CANCELLED", "CANCELLED", str(cancelled), "api")
        sent = self._initiate(DELAYED, expires_in_s=20)
        self._wait(sent, "PROCESSING")
        refused = self._world.post(f"/api/v1/payments/{sent}/cancel", {}, _key())
        _check(refused.status == 409, "409 once it is with its provider", str(refused), "api")
        return {"cancelled": waiting, "refused": refused.body.get("code")}

    def refund(self) -> Evidence:
        """A collection is confirmed, then sent back, once."""
        id = self._initiate(SUCCESS, direction="collect", provider="mtn")
        self._wait(id, "CONFIRMED")
        self._post(f"/api/v1/wallets/{id}/refund", {"reason": "validation"})
        seen = self._wait(id, "REFUNDED")
        again = self._world.post(f"/api/v1/wallets/{id}/refund", {"reason": "again"}, _key())
        _check(again.status == 409, "409 for a second refund", str(again), "api")
        self._check_books(id)
        return {"id": id, "status": seen["status"]}

    def review(self) -> Evidence:
        """A large amount to a new payee waits for an operator, who lets it go."""
        id = self._initiate(_new_phone(), amount="45000.00")
        stopped = eventually(lambda: self._status(id) if self._status(id).get("review") else None, DEADLINE_S)
        _check(stopped is not None, "a payment that waits for review", str(self._status(id)), "worker")
        self._post(f"/api/v1/wallets/{id}/review", {"decision": "approve", "reason": "validation"})
        self._wait(id, "CONFIRMED")
        risk = cast("dict[str, object]", self._status(id)["risk"])
        return {"id": id, "score": risk["score"], "reasons": risk["reasons"]}

    def _initiate(self, phone: str, *, amount: str = "25.00", **more: object) -> str:
        body = {"amount": amount, "recipient_phone": phone, "recipient_name": "Validation", **more}
        answer = self._world.post("/api/v1/payments/initiate", body, _key())
        _check(answer.status == 202, "202 for a new wallet payment", str(answer), "api")
        return str(answer.body["id"])

    def _post(self, path: str, body: Mapping[str, object]) -> Mapping[str, object]:
        answer = self._world.post(path, body, _key())
        _check(answer.status == 200, f"200 from {path}", str(answer), "api")
        return answer.body

    def _status(self, id: str) -> dict[str, object]:
        return dict(self._world.get(f"/api/v1/payments/{id}/status").body)

    def _wait(self, id: str, wanted: str) -> dict[str, object]:
        def look() -> dict[str, object] | None:
            seen = self._status(id)
            return seen if seen.get("status") == wanted else None

        found = eventually(look, DEADLINE_S)
        if found is None:
            raise StepFailed(
                f"{wanted} within {DEADLINE_S:.0f} s", str(self._status(id).get("status")), service="worker"
            )
        return found

    def _check_books(self, id: str) -> None:
        """What the payment moved through clearing has left it again, and debits equal credits."""
        rows = self._world.select(
            "SELECT sum(minor)::bigint AS off, "
            "coalesce(sum(minor) FILTER (WHERE code = 'wallet_clearing'), 0)::bigint AS clearing FROM ("
            "SELECT a.code, "
            "e.amount_minor * CASE e.direction WHEN 'debit' THEN 1 ELSE -1 END AS minor "
            "FROM ledger.transaction AS t JOIN ledger.entry AS e ON e.transaction_id = t.id "
            "JOIN ledger.account AS a ON a.id = e.account_id WHERE t.reference = %s) AS own",
            id,
        )
        row = rows[0]
        is_even = row["off"] == 0 and row["clearing"] == 0
        _check(is_even, "balanced entries and empty clearing", str(row), "worker")


def _check(holds: bool, expected: str, seen: str, service: str) -> None:
    if not holds:
        raise StepFailed(expected, seen, service=service)


def _key() -> dict[str, str]:
    return {"Idempotency-Key": f"validate-{uuid4()}"}


def _new_phone() -> str:
    # The last seven digits must not be one of the sandbox's numbers for outcomes.
    return f"0244{secrets.randbelow(900_000) + 100_000:06d}"


SCENARIO = Registration(
    "wallets", "Wallet payments", 40, WalletScenario, touches=WORKER | {"provider-simulator"}
)
