"""The ledger's own audit, asked through its door. Must not audit by itself: that is the ledger's business."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from devtools.validation.model import Evidence, Step, StepFailed
from devtools.validation.scenarios import WORKER, Registration
from devtools.validation.world import World


class LedgerIntegrityScenario:
    """Every check of the ledger holds, with no offender."""

    def __init__(self, world: World) -> None:
        self._world = world

    def steps(self) -> Sequence[Step]:
        """One step: all checks are asked at once."""
        return [Step("ledger-integrity", "Ledger integrity", self.audit)]

    def audit(self) -> Evidence:
        """GET /api/v1/ledger/integrity says ok, and so does each of its checks."""
        answer = self._world.get("/api/v1/ledger/integrity")
        checks = cast("list[dict[str, object]]", answer.body.get("checks") or [])
        if answer.status != 200 or not checks:
            raise StepFailed("200 with a list of checks", str(answer), service="api")
        broken = [check for check in checks if check.get("ok") is not True]
        if broken or answer.body.get("ok") is not True:
            seen = (
                "; ".join(f"{check.get('name')}: {check.get('offenders')}" for check in broken) or answer.text
            )
            raise StepFailed("every check of the ledger to hold", seen, service="worker")
        return {"checks": len(checks), "names": ", ".join(str(check.get("name")) for check in checks)}


SCENARIO = Registration(
    "ledger-integrity", "The ledger's own audit", 90, LedgerIntegrityScenario, touches=WORKER
)
