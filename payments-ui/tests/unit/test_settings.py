"""A wrong setting is one line and exit 2; an open door to the world is refused."""

import socket

import pytest
from pydantic import ValidationError

from payments_ui.main import main
from payments_ui.server import streamlit_options
from payments_ui.settings import Settings, complaint


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("PORT", "abc", "PORT: "),
        ("PORT", "70000", "PORT: "),
        ("PAYMENTS_API_URL", "not a url", "PAYMENTS_API_URL: "),
        ("AUTH_MODE", "maybe", "AUTH_MODE: "),
        ("UI_REFRESH_S", "0", "UI_REFRESH_S: "),
    ],
)
def test_a_bad_setting_is_one_line_and_exit_2(
    name: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as ended:
        main([])
    error = capsys.readouterr().err
    assert ended.value.code == 2
    assert error.count("\n") == 1
    assert error.startswith(f"payments-ui: {said}")
    assert value not in error


def test_listening_beyond_loopback_needs_more_than_open() -> None:
    with pytest.raises(ValidationError) as refused:
        Settings(host="0.0.0.0", auth_mode="open")
    assert "AUTH_MODE=open" in complaint(refused.value)
    with pytest.raises(ValidationError) as refused:
        Settings(host="0.0.0.0")
    assert "PAYMENTS_API_TOKEN" in complaint(refused.value)
    assert Settings(host="0.0.0.0", payments_api_token="t").host == "0.0.0.0"


def test_a_taken_port_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        monkeypatch.setenv("PORT", str(port))
        with pytest.raises(SystemExit) as ended:
            main([])
    assert ended.value.code == 1
    assert f"127.0.0.1:{port}" in capsys.readouterr().err


def test_streamlit_runs_closed() -> None:
    options = streamlit_options(Settings())
    assert options["server.address"] == "127.0.0.1"
    assert options["server.allowedHosts"] == ["localhost", "127.0.0.1", "::1"]
    assert options["client.showErrorDetails"] == "none"
    assert options["browser.gatherUsageStats"] is False
    assert options["server.fileWatcherType"] == "none"
    assert options["server.headless"] is True
    assert options["theme.dark.backgroundColor"]


def test_more_hosts_are_allowed_by_name_only() -> None:
    settings = Settings(ui_allowed_hosts="pages.example, other.example")
    assert settings.allowed_hosts[-2:] == ("pages.example", "other.example")
