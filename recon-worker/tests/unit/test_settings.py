"""Settings: one clear line for a wrong one, and no secret in it."""

from __future__ import annotations

import pytest

from recon_worker import settings

URL = "postgresql://app:hunter2@127.0.0.1:5432/payments"


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PGHOST", "BROKER_URL", "WORKER_HEALTH_PORT", "LOG_LEVEL", "HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DATABASE_URL", URL)


def test_defaults() -> None:
    loaded = settings.load()
    assert (loaded.worker_threads, loaded.queue_heartbeat_s, loaded.queue_lease_s) == (32, 2, 10)
    assert loaded.worker_health_port is None


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("WORKER_THREADS", "many", "WORKER_THREADS: Input should be a valid integer"),
        ("WORKER_THREADS", "0", "WORKER_THREADS: Input should be greater than or equal to 1"),
        ("WORKER_HEALTH_PORT", "70000", "WORKER_HEALTH_PORT: Input should be less than or equal to 65535"),
        ("LOG_LEVEL", "loud", "LOG_LEVEL: Input should be 'DEBUG', 'INFO', 'WARNING' or 'ERROR'"),
        ("BROKER_URL", "redis://x", "BROKER_URL: must begin with amqp:// or amqps://"),
        ("DATABASE_URL", "not a url with hunter2", "DATABASE_URL: not a Postgres URL"),
        ("DATABASE_URL", "", "DATABASE_URL is not set, nor PGHOST"),
        ("QUEUE_LEASE_S", "3", "QUEUE_LEASE_S must be at least two QUEUE_HEARTBEAT_S"),
    ],
)
def test_a_wrong_setting_is_one_line_without_secrets(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(settings.InvalidSettings) as refused:
        settings.load()
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_libpq_variables_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL")
    monkeypatch.setenv("PGHOST", "127.0.0.1")
    assert settings.load().database_url == ""


def test_levels_may_be_written_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOG_LEVEL", "debug")
    assert settings.load().log_level == "DEBUG"
