"""Logs: trace ids from messages, and no details of Postgres errors."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from recon_worker.queue.messages import MalformedMessage
from recon_worker.reconciliation.actors import describe, job_ids_of
from recon_worker.telemetry import configure_logs, trace_of

TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.mark.parametrize(
    ("traceparent", "expected"),
    [
        (f"00-{TRACE}-b7ad6b7169203331-01", {"trace_id": TRACE, "parent_id": "b7ad6b7169203331"}),
        (f"00-{'0' * 32}-b7ad6b7169203331-01", {}),
        (f"00-{TRACE.upper()}-b7ad6b7169203331-01", {}),
        ("00-xyz", {}),
        (None, {}),
        (17, {}),
    ],
)
def test_the_trace_of_a_message(traceparent: object, expected: dict[str, str]) -> None:
    assert trace_of({"traceparent": traceparent}) == expected


@pytest.fixture
def logs() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    configure_logs("INFO")
    yield
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


@pytest.mark.usefixtures("logs")
def test_lines_are_json_without_details(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("INFO")
    secret = "-".join(["ACC", "SECRET"])
    structlog.get_logger("x").warning(
        "refused", error=f"duplicate key\nDETAIL:  Key (account)=({secret}) exists."
    )
    try:
        raise ValueError(f"boom\nDETAIL:  {secret}")
    except ValueError:
        logging.getLogger("dramatiq.worker").exception("failed %s", "message")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["event"] for line in lines] == ["refused", "failed message"]
    assert secret not in json.dumps(lines)
    assert "ValueError: boom" in lines[1]["exception"]


@pytest.mark.usefixtures("logs")
def test_addresses_of_receivers_are_not_logged(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("DEBUG")
    logging.getLogger("httpx").info("HTTP Request: POST https://example.org/hook?token=1")
    assert capsys.readouterr().err == ""


def test_only_the_first_line_of_an_error_is_told() -> None:
    assert describe(ValueError("first\nDETAIL: second")) == "ValueError: first"


@pytest.mark.parametrize("argument", [None, 5, "1", [], [0], [-1], [True], ["1"], [1.0], [2**63], {"1": 1}])
def test_job_ids_that_are_none(argument: object) -> None:
    with pytest.raises(MalformedMessage):
        job_ids_of(argument)


def test_job_ids() -> None:
    assert job_ids_of([1, 2**63 - 1]) == [1, 2**63 - 1]
