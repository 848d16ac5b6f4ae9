"""recon-worker: puts settings, broker, actors and a Dramatiq worker together in one process.

Must not hold logic of its own: every decision is made in the rooms it wires.
"""

from __future__ import annotations

import argparse
import gc
import os
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from types import FrameType

import dramatiq
import structlog
from dramatiq.asyncio import get_event_loop_thread
from dramatiq.broker import Broker
from dramatiq.middleware import AsyncIO, Callbacks, CurrentMessage, Middleware, Pipelines, Retries, TimeLimit
from payments_schema.cards import store as cards
from payments_schema.events import store as events
from payments_schema.invoices import inbox
from payments_schema.invoices.inbox import QUEUE as INVOICES
from payments_schema.ledger import seals
from payments_schema.reconciliation import store as jobs
from payments_schema.webhooks import news as webhooks

from . import settings as settings_module
from .batcher import Batcher
from .cards import actors as card_actors
from .cards.operations import Expirer
from .database import Line
from .health import HealthServer
from .invoices import actors as invoice_actors
from .invoices.operations import Applier, Patience
from .ledger import actors as ledger_actors
from .ledger.operations import Sealer
from .queue import store
from .queue.broker import PostgresBroker
from .queue.connection import connect
from .queue.relay import BrokerPublisher, Relay
from .queue.schedule import Schedule, Scheduler
from .queue.worker import RestingWorker
from .reconciliation import actors
from .reconciliation.operations import Reconciler
from .settings import APPLICATION_ROLE, InvalidSettings, Settings
from .telemetry import Metrics, Telemetry, configure_logs
from .wallets import actors as wallet_actors
from .wallets.assembly import assemble
from .wallets.settings import WalletSettings
from .webhooks import actors as webhook_actors
from .webhooks.delivery import Deliverer

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

RELAYED_QUEUES = (actors.QUEUE, actors.MAINTENANCE_QUEUE, wallet_actors.QUEUE, INVOICES, webhook_actors.QUEUE)
_WAKE_S = 2.0
# The threads of Dramatiq wait for work so long; they are woken by it, and by the end.
_REST_MS = 60_000


def middleware(metrics: Metrics) -> list[Middleware]:
    """What every message passes; retries come after telemetry, so that telemetry sees what they decided."""
    return [
        Telemetry(metrics),
        AsyncIO(),
        TimeLimit(interval=5000),
        Callbacks(),
        Pipelines(),
        CurrentMessage(),
        Retries(max_retries=8, min_backoff=500, max_backoff=300_000),
    ]


def schedules(settings: Settings) -> list[Schedule]:
    """Everything that happens by the clock."""
    return [
        Schedule(actors.SWEEP, settings.recon_sweep_s, actors.MAINTENANCE_QUEUE, actors.SWEEP, due=jobs.OPEN),
        Schedule(
            card_actors.EXPIRE,
            settings.card_expiry_s,
            actors.MAINTENANCE_QUEUE,
            card_actors.EXPIRE,
            due=cards.OVERDUE,
        ),
        Schedule(
            ledger_actors.SEAL,
            settings.ledger_seal_s,
            actors.MAINTENANCE_QUEUE,
            ledger_actors.SEAL,
            due=seals.UNSEALED,
        ),
        Schedule(
            invoice_actors.SWEEP, settings.invoice_sweep_s, INVOICES, invoice_actors.SWEEP, due=inbox.DUE
        ),
        Schedule(
            webhook_actors.PULL,
            settings.webhook_pull_s,
            webhook_actors.QUEUE,
            webhook_actors.PULL,
            due=webhooks.DUE,
        ),
        *wallet_actors.schedules(WalletSettings()),
    ]


class FollowEvents(Middleware):
    """Has the deliverer look for events from the start, on the event loop of the actors."""

    def __init__(self, deliverer: Deliverer) -> None:
        self._deliverer = deliverer

    def after_worker_boot(self, broker: Broker, worker: dramatiq.Worker) -> None:
        loop = get_event_loop_thread()
        if loop is not None:
            loop.run_coroutine(self._deliverer.follow())


class CloseLine(Middleware):
    """Closes the operations' lines once no actor runs, while the event loop still does."""

    def __init__(self, *owners: Reconciler | Expirer | Sealer | Applier | Deliverer) -> None:
        self._owners = owners

    def after_worker_shutdown(self, broker: Broker, worker: dramatiq.Worker) -> None:
        loop = get_event_loop_thread()
        if loop is not None:
            for owner in self._owners:
                loop.run_coroutine(owner.close())


class Program:
    """A worker process from start to end."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self.broker = self._make_broker()
        line = Line(settings.database_url, name="recon-worker", role=APPLICATION_ROLE)
        self.reconciler = Reconciler(line, worker=settings.worker_name, observe=self._observe)
        actors.declare(
            self.broker,
            self.reconciler,
            Batcher(self.reconciler.run, settings.recon_batch_size),
            max_retries=settings.recon_max_retries,
            min_backoff_ms=settings.recon_min_backoff_ms,
            sweep_older_than_s=settings.recon_sweep_s,
        )
        expirer = Expirer(Line(settings.database_url, name="recon-worker cards", role=APPLICATION_ROLE))
        card_actors.declare(self.broker, expirer, queue=actors.MAINTENANCE_QUEUE)
        sealer = Sealer(Line(settings.database_url, name="recon-worker ledger", role=APPLICATION_ROLE))
        ledger_actors.declare(self.broker, sealer, queue=actors.MAINTENANCE_QUEUE)
        applier = Applier(
            Line(settings.database_url, name="recon-worker invoices", role=APPLICATION_ROLE),
            Patience(unknown_s=settings.invoice_unknown_wait_s),
        )
        invoice_actors.declare(self.broker, applier)
        self.deliverer = Deliverer(
            Line(settings.database_url, name="recon-worker webhooks", role=APPLICATION_ROLE), settings
        )
        webhook_actors.declare(self.broker, self.deliverer)
        self.broker.add_middleware(FollowEvents(self.deliverer))
        self.broker.add_middleware(CloseLine(self.reconciler, expirer, sealer, applier, self.deliverer))
        if isinstance(self.broker, PostgresBroker):
            self.broker.hear(events.CHANNEL, self.deliverer.nudge)
            self.broker.on_work = self.deliverer.nudge
        self._declare_wallets()
        self._stop = threading.Event()
        self._worker: dramatiq.Worker | None = None

    def _declare_wallets(self) -> None:
        metrics = wallet_actors.WalletMetrics(self.metrics.registry)
        wallets = assemble(self.settings.database_url, WalletSettings(), observe=metrics.observe)
        wallet_actors.declare(self.broker, wallets)
        self.broker.add_middleware(wallet_actors.CloseWallets(wallets))

    @property
    def is_ready(self) -> bool:
        """Whether messages are being heard."""
        if self._stop.is_set():
            return False
        return self.broker.is_ready if isinstance(self.broker, PostgresBroker) else self._worker is not None

    def run(self) -> int:
        """Work until a signal; returns the exit status."""
        self._take_signals()
        health = self._serve_health()
        self.broker.emit_after("process_boot")
        self._worker = RestingWorker(
            self.broker, worker_threads=self.settings.worker_threads, worker_timeout=_REST_MS
        )
        self._worker.start()
        # What stands now stays: a full collection over all of it held transactions up for 150 ms (measured).
        gc.collect()
        gc.freeze()
        status = self._watch()
        self._drain(self._worker)
        if health is not None:
            health.close()
        return status

    def _watch(self) -> int:
        was_ready = False
        while not self._stop.wait(_WAKE_S if was_ready else 0.02):
            if self.is_ready and not was_ready:
                was_ready = True
                log.info(
                    "worker ready", worker=self.settings.worker_name, threads=self.settings.worker_threads
                )
            if isinstance(self.broker, PostgresBroker) and not self.broker.is_alive:
                # Without a heartbeat nothing is claimed: better to be started anew than to look alive.
                log.critical("the listener died")
                return 1
        return 0

    def _drain(self, worker: dramatiq.Worker) -> None:
        log.info("draining", held=self.broker.held if isinstance(self.broker, PostgresBroker) else None)
        self.reconciler.stop()
        # A stuck actor must not keep the process: its messages are recovered by the lease.
        limit = threading.Timer(self.settings.worker_drain_s + 2, lambda: os._exit(1))
        limit.daemon = True
        limit.start()
        worker.stop(timeout=int(self.settings.worker_drain_s * 1000))
        self.broker.close()
        limit.cancel()
        log.info("worker stopped")

    def _make_broker(self) -> Broker:
        if self.settings.broker_url:
            return _rabbitmq(self.settings.broker_url, middleware(self.metrics))
        broker = PostgresBroker(
            self.settings.database_url,
            role=APPLICATION_ROLE,
            heartbeat_s=self.settings.queue_heartbeat_s,
            lease_s=self.settings.queue_lease_s,
            max_crashes=self.settings.queue_max_crashes,
            middleware=middleware(self.metrics),
        )
        broker.on_recovered = self._recovered
        self.metrics.held.set_function(lambda: broker.held)
        self.metrics.reconnects.set_function(lambda: broker.reconnects)
        broker.add_chore(Scheduler(schedules(self.settings), self.settings.worker_name))
        return broker

    def _take_signals(self) -> None:
        _on_signals(self._stop)

    def _serve_health(self) -> HealthServer | None:
        port = self.settings.worker_health_port
        if port is None:
            return None
        host = self.settings.host
        try:
            return HealthServer(host, port, is_ready=lambda: self.is_ready, registry=self.metrics.registry)
        except OSError as error:
            reason = f"cannot listen on {host}:{port}: {error.strerror}"
            raise InvalidSettings(f"WORKER_HEALTH_PORT: {reason}") from error

    def _recovered(self, row: store.Recovered) -> None:
        self.metrics.recovered.labels(row.queue_name, row.state).inc()
        write = log.error if row.state == "rejected" else log.warning
        write("message of a lost worker", **row._asdict())

    def _observe(self, verdicts: Mapping[str, int]) -> None:
        for verdict, count in verdicts.items():
            self.metrics.reconciled.labels(verdict).inc(count)
        self.metrics.batch.observe(sum(verdicts.values()))
        self.deliverer.nudge()  # what a batch records in the database itself is told of by nobody else


def run_relay(settings: Settings) -> int:
    """Forward the queues to RabbitMQ until a signal; needs BROKER_URL."""
    if not settings.broker_url:
        raise InvalidSettings("BROKER_URL is not set: there is nothing to relay to")
    stop = threading.Event()
    _on_signals(stop)
    relay = Relay(
        connect=lambda: connect(settings.database_url, name="queue-relay", role=APPLICATION_ROLE),
        publisher=BrokerPublisher(_rabbitmq(settings.broker_url, [])),
        queues=RELAYED_QUEUES,
        chores=[Scheduler(schedules(settings), settings.worker_name)],
        chores_every_s=settings.queue_heartbeat_s,
    )
    log.info("relay ready", queues=RELAYED_QUEUES)
    relay.run(stop)
    return 0


def _on_signals(stop: threading.Event) -> None:
    def note(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, note)


def _rabbitmq(url: str, middleware: list[Middleware]) -> Broker:
    try:
        from dramatiq.brokers.rabbitmq import RabbitmqBroker
    except ImportError as error:
        raise InvalidSettings("BROKER_URL needs the extra: pip install 'recon-worker[rabbitmq]'") from error
    return RabbitmqBroker(url=url, confirm_delivery=True, middleware=middleware)


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; 0 after a signal, 1 where the work became impossible, 2 for wrong use or settings."""
    parser = argparse.ArgumentParser(
        prog="recon-worker", description="Works the platform's queues: reconciliation, sweeps, schedules."
    )
    parser.add_argument("--version", action="version", version=version("recon-worker"))
    parser.add_argument(
        "command",
        nargs="?",
        choices=["run", "relay"],
        default="run",
        help="run: work (the default); relay: forward the queues to RabbitMQ at BROKER_URL",
    )
    arguments = parser.parse_args(argv)
    try:
        settings = settings_module.load()
        configure_logs(settings.log_level)
        return run_relay(settings) if arguments.command == "relay" else Program(settings).run()
    except InvalidSettings as error:
        print(f"recon-worker: {error}", file=sys.stderr)  # noqa: T201
        return 2


if __name__ == "__main__":
    sys.exit(main())
