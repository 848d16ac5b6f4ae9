"""What the worker may be told by its environment, typed and checked before anything starts.

Must not connect anywhere.
"""

from __future__ import annotations

import os
import socket
from ipaddress import IPv4Network, IPv6Network
from typing import Annotated, Literal

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict
from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

APPLICATION_ROLE = "payments_app"

Port = Annotated[int, Field(ge=1, le=65535)]


class InvalidSettings(ValueError):
    """One line per wrong setting, without the values of those that may hold a secret."""


class WebhookSettings(BaseSettings):
    """What the delivery of outgoing events may be told."""

    model_config = SettingsConfigDict(extra="ignore", env_ignore_empty=True)

    webhook_allow_private: bool = Field(
        default=False, description="Send events to loopback, private and link-local addresses, too."
    )
    webhook_allow_networks: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode] = Field(
        default=(), description="Networks that events may be sent to besides public ones, with commas."
    )
    webhook_timeout_s: float = Field(default=15.0, gt=0, le=40, description="How long a receiver may take.")
    webhook_pull_s: float = Field(
        default=1.0, ge=0.2, le=600, description="How often deliveries to try again are looked for."
    )
    webhook_disable_after_s: float = Field(
        default=432_000.0, gt=0, description="A receiver that failed for so long is told nothing more."
    )
    webhook_largest_bytes: int = Field(
        default=262_144, ge=1024, description="An event larger than that is not sent."
    )

    @field_validator("webhook_allow_networks", mode="before")
    @classmethod
    def _by_commas(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return [part.strip() for part in value.split(",") if part.strip()]


class Settings(WebhookSettings):
    """Every environment variable of recon-worker; `.env.example` documents them."""

    database_url: str = Field(default="", description="Postgres, direct (LISTEN); default: PGHOST and so on.")
    broker_url: str = Field(default="", description="amqp://… works from RabbitMQ; default: the database.")
    host: str = Field(default="127.0.0.1", description="Listen address of the health server.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="DEBUG, INFO, WARNING or ERROR."
    )
    worker_threads: int = Field(
        default=32, ge=1, le=256, description="Messages at once; their jobs share commits."
    )
    worker_health_port: Port | None = Field(
        default=None, description="Serves GET /health and /metrics; default: no server."
    )
    worker_drain_s: float = Field(
        default=8.0, gt=0, le=600, description="How long running actors may go on after SIGTERM."
    )
    queue_heartbeat_s: float = Field(
        default=2.0, ge=0.05, le=60, description="How often a worker says that it lives."
    )
    queue_lease_s: float = Field(
        default=10.0, ge=0.1, le=600, description="A worker silent for so long loses its messages to others."
    )
    queue_max_crashes: int = Field(
        default=5, ge=1, le=100, description="Workers a message may cost before it is a dead letter."
    )
    recon_batch_size: int = Field(default=200, ge=1, le=1000, description="Most jobs in one commit.")
    recon_max_retries: int = Field(
        default=8, ge=0, le=100, description="Failed attempts before a job is given up, less one."
    )
    recon_min_backoff_ms: int = Field(
        default=500, ge=1, le=3_600_000, description="First pause between attempts; it doubles, with jitter."
    )
    recon_sweep_s: float = Field(
        default=30.0, ge=0.5, le=86_400, description="How often jobs without a message are looked for."
    )
    card_expiry_s: float = Field(
        default=10.0, ge=0.5, le=86_400, description="How often overdue card holds are released."
    )
    ledger_seal_s: float = Field(
        default=5.0, ge=0.5, le=86_400, description="How often what is settled is sealed."
    )

    invoice_unknown_wait_s: float = Field(
        default=900.0, ge=0, le=604_800, description="How long an event waits for an unknown invoice."
    )
    invoice_sweep_s: float = Field(
        default=1.0, ge=0.2, le=600, description="How often waiting payment events are looked for."
    )

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value

    @field_validator("database_url")
    @classmethod
    def _readable(cls, value: str) -> str:
        try:
            conninfo_to_dict(value)
        except ProgrammingError as error:
            raise ValueError("not a Postgres URL") from error
        return value

    @field_validator("broker_url")
    @classmethod
    def _amqp(cls, value: str) -> str:
        if value and not value.startswith(("amqp://", "amqps://")):
            raise ValueError("must begin with amqp:// or amqps://; leave it out for the database")
        return value

    @model_validator(mode="after")
    def _complete(self) -> Settings:
        if not self.database_url and not os.environ.get("PGHOST"):
            raise ValueError("DATABASE_URL is not set, nor PGHOST")
        if self.queue_lease_s < 2 * self.queue_heartbeat_s:
            raise ValueError("QUEUE_LEASE_S must be at least two QUEUE_HEARTBEAT_S")
        return self

    @property
    def worker_name(self) -> str:
        """How this process signs what it locks."""
        return f"{socket.gethostname()}:{os.getpid()}"


def load() -> Settings:
    """Read the environment. Raises InvalidSettings, whose text is fit to print."""
    try:
        return Settings()
    except ValidationError as error:
        lines: list[str] = []
        for problem in error.errors(include_url=False, include_input=False):
            name = "_".join(str(part) for part in problem["loc"]).upper()
            text = problem["msg"].removeprefix("Value error, ")
            lines.append(f"{name}: {text}" if name else text)
        raise InvalidSettings("; ".join(lines)) from error
