"""Our three adapters pass the kit that any adapter must pass, against a simulator over real sockets."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
from payments_schema.wire.wallets import WalletProvider

from recon_worker.wallets.assembly import make_providers
from recon_worker.wallets.conformance import ProviderConformance
from recon_worker.wallets.providers.breaker import Breaker
from recon_worker.wallets.settings import WalletSettings

PHONES = {"success": "+233243123499", "rejected": "+233243123451", "ongoing": "+233243123453"}
FAULTS: dict[str, dict[str, Any]] = {
    "calm": {},
    "lost_reply": {"lose_reply": 1.0},
    "garbage": {"garbage": 1.0},
    "huge": {"huge": 1.0},
    "outage": {"outage": True},
    "hang": {"hang": 1.0, "hang_s": 3.0},
    "wrong_currency": {"wrong_currency": 1.0},
    "unknown_status": {"unknown_status": 1.0},
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def simulator() -> Iterator[str]:
    """The simulator in a process of its own; its address."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "devtools.simulators", "--port", str(port)])
    base = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            try:
                httpx.get(f"{base}/health", trust_env=False)
                break
            except httpx.ConnectError:
                time.sleep(0.05)
        yield base
    finally:
        process.terminate()
        process.wait(10)


class SimulatorSandbox:
    """The simulator as the kit sees it."""

    def __init__(self, base: str, name: WalletProvider) -> None:
        self.base, self.name = base, name
        calm = WalletSettings(wallet_providers_url=base, wallet_read_s=1.0)
        nowhere = WalletSettings(wallet_providers_url=f"http://127.0.0.1:{free_port()}")
        self._made = [make_providers(one, lambda _: Breaker(least=10**6)) for one in (calm, nowhere)]
        self.provider, self.unreachable = (made[name] for made in self._made)
        self.behave("calm")

    def phone(self, outcome: str) -> str:
        return PHONES[outcome]

    def behave(self, fault: str) -> None:
        wanted = {"reset": True, self.name: FAULTS[fault]}
        httpx.put(f"{self.base}/_control/knobs", json=wanted, trust_env=False).raise_for_status()

    def times_paid(self, reference: UUID) -> int:
        books = httpx.get(f"{self.base}/_control/books", trust_env=False).json()
        return sum(
            transfer["reference"] == str(reference) and transfer["state"] == "SUCCESSFUL"
            for own in books.values()
            for transfer in own["transfers"]
        )

    async def close(self) -> None:
        for made in self._made:
            for provider in made.values():
                await provider.close()


@pytest_asyncio.fixture(params=list(WalletProvider))
async def sandbox(simulator: str, request: pytest.FixtureRequest) -> AsyncIterator[SimulatorSandbox]:
    made = SimulatorSandbox(simulator, request.param)
    yield made
    await made.close()


class TestOurAdapters(ProviderConformance):
    """MTN, Telecel, AirtelTigo."""
