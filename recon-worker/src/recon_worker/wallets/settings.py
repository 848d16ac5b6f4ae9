"""What the wallets may be told by the environment: providers, credentials, limits, rhythms.

Must not connect anywhere, and its secrets must not be printed.
"""

from __future__ import annotations

from typing import Literal, Self

from payments_schema.wallets.lifecycle import Limits
from payments_schema.wire.wallets import WalletProvider
from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from recon_worker.wallets.retries import Policy


class WalletSettings(BaseSettings):
    """Defaults speak to the workspace's provider simulator, with its sandbox credentials."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True, env_ignore_empty=True)

    wallet_providers_url: str = "http://127.0.0.1:3002"
    mtn_url: str = ""
    telecel_url: str = ""
    airteltigo_url: str = ""
    payments_api_url: str = ""
    mtn_api_user: str = "sandbox-user"
    mtn_api_key: SecretStr = SecretStr("sandbox-key")
    mtn_subscription_key: SecretStr = SecretStr("sandbox-subscription")
    mtn_target_environment: str = "sandbox"
    telecel_api_key: SecretStr = SecretStr("sandbox-telecel-key")
    airteltigo_client: str = "sandbox-client"
    airteltigo_shared_key: SecretStr = SecretStr("sandbox-airteltigo-secret")
    wallet_timeout_s: int = Field(default=300, ge=1, le=86_400)
    wallet_review_timeout_s: int = Field(default=86_400, ge=1, le=604_800)
    wallet_late_rule: Literal["refund", "credit"] = "refund"
    wallet_in_flight: int = Field(default=2000, ge=1, le=10_000)
    wallet_sweep_s: float = Field(default=2.0, ge=0.2, le=600)
    wallet_balance_s: float = Field(default=30.0, ge=1, le=86_400)
    wallet_statement_s: float = Field(default=600.0, ge=5, le=86_400)
    wallet_connect_s: float = Field(default=3.0, gt=0, le=60)
    wallet_read_s: float = Field(default=10.0, gt=0, le=40)
    wallet_lease_s: float = Field(default=60.0, gt=0, le=3600)
    wallet_poll_ms: int = Field(default=500, ge=10, le=60_000)

    @model_validator(mode="after")
    def _lease_outlasts_talk(self) -> Self:
        if self.wallet_lease_s < self.talk_s + 1:
            raise ValueError(f"WALLET_LEASE_S must be at least {self.talk_s + 1:g} with these timeouts")
        return self

    @property
    def talk_s(self) -> float:
        """The longest that one conversation can take: a token, a submission and a question."""
        return 3 * (self.wallet_connect_s + self.wallet_read_s)

    def url_of(self, provider: WalletProvider) -> str:
        """Where a provider's API is."""
        own = {"mtn": self.mtn_url, "telecel": self.telecel_url, "airteltigo": self.airteltigo_url}
        return own[provider] or f"{self.wallet_providers_url.rstrip('/')}/{provider}"

    def callback_of(self, provider: WalletProvider) -> str | None:
        """Where a provider may tell us that something happened."""
        if not self.payments_api_url:
            return None
        return f"{self.payments_api_url.rstrip('/')}/api/v1/webhooks/wallets/{provider}"

    def limits(self) -> Limits:
        return Limits(
            timeout_s=self.wallet_timeout_s,
            review_timeout_s=self.wallet_review_timeout_s,
            late_rule=self.wallet_late_rule,
        )

    def policy(self) -> Policy:
        return Policy(poll_ms=self.wallet_poll_ms)
