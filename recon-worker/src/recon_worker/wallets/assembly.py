"""Builds the wallets of one worker process from settings. Must not hold logic of its own."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx
from payments_schema.wire.wallets import WalletProvider

from recon_worker.database import Line
from recon_worker.garbage import FullCollections
from recon_worker.settings import APPLICATION_ROLE
from recon_worker.wallets.aside import Aside
from recon_worker.wallets.clerk import Clerk
from recon_worker.wallets.desk import Desk
from recon_worker.wallets.dispatcher import Dispatcher, Observe
from recon_worker.wallets.providers.airteltigo import AirtelTigo, AirtelTigoCredentials
from recon_worker.wallets.providers.breaker import Breaker
from recon_worker.wallets.providers.exchange import Exchange, Timeouts
from recon_worker.wallets.providers.mtn import Mtn, MtnCredentials
from recon_worker.wallets.providers.protocol import Provider
from recon_worker.wallets.providers.telecel import Telecel, TelecelCredentials
from recon_worker.wallets.settings import WalletSettings

Transport = httpx.AsyncBaseTransport
BreakerFactory = Callable[[WalletProvider], Breaker]


def make_providers(
    settings: WalletSettings, breaker: BreakerFactory, transport: Transport | None = None
) -> dict[WalletProvider, Provider]:
    """The three adapters, each with a pool of connections and a breaker of its own."""
    timeouts = Timeouts(settings.wallet_connect_s, read_s=settings.wallet_read_s)

    def exchange(provider: WalletProvider) -> Exchange:
        return Exchange(
            settings.url_of(provider),
            breaker(provider),
            timeouts=timeouts,
            connections=settings.wallet_in_flight,
            transport=transport,
        )

    mtn, telecel, airteltigo = WalletProvider
    return {
        mtn: Mtn(
            exchange(mtn),
            MtnCredentials(
                api_user=settings.mtn_api_user,
                api_key=settings.mtn_api_key.get_secret_value(),
                subscription_key=settings.mtn_subscription_key.get_secret_value(),
                target_environment=settings.mtn_target_environment,
                callback_url=settings.callback_of(mtn),
            ),
        ),
        telecel: Telecel(
            exchange(telecel),
            TelecelCredentials(
                api_key=settings.telecel_api_key.get_secret_value(),
                callback_url=settings.callback_of(telecel),
            ),
        ),
        airteltigo: AirtelTigo(
            exchange(airteltigo),
            AirtelTigoCredentials(
                client=settings.airteltigo_client,
                shared_key=settings.airteltigo_shared_key.get_secret_value(),
                callback_url=settings.callback_of(airteltigo),
            ),
        ),
    }


@dataclass(frozen=True, slots=True)
class Wallets:
    """What the actors call."""

    dispatcher: Dispatcher
    clerk: Clerk
    aside: Aside

    async def close(self) -> None:
        await self.dispatcher.close()
        await self.clerk.close()
        await self.aside.close()


def now_utc() -> datetime:
    return datetime.now(UTC)


def assemble(
    database_url: str,
    settings: WalletSettings,
    *,
    observe: Observe | None = None,
    now: Callable[[], datetime] = now_utc,
    transport: Transport | None = None,
) -> Wallets:
    """Everything, connected to nothing yet."""
    # Each request in a line of its own, with its address, is too much; what it led to is in the metrics.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    breakers = {provider: Breaker() for provider in WalletProvider}
    providers = make_providers(settings, breakers.__getitem__, transport)

    def line(part: str) -> Line:
        return Line(database_url, name=f"recon-worker wallets {part}", role=APPLICATION_ROLE)

    aside = Aside("wallets database", FullCollections())
    desk = Desk(limits=settings.limits(), policy=settings.policy())
    dispatcher = Dispatcher(
        line("take"),
        line("settle"),
        providers,
        desk,
        aside,
        health=lambda provider: breakers[provider].state.value,
        most_in_flight=settings.wallet_in_flight,
        lease_s=settings.wallet_lease_s,
        talk_s=settings.talk_s,
        now=now,
        **({} if observe is None else {"observe": observe}),
    )
    return Wallets(dispatcher, Clerk(line("clerk"), providers, now, aside), aside)
