"""Wallets against the real simulator and the real database under a clock that the test moves."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from devtools.simulators.server import create_app
from devtools.simulators.world import Clock, World
from payments_schema import ids
from payments_schema.phones import network_of
from payments_schema.wallets import lifecycle, store
from payments_schema.wallets.lifecycle import WalletPayment
from payments_schema.wallets.routing import Weights
from payments_schema.wire.wallets import InitiateWallet, WalletProvider
from psycopg import AsyncConnection

from recon_worker.wallets import desk as desks
from recon_worker.wallets import operations
from recon_worker.wallets.assembly import make_providers
from recon_worker.wallets.desk import Desk
from recon_worker.wallets.operations import Action, Result, Step
from recon_worker.wallets.providers.breaker import Breaker
from recon_worker.wallets.settings import WalletSettings

START = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
LEASE = timedelta(seconds=60)
SUCCESS, FAILED, REJECTED = "0243123499", "0243123450", "0243123451"
ONGOING, DELAYED, LOST, LATE = "0243123453", "0243123454", "0243123455", "0243123458"


class Wallets:
    """One platform, one simulator, one clock."""

    def __init__(self, conn: AsyncConnection[Any], *, seed: int = 1, **settings: Any) -> None:
        self.conn = conn
        self.now = START
        self.world = World(seed=seed, clock=Clock(manual=START.timestamp()))
        transport = httpx.ASGITransport(create_app(self.world))
        self.settings = WalletSettings(wallet_providers_url="http://simulator", **settings)
        clock = lambda: self.now.timestamp()  # noqa: E731
        self.breakers = {name: Breaker(clock=clock) for name in WalletProvider}
        self.providers = make_providers(self.settings, self.breakers.__getitem__, transport)
        self.desk = Desk(
            limits=self.settings.limits(),
            policy=self.settings.policy(),
            weights=Weights(explore_ppm=0),
            health=lambda name: self.breakers[name].state.value,
        )

    async def close(self) -> None:
        for provider in self.providers.values():
            await provider.close()

    def pass_time(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.world.clock.advance(seconds)
        self.world.catch_up()

    async def initiate(self, phone: str = SUCCESS, amount: str = "25.00", **fields: Any) -> str:
        wanted = InitiateWallet.model_validate(
            {"amount": amount, "recipient_phone": phone, "recipient_name": "Ama", **fields}
        )
        change = lifecycle.initiate(
            ids.new_id("pay"),
            "test",
            wanted,
            network_of(wanted.recipient_phone),
            self.desk.limits,
            self.now,
            None,
        )
        await store.save(self.conn, [change])
        await self.conn.commit()
        return change.payment.id

    async def begin(self, limit: int = 100) -> list[Step]:
        self.desk = await desks.read(self.conn, self.desk, self.now)
        steps, _ = await operations.begin(self.conn, self.desk, self.now, lease=LEASE, limit=limit)
        await self.conn.commit()
        return steps

    async def talk(self, step: Step) -> Result:
        provider = self.providers[step.attempt.provider]
        calls = {
            Action.SEND: provider.submit,
            Action.INQUIRE: provider.inquire,
            Action.VOUCHER: provider.give_voucher,
        }
        said = await calls[step.action](step.order)
        return Result(step, said, 0 if step.action is Action.SEND else 1)

    async def settle(self, *results: Result) -> None:
        await operations.settle(self.conn, self.desk, results, self.now)
        await self.conn.commit()

    async def round(self) -> int:
        """Everything that is due now, once."""
        steps = await self.begin()
        await self.settle(*[await self.talk(step) for step in steps])
        return len(steps)

    async def run(self, seconds: float, step_s: float = 1.0) -> None:
        """Work until so much time has passed."""
        until = self.now + timedelta(seconds=seconds)
        await self.round()
        while self.now < until:
            self.pass_time(step_s)
            await self.round()

    async def get(self, payment_id: str) -> WalletPayment:
        payment = await store.get(self.conn, payment_id)
        await self.conn.commit()
        return payment

    def successes(self) -> list[tuple[str, str]]:
        """(provider, reference) of every transfer that truly succeeded."""
        summary = self.world.books.summary()
        return [
            (name, transfer["reference"])
            for name, books in summary.items()
            for transfer in books["transfers"]
            if transfer["state"] == "SUCCESSFUL"
        ]

    async def balances(self) -> Mapping[str, int]:
        """Every platform account's balance on its normal side, by code."""
        found = await self.conn.execute(
            "SELECT a.code, (b.sign * (b.posted_cr - b.posted_dr))::bigint FROM ledger.account AS a "
            "JOIN ledger.balance AS b ON b.account_id = a.id "
            "WHERE a.currency = 'GHS' AND (a.code LIKE 'wallet%' OR a.code LIKE 'provider%' "
            "OR a.owner_kind = 'wallet')"
        )
        rows = dict(await found.fetchall())
        await self.conn.commit()
        return rows

    async def assert_books_agree(self, before: Mapping[str, int] | None = None) -> None:
        """What the ledger says of our float is what the providers' own books say."""
        ours = await self.balances()
        theirs = self.world.books.summary()
        for name in ("mtn", "telecel", "airteltigo"):
            change = ours.get(f"provider_float_{name}", 0) - (before or {}).get(f"provider_float_{name}", 0)
            assert change == theirs[name]["changes"].get("GHS", 0), name
