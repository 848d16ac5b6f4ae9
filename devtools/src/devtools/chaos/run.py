"""One run of the fault lab: load, faults one after the other, then the certificate.

Must not judge what a scenario means; it adds only what holds for all of them.
"""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from devtools.chaos import faults
from devtools.chaos.load import PATIENCE_S, Client, Counters, Unanswered
from devtools.chaos.plan import KINDS, Fault, fingerprint, schedule
from devtools.chaos.rig import Rig
from devtools.chaos.scenarios import Scenario
from devtools.errors import DevtoolsError

CLIENTS = 6
SECONDS_A_FAULT = 6.0
SETTLE_DEADLINE_S = 90.0
SETTLE_POLL_S = 0.1

Say = Callable[[str], None]


@dataclass(frozen=True)
class Wanted:
    """What the user asked for."""

    seed: int
    minutes: float
    scenario: Scenario
    kinds: tuple[str, ...] = KINDS


@dataclass
class Struck:
    """A fault that happened: its proof, and the time until work went through again, end to end."""

    fault: Fault
    proof: str
    recovered_s: float


@dataclass
class Run:
    """One run; `certificate` is what remains of it."""

    wanted: Wanted
    rig: Rig
    say: Say
    counters: Counters = field(default_factory=Counters)
    struck: list[Struck] = field(default_factory=list[Struck])
    failures: list[str] = field(default_factory=list[str])

    async def __call__(self) -> dict[str, Any]:
        """Break it and count. Everything started is ended, however this ends."""
        try:
            self.say("starting a world of its own")
            await self.rig.open()
            kinds, refused = faults.available(self.rig, self.wanted.kinds)
            for kind, reason in refused.items():
                self.say(f"not on this machine: {kind}: {reason}")
            count = max(len(kinds), round(self.wanted.minutes * 60 / SECONDS_A_FAULT))
            plan = schedule(self.wanted.seed, count, kinds)
            started = time.monotonic()
            await self._storm(plan)
            await self._settle()
            findings = await self._findings()
            return self._certificate(plan, refused, findings, time.monotonic() - started)
        finally:
            await self.rig.close()

    async def _storm(self, plan: tuple[Fault, ...]) -> None:
        over = asyncio.Event()
        clients = [asyncio.create_task(self._client(number, over)) for number in range(CLIENTS)]
        try:
            for fault in plan:
                await asyncio.sleep(fault.pause_s)
                await self._strike(fault, len(plan))
        finally:
            over.set()
            await asyncio.gather(*clients)

    async def _client(self, number: int, over: asyncio.Event) -> None:
        chance = random.Random(f"client {self.wanted.seed} {number}")  # noqa: S311  (to be replayed)
        async with self._http() as http:
            client = Client(http, self.counters)
            piece = 0
            while not over.is_set():
                prefix = f"chaos-{self.wanted.seed}-{piece}-{number}"
                try:
                    await self.wanted.scenario.work(client, chance, prefix)
                except Unanswered as unanswered:
                    self.failures.append(str(unanswered))
                piece += 1
                await asyncio.sleep(chance.random() * 0.05)

    async def _strike(self, fault: Fault, of: int) -> None:
        self.say(f"[{fault.number}/{of}] {fault.kind}")
        proof = await faults.strike(self.rig, fault)
        began = time.monotonic()
        async with self._http() as http:
            try:
                prefix = f"probe-{self.wanted.seed}-{fault.number}"
                await asyncio.wait_for(
                    self.wanted.scenario.cycle(Client(http, self.counters), prefix), PATIENCE_S
                )
            except (TimeoutError, Unanswered):
                self.failures.append(f"no recovery from {fault.kind} within {PATIENCE_S:.0f} s")
        self.struck.append(Struck(fault, proof, round(time.monotonic() - began, 3)))

    async def _settle(self) -> None:
        """The storm is over: everything that was begun must come to its end by itself."""
        self.say("calm; waiting until everything is settled")
        await self.rig.await_api()
        deadline = time.monotonic() + SETTLE_DEADLINE_S
        while left := await asyncio.to_thread(self.wanted.scenario.unsettled, self.rig):
            if time.monotonic() > deadline:
                self.failures.append(f"{left} pieces of work were not settled in {SETTLE_DEADLINE_S:.0f} s")
                return
            await asyncio.sleep(SETTLE_POLL_S)

    async def _findings(self) -> dict[str, int]:
        async with self._http() as http:
            client = Client(http, self.counters)
            findings = await self.wanted.scenario.verdict(self.rig, client)
            _, audit = await client.get("/api/v1/ledger/integrity")
        unbalanced = self.rig.select(
            "SELECT count(*) AS n FROM (SELECT 1 FROM ledger_entries GROUP BY transaction_id, currency "
            "HAVING sum(CASE direction WHEN 'debit' THEN amount ELSE -amount END) <> 0) AS off"
        )
        broken = [check for check in audit.get("checks", []) if not check["ok"]]
        for check in broken:
            self.failures.append(f"audit: {check['name']}: {check['offenders'][:3]}")
        if not audit.get("checks"):
            raise DevtoolsError("the audit gave no checks", hint=f"the API's log is in {self.rig.logs}")
        return {**findings, "unbalanced": int(unbalanced[0]["n"]), "audit_offenders": len(broken)}

    def _certificate(
        self, plan: tuple[Fault, ...], refused: dict[str, str], findings: dict[str, int], seconds: float
    ) -> dict[str, Any]:
        slowest = max(self.struck, key=lambda struck: struck.recovered_s)
        return {
            "scenario": self.wanted.scenario.name,
            "seed": self.wanted.seed,
            "plan": fingerprint(plan),
            "holds": not any(findings.values()) and not self.failures,
            "findings": findings,
            "failures": self.failures,
            "load": {
                **self.wanted.scenario.facts(),
                "answered": self.counters.answered,
                "attempts_without_answer": self.counters.unanswered,
                "server_errors": self.counters.server_errors,
            },
            "faults": [
                {
                    "number": s.fault.number,
                    "kind": s.fault.kind,
                    "proof": s.proof,
                    "recovered_s": s.recovered_s,
                }
                for s in self.struck
            ],
            "not_on_this_machine": refused,
            "slowest_recovery": {"kind": slowest.fault.kind, "seconds": slowest.recovered_s},
            "seconds": round(seconds, 1),
        }

    def _http(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.rig.api_url, timeout=5.0, trust_env=False)


def run(wanted: Wanted, state_dir: Path, say: Say) -> dict[str, Any]:
    """Run to the certificate; Ctrl-C and SIGTERM end everything that was started."""

    async def until_told_to_end() -> dict[str, Any]:
        mine = asyncio.current_task()
        assert mine is not None
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, mine.cancel)
        return await Run(wanted, Rig(state_dir), say)()

    try:
        return asyncio.run(until_told_to_end())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
