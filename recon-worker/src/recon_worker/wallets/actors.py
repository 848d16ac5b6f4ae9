"""The wallet actors: decode a message, call what it asks for. Must not touch the database themselves."""

from __future__ import annotations

import dramatiq
from dramatiq.asyncio import get_event_loop_thread
from dramatiq.broker import Broker
from dramatiq.middleware import Middleware
from payments_schema.wallets import statements, store
from prometheus_client import CollectorRegistry, Counter, Histogram

from recon_worker.queue.schedule import Schedule
from recon_worker.wallets.assembly import Wallets
from recon_worker.wallets.providers.protocol import Observation
from recon_worker.wallets.settings import WalletSettings

QUEUE = "wallets"
PULL = "pull_wallets"
BALANCES = "read_wallet_balances"
STATEMENTS = "read_wallet_statements"
REPORT = "report_wallets"


def declare(broker: Broker, wallets: Wallets) -> None:
    """Put the actors on a broker. A message is a wake-up: what is due stands in the database."""

    async def pull_wallets(*_payment_ids: object) -> None:
        await wallets.dispatcher.pull()

    async def read_wallet_balances() -> None:
        await wallets.clerk.read_balances()

    async def read_wallet_statements() -> None:
        await wallets.clerk.read_statements()

    async def report_wallets() -> None:
        await wallets.clerk.report_lately()

    # No retries: the sweep is the retry.
    dramatiq.actor(broker=broker, queue_name=QUEUE, max_retries=0)(pull_wallets)
    dramatiq.actor(broker=broker, queue_name=QUEUE, max_retries=0)(read_wallet_balances)
    dramatiq.actor(broker=broker, queue_name=QUEUE, max_retries=0)(read_wallet_statements)
    dramatiq.actor(broker=broker, queue_name=QUEUE, max_retries=0)(report_wallets)


def schedules(settings: WalletSettings) -> list[Schedule]:
    """What happens by the clock."""
    return [
        Schedule("sweep_wallets", settings.wallet_sweep_s, QUEUE, PULL, due=store.DUE),
        Schedule(BALANCES, settings.wallet_balance_s, QUEUE, BALANCES, due=statements.BALANCE_DUE),
        Schedule(STATEMENTS, settings.wallet_statement_s, QUEUE, STATEMENTS),
        Schedule(REPORT, 3600, QUEUE, REPORT),
    ]


class CloseWallets(Middleware):
    """Ends the conversations once no actor runs, while the event loop still does."""

    def __init__(self, wallets: Wallets) -> None:
        self._wallets = wallets

    def after_worker_shutdown(self, broker: Broker, worker: dramatiq.Worker) -> None:
        loop = get_event_loop_thread()
        if loop is not None:
            loop.run_coroutine(self._wallets.close())


class WalletMetrics:
    """What providers did, for Prometheus."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._talks = Counter(
            "wallet_provider_calls_total",
            "Conversations with providers by what they said",
            ["provider", "action", "said"],
            registry=registry,
        )
        self._took = Histogram(
            "wallet_provider_seconds",
            "How long conversations took",
            ["provider"],
            registry=registry,
            buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
        )

    def observe(self, provider: str, action: str, said: Observation, took_s: float) -> None:
        """One conversation ended."""
        self._talks.labels(provider, action, type(said).__name__).inc()
        self._took.labels(provider).observe(took_s)
