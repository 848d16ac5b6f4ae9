"""Logs in JSON, metrics for Prometheus, and the middleware that gives both to every message.

Must not log arguments of messages, nor what Postgres tells in DETAIL: both may be a customer's.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from typing import Any

import structlog
from dramatiq.broker import Broker, MessageProxy
from dramatiq.middleware import Middleware
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from structlog.contextvars import bind_contextvars, clear_contextvars
from structlog.types import EventDict, Processor, WrappedLogger

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """Every number this process shows, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.messages = Counter(
            "worker_messages_total",
            "Messages answered, by outcome: done, failed (tried again), dead.",
            ["queue", "actor", "outcome"],
            registry=self.registry,
        )
        self.seconds = Histogram(
            "worker_message_seconds",
            "Seconds an actor took.",
            ["queue", "actor"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.held = Gauge(
            "worker_messages_held", "Messages claimed and not answered.", registry=self.registry
        )
        self.reconnects = Gauge(
            "worker_listener_reconnects",
            "Times the listener found the database again.",
            registry=self.registry,
        )
        self.recovered = Counter(
            "worker_recovered_messages_total",
            "Messages taken from lost workers, by what became of them: queued, rejected.",
            ["queue", "state"],
            registry=self.registry,
        )
        self.reconciled = Counter(
            "recon_jobs_total", "Jobs completed, by verdict.", ["verdict"], registry=self.registry
        )
        self.failed = Counter(
            "recon_job_failures_total",
            "Failed attempts, by whether it was the last.",
            ["final"],
            registry=self.registry,
        )
        self.batch = Histogram(
            "recon_batch_jobs",
            "Jobs in one unit of work.",
            buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500, 1000),
            registry=self.registry,
        )


class Telemetry(Middleware):
    """Counts and times messages, and binds their identity to the log while they run."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._begun = threading.local()

    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:
        self._begun.at = time.perf_counter()
        bind_contextvars(message_id=message.message_id, actor=message.actor_name, **trace_of(message.options))

    def after_process_message(
        self,
        broker: Broker,
        message: MessageProxy,
        *,
        result: object = None,
        exception: BaseException | None = None,
    ) -> None:
        outcome = "done" if exception is None else "dead" if message.failed else "failed"
        self._metrics.messages.labels(message.queue_name, message.actor_name, outcome).inc()
        self._metrics.seconds.labels(message.queue_name, message.actor_name).observe(
            time.perf_counter() - self._begun.at
        )
        if outcome == "dead":
            log.error("dead letter", queue=message.queue_name, error=type(exception).__name__)
        clear_contextvars()

    def after_skip_message(self, broker: Broker, message: MessageProxy) -> None:
        clear_contextvars()


def trace_of(options: dict[str, Any]) -> dict[str, str]:
    """The ids of a W3C `traceparent` among a message's options; {} where there is none or it is malformed."""
    parts = str(options.get("traceparent", "")).split("-")
    if len(parts) < 4 or [len(part) for part in parts[:4]] != [2, 32, 16, 2]:
        return {}
    if any(set(part) - set("0123456789abcdef") for part in parts[:4]) or not int(parts[1], 16):
        return {}
    return {"trace_id": parts[1], "parent_id": parts[2]}


def _without_details(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    for key in ("exception", "error", "event"):
        text = event.get(key)
        if isinstance(text, str) and "DETAIL:" in text:
            event[key] = "\n".join(line for line in text.splitlines() if not line.startswith("DETAIL:"))
    return event


def configure_logs(level: str) -> None:
    """Send structlog and the standard library's logs to stderr, one JSON object a line."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                _without_details,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # Dramatiq's debug lines print the arguments of every message.
    logging.getLogger("dramatiq").setLevel(max(logging.INFO, root.level))
    # RabbitMQ's client tells of every step of a connection.
    logging.getLogger("pika").setLevel(max(logging.WARNING, root.level))
    # A line for every request, with its address, in which receivers of webhooks like to put their tokens.
    logging.getLogger("httpx").setLevel(max(logging.WARNING, root.level))
