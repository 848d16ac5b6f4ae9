"""Everything that may be set from outside, typed, with its default and its limits.

Must not read the environment anywhere else, connect to anything, or print a value that may be secret.
"""

from __future__ import annotations

import ipaddress
import os
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Self

from payments_schema.webhooks import signing
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from pydantic import (
    BeforeValidator,
    Field,
    PostgresDsn,
    SecretStr,
    TypeAdapter,
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

SANDBOX_AIRTELTIGO_KEY = "sandbox-airteltigo-secret"
SHORTEST_SECRET_BYTES = 32
LONGEST_STATEMENT_MS = 30_000
_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


class AuthMode(StrEnum):
    """Who may call: everyone who reaches a loopback port, or bearers of a valid token."""

    OPEN = "open"
    JWT = "jwt"


class LogLevel(StrEnum):
    """How much is written; requests are `info`, or `warning` where the server was at fault."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class SettingsRefused(Exception):
    """One line that names every setting that cannot be used, and why, without its value."""


def _lowered(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


def is_loopback(host: str) -> bool:
    """Say whether a listener on `host` can be reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


class Settings(BaseSettings):
    """The API's settings; the environment variable has the field's name in capitals."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True, env_ignore_empty=True)

    host: str = Field("127.0.0.1", min_length=1, description="Listen address; loopback unless set.")
    port: int = Field(3001, ge=0, le=65535, description="Listen port; 0 lets the system choose.")
    database_url: SecretStr | None = Field(
        None,
        description="Postgres, as the application role; default: PGHOST and so on, else loopback.",
    )
    database_pool_size: int = Field(8, ge=2, le=64, description="Connections for all but the hot path.")
    database_timeout_s: float = Field(
        2.0, ge=0.1, le=30, description="How long a request may wait for the database before it is 503."
    )
    auth_mode: Annotated[AuthMode | None, BeforeValidator(_lowered)] = Field(
        None, description="open or jwt; default: open on loopback, else jwt."
    )
    jwt_secret: SecretStr | None = Field(None, description="HS256 secret, at least 32 bytes.")
    jwt_public_key: str | None = Field(None, description="PEM public key for RS256, ES256 or EdDSA.")
    jwt_issuer: str = Field("payments", min_length=1, description="Required `iss` of a token.")
    jwt_audience: str = Field("payments-api", min_length=1, description="Required `aud` of a token.")
    jwt_leeway_s: int = Field(10, ge=0, le=300, description="Clock difference allowed on exp, nbf and iat.")
    rate_limit_per_s: float | None = Field(
        None,
        ge=0,
        le=1_000_000,
        description="Requests a second per client, 0 for any; default: 0 where open, else 200.",
    )
    rate_limit_burst: int = Field(1000, ge=1, le=1_000_000, description="Requests a client may save up.")
    batch_items: int = Field(50, ge=1, le=1000, description="Most payments in one commit of the hot path.")
    batch_lanes: int = Field(2, ge=1, le=8, description="Commits of the hot path under way at once.")
    batch_backlog: int = Field(4000, ge=1, le=100_000, description="Payments that may wait; beyond it: 503.")
    card_fee_bps: int = Field(
        300, ge=0, le=10_000, description="Fee on captured card payments, basis points."
    )
    card_hold_s: int = Field(
        7 * 24 * 3600, ge=1, le=365 * 24 * 3600, description="How long an authorization holds funds."
    )
    wallet_least_minor: int = Field(100, ge=1, description="Least amount of a wallet payment, minor units.")
    wallet_most_minor: int = Field(5_000_000, ge=1, description="Most of a wallet payment, minor units.")
    wallet_timeout_s: int = Field(300, ge=1, le=86_400, description="How long a wallet payment may take.")
    airteltigo_shared_key: SecretStr | None = Field(
        None,
        description="Verifies AirtelTigo's callbacks; required with jwt. Unset with open: the sandbox's key.",
    )
    approval_limit: Decimal | None = Field(
        None,
        ge=0,
        description="Refunds and write-offs above so many major units need a second person; unset: none do.",
    )
    webhook_secret: SecretStr | None = Field(
        None,
        description="Verifies POST /webhooks/payments; several with commas while rotating. Unset: unsigned "
        "events are taken, on loopback only.",
    )
    allowed_hosts: str = Field(
        "",
        description="Names taken in Host, with commas, * for any; default: loopback where open, else *.",
    )
    tracing_enabled: bool = Field(False, description="Make OpenTelemetry spans for requests.")
    docs_enabled: bool | None = Field(None, description="Serve /docs and friends; default: only with open.")
    log_level: Annotated[LogLevel, BeforeValidator(_lowered)] = Field(
        LogLevel.INFO, description="Least log level."
    )
    stop_grace_s: int = Field(8, ge=1, le=300, description="How long SIGTERM waits for requests in flight.")

    @model_validator(mode="after")
    def _may_listen(self) -> Self:
        if self.auth is AuthMode.OPEN and not is_loopback(self.host):
            raise ValueError(
                f"AUTH_MODE=open would let everyone who reaches HOST={self.host} move money; "
                "use AUTH_MODE=jwt or listen on 127.0.0.1"
            )
        if self.auth is AuthMode.JWT and not (self.jwt_secret or self.jwt_public_key):
            raise ValueError("AUTH_MODE=jwt needs JWT_SECRET or JWT_PUBLIC_KEY")
        if self.auth is AuthMode.OPEN and self.approval_limit is not None:
            raise ValueError(
                "APPROVAL_LIMIT needs AUTH_MODE=jwt: with AUTH_MODE=open everybody is one and the same person"
            )
        if self.jwt_secret and self.jwt_public_key:
            raise ValueError("set JWT_SECRET or JWT_PUBLIC_KEY, not both: a token must not choose its check")
        if self.jwt_secret and len(self.jwt_secret.get_secret_value().encode()) < SHORTEST_SECRET_BYTES:
            raise ValueError(f"JWT_SECRET is shorter than {SHORTEST_SECRET_BYTES} bytes")
        if self.auth is AuthMode.JWT and self.airteltigo_shared_key is None:
            raise ValueError(
                "AUTH_MODE=jwt needs AIRTELTIGO_SHARED_KEY, which verifies AirtelTigo's callbacks"
            )
        for secret in self._webhook_secrets:
            try:
                signing.key_of(secret)
            except ValueError as error:
                raise ValueError(f"WEBHOOK_SECRET: {error}") from None
        if self.database_url:
            _check_database_url(self.database_url.get_secret_value())
        return self

    @property
    def auth(self) -> AuthMode:
        """The mode in force."""
        return self.auth_mode or (AuthMode.OPEN if is_loopback(self.host) else AuthMode.JWT)

    @property
    def airteltigo_key(self) -> str:
        """What verifies AirtelTigo's callbacks; the sandbox's key is known to all, so it is for open only."""
        given = self.airteltigo_shared_key
        return SANDBOX_AIRTELTIGO_KEY if given is None else given.get_secret_value()

    @property
    def _webhook_secrets(self) -> list[str]:
        given = self.webhook_secret.get_secret_value() if self.webhook_secret else ""
        return [secret.strip() for secret in given.split(",") if secret.strip()]

    @property
    def webhook_keys(self) -> list[bytes]:
        """The keys that may have signed an incoming event."""
        return [signing.key_of(secret) for secret in self._webhook_secrets]

    @property
    def takes_unsigned(self) -> bool:
        """Whether events without a signature are taken."""
        return is_loopback(self.host) and not self._webhook_secrets

    @property
    def conninfo(self) -> str:
        """What psycopg connects with; empty means libpq's own PG* variables."""
        if self.database_url:
            return self.database_url.get_secret_value()
        return "" if os.environ.get("PGHOST") else "postgresql://payments_app@127.0.0.1:5432/payments"

    @property
    def bounded_conninfo(self) -> str:
        """`conninfo` with limits: no lock, statement or dead line keeps a request for long."""
        given = conninfo_to_dict(self.conninfo).get("options") or os.environ.get("PGOPTIONS") or ""
        wait_ms = int(self.database_timeout_s * 1000)
        limits = f"-c lock_timeout={wait_ms} -c statement_timeout={LONGEST_STATEMENT_MS}"
        return make_conninfo(self.conninfo, options=f"{given} {limits}".strip(), tcp_user_timeout=2 * wait_ms)

    @property
    def requests_per_s(self) -> float:
        """The rate limit in force, 0 for none."""
        if self.rate_limit_per_s is not None:
            return self.rate_limit_per_s
        return 0.0 if self.auth is AuthMode.OPEN else 200.0

    @property
    def hosts(self) -> frozenset[str]:
        """Names taken in a Host header, empty for any: a rebound name must not reach an open API."""
        named = frozenset(host.strip().lower() for host in self.allowed_hosts.split(",") if host.strip())
        if named:
            return frozenset() if "*" in named else named
        return _LOOPBACK_NAMES | {self.host.strip("[]")} if self.auth is AuthMode.OPEN else frozenset()

    @property
    def serves_docs(self) -> bool:
        """Whether the documentation pages are reachable."""
        return self.auth is AuthMode.OPEN if self.docs_enabled is None else self.docs_enabled


def _check_database_url(url: str) -> None:
    try:
        TypeAdapter(PostgresDsn).validate_python(url)
    except ValidationError:
        raise ValueError("DATABASE_URL is not a postgresql:// address") from None


def load() -> Settings:
    """Read the environment.

    Raises SettingsRefused with one line naming every setting that cannot be used.
    """
    try:
        return Settings()  # pyright: ignore[reportCallIssue] (pydantic-settings fills them)
    except ValidationError as refused:
        reasons = [
            _reason(str(error["loc"][0]) if error["loc"] else "", error["msg"]) for error in refused.errors()
        ]
        raise SettingsRefused("; ".join(reasons)) from None


def _reason(name: str, message: str) -> str:
    text = message.removeprefix("Value error, ")
    return f"{name.upper()}: {text[:1].lower()}{text[1:]}" if name else text
