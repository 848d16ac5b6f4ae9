"""The settings of the UI process, read from the environment and typed once.

It must not be read anywhere but where the process starts and where the pages are wired together.
"""

import ipaddress
import stat
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, HttpUrl, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

SHORTEST_SECRET_BYTES = 32
LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "::1")


class AuthMode(StrEnum):
    """Who may use the pages: whoever reaches them, or only those who bring a token."""

    OPEN = "open"
    JWT = "jwt"


class SignIn(StrEnum):
    """How people say who they are: not at all, as they please (on loopback), or by an OpenID provider."""

    NONE = "none"
    DEVELOPMENT = "development"
    OIDC = "oidc"


class LogLevel(StrEnum):
    """How much the process says."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Settings(BaseSettings):
    """Every setting of `payments-ui`; each name is the environment variable in lower case."""

    model_config = SettingsConfigDict(
        extra="ignore", frozen=True, env_ignore_empty=True, hide_input_in_errors=True
    )

    port: int = Field(default=3000, ge=1, le=65535, description="port to listen on")
    host: str = Field(default="127.0.0.1", description="address to listen on")
    payments_api_url: HttpUrl = Field(
        default=HttpUrl("http://127.0.0.1:3001"), description="where the payments API answers"
    )
    payments_api_token: SecretStr | None = Field(
        default=None, description="bearer token sent to the API (AUTH_MODE=jwt)"
    )
    auth_mode: AuthMode | None = Field(
        default=None, description="open or jwt; default: open on loopback, else jwt"
    )
    ui_sign_in: SignIn = Field(
        default=SignIn.NONE,
        description="none, development (on loopback, believes everybody) or oidc (an OpenID provider)",
    )
    jwt_secret: SecretStr | None = Field(
        default=None, description="the API's JWT_SECRET, to sign each person's token (UI_SIGN_IN)"
    )
    jwt_issuer: str = Field(default="payments", min_length=1, description="iss of those tokens")
    jwt_audience: str = Field(default="payments-api", min_length=1, description="aud of those tokens")
    oidc_issuer: HttpUrl | None = Field(
        default=None, description="the OpenID provider's issuer; its discovery document lies beneath it"
    )
    oidc_client_id: str = Field(default="", description="what the provider knows these pages by")
    oidc_client_secret: SecretStr | None = Field(default=None, description="what proves it to the provider")
    oidc_client_secret_file: Path | None = Field(
        default=None, description="a file of mode 600 that holds the client's secret instead"
    )
    oidc_person_claim: str = Field(
        default="sub", min_length=1, description="claim that names a person for good; email only if verified"
    )
    oidc_roles_claim: str = Field(
        default="roles", min_length=1, description="claim with viewer, operator, approver; realm_access.roles"
    )
    ui_public_url: HttpUrl | None = Field(
        default=None,
        description="where browsers see the pages, for the provider; default: localhost and PORT",
    )
    ui_allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="more names under which browsers may reach the pages, by commas"
    )
    ui_refresh_s: int = Field(default=2, ge=1, le=60, description="seconds between live refreshes")
    devtools_instance: str = Field(
        default="", description="name of this copy of the workspace, in the browser's title; devtools sets it"
    )
    devtools_socket: str = Field(
        default="",
        description="the supervisor's socket, for the workspace page in development; devtools sets it",
    )
    ui_reload: bool = Field(default=False, description="watch the source files (development only)")
    log_level: LogLevel = Field(default=LogLevel.INFO, description="debug, info, warning or error")

    @field_validator("ui_allowed_hosts", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(name.strip() for name in value.split(",") if name.strip())
        return value

    @field_validator("log_level", mode="before")
    @classmethod
    def _any_case(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @field_validator("payments_api_url")
    @classmethod
    def _no_path(cls, value: HttpUrl) -> HttpUrl:
        if value.query or value.fragment:
            raise ValueError("must be a base URL without a query or fragment")
        return value

    @field_validator("oidc_client_secret_file")
    @classmethod
    def _nobody_elses(cls, value: Path | None) -> Path | None:
        if value is None:
            return None
        try:
            mode = value.stat().st_mode
            if not stat.S_ISREG(mode) or stat.S_IMODE(mode) & 0o077:
                raise ValueError("must be a file that nobody else may read: chmod 600")
            value.read_text("utf-8")
        except OSError as error:
            raise ValueError(f"cannot be read: {error.strerror}") from None
        except UnicodeDecodeError:
            raise ValueError("does not hold text") from None
        return value

    @model_validator(mode="after")
    def _not_open_to_the_world(self) -> Self:
        if self.auth is AuthMode.OPEN and not is_loopback(self.host):
            raise ValueError(
                f"AUTH_MODE=open would show money to everyone who reaches HOST={self.host}; "
                "use AUTH_MODE=jwt or listen on 127.0.0.1"
            )
        if self.ui_sign_in is not SignIn.NONE:
            if len(self.signing_key.encode()) < SHORTEST_SECRET_BYTES:
                raise ValueError(
                    f"UI_SIGN_IN={self.ui_sign_in} needs JWT_SECRET, the API's, of 32 bytes or more"
                )
            if self.ui_sign_in is SignIn.DEVELOPMENT and not is_loopback(self.host):
                raise ValueError("UI_SIGN_IN=development believes everybody: it is for HOST=127.0.0.1 only")
        elif self.auth is AuthMode.JWT and self.payments_api_token is None:
            raise ValueError(
                "AUTH_MODE=jwt needs UI_SIGN_IN, or PAYMENTS_API_TOKEN, a bearer token for the API"
            )
        return self

    @model_validator(mode="after")
    def _can_ask_a_provider(self) -> Self:
        if self.ui_sign_in is not SignIn.OIDC:
            return self
        if self.oidc_issuer is None or not self.oidc_client_id or not self.client_secret:
            raise ValueError(
                "UI_SIGN_IN=oidc needs OIDC_ISSUER, OIDC_CLIENT_ID, and OIDC_CLIENT_SECRET or "
                "OIDC_CLIENT_SECRET_FILE"
            )
        for name, url in (("OIDC_ISSUER", self.oidc_issuer), ("UI_PUBLIC_URL", self.ui_public_url)):
            if url is not None and url.scheme != "https" and not is_loopback(url.host or ""):
                raise ValueError(f"{name} must be https: who listens on the way would sign in as anybody")
        return self

    @property
    def auth(self) -> AuthMode:
        """The mode in force."""
        return self.auth_mode or (AuthMode.OPEN if is_loopback(self.host) else AuthMode.JWT)

    @property
    def signing_key(self) -> str:
        """What signs the tokens of people, empty where nobody signs in."""
        return self.jwt_secret.get_secret_value() if self.jwt_secret else ""

    @property
    def client_secret(self) -> str:
        """What proves these pages to the OpenID provider, empty where there is none."""
        if self.oidc_client_secret_file is not None:
            return self.oidc_client_secret_file.read_text("utf-8").strip()
        return self.oidc_client_secret.get_secret_value() if self.oidc_client_secret else ""

    @property
    def issuer(self) -> str:
        """The OpenID provider's issuer without a slash at its end."""
        return str(self.oidc_issuer or "").rstrip("/")

    @property
    def public_url(self) -> str:
        """Where browsers see the pages, without a slash at its end."""
        return str(self.ui_public_url or f"http://localhost:{self.port}").rstrip("/")

    @property
    def supervisor_socket(self) -> str:
        """The socket of the workspace page; empty where anybody but this machine's developer may come.

        Behind a token or an OpenID provider stand people, and a name that is allowed besides our own is how
        they get here.
        """
        is_own = is_loopback(self.host) and set(self.allowed_hosts) <= {*LOOPBACK_HOSTS, self.host}
        is_developing = self.ui_sign_in is SignIn.DEVELOPMENT or (
            self.ui_sign_in is SignIn.NONE and self.auth is AuthMode.OPEN
        )
        return self.devtools_socket if is_own and is_developing else ""

    @property
    def api_url(self) -> str:
        """The API's base URL without a slash at its end."""
        return str(self.payments_api_url).rstrip("/")

    @property
    def allowed_hosts(self) -> tuple[str, ...]:
        """Names that a Host header may carry; a foreign name is how DNS rebinding gets in."""
        own = () if self.host in {"0.0.0.0", "::"} else (self.host,)  # noqa: S104 - compared, not bound
        public = (self.ui_public_url.host,) if self.ui_public_url and self.ui_public_url.host else ()
        return tuple(dict.fromkeys((*LOOPBACK_HOSTS, *own, *public, *self.ui_allowed_hosts)))


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can reach a listener on `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def complaint(error: ValidationError) -> str:
    """Say in one line which settings are wrong and why, without echoing a value."""
    wrongs: list[str] = []
    for wrong in error.errors(include_url=False, include_input=False):
        name = str(wrong["loc"][0]).upper() if wrong["loc"] else ""
        reason = wrong["msg"].removeprefix("Value error, ")
        wrongs.append(f"{name}: {reason}" if name else reason)
    return "; ".join(wrongs)
