"""What the environment may say, and how a bad value is answered."""

import pytest

from payments_api.settings import AuthMode, Settings, SettingsRefused, load


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.delenv("PGHOST", raising=False)


def test_defaults_listen_openly_on_loopback() -> None:
    settings = load()
    assert (settings.host, settings.port, settings.auth) == ("127.0.0.1", 3001, AuthMode.OPEN)
    assert settings.conninfo == "postgresql://payments_app@127.0.0.1:5432/payments"
    assert settings.requests_per_s == 0
    assert settings.hosts == {"localhost", "127.0.0.1", "::1"}


def test_libpq_variables_are_left_to_libpq(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGHOST", "db.internal")
    assert load().conninfo == ""


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"PORT": "many"}, "PORT"),
        ({"PORT": "70000"}, "PORT"),
        ({"AUTH_MODE": "maybe"}, "AUTH_MODE"),
        ({"LOG_LEVEL": "loud"}, "LOG_LEVEL"),
        ({"DATABASE_URL": "mysql://root:hunter2@db/x"}, "DATABASE_URL"),
        ({"AUTH_MODE": "open", "HOST": "0.0.0.0"}, "AUTH_MODE=open"),
        ({"HOST": "0.0.0.0"}, "JWT_SECRET"),
        ({"AUTH_MODE": "jwt"}, "JWT_SECRET"),
        ({"AUTH_MODE": "jwt", "JWT_SECRET": "hunter2"}, "shorter than 32"),
        ({"AUTH_MODE": "jwt", "JWT_SECRET": "x" * 32, "JWT_PUBLIC_KEY": "y"}, "not both"),
        ({"AUTH_MODE": "jwt", "JWT_SECRET": "x" * 32}, "AIRTELTIGO_SHARED_KEY"),
    ],
)
def test_a_bad_value_is_one_line_without_the_value(
    environment: dict[str, str], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsRefused) as refused:
        load()
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_every_bad_value_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "many")
    monkeypatch.setenv("LOG_LEVEL", "loud")
    with pytest.raises(SettingsRefused, match=r"PORT.*LOG_LEVEL"):
        load()


def test_secrets_do_not_print(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://app:hunter2@db/payments")
    monkeypatch.setenv("JWT_SECRET", "hunter2" * 5)
    assert "hunter2" not in repr(load())


def test_an_open_api_beyond_loopback_takes_only_its_own_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLOWED_HOSTS", "api.internal, Other")
    assert load().hosts == {"api.internal", "other"}
    monkeypatch.setenv("ALLOWED_HOSTS", "*")
    assert load().hosts == set()
