"""Writes one JSON object a line to standard output, so that no text of a client can forge a second line.

Must not write a body, a query string, a header's value, an account, an amount or an exception's message.
"""

from __future__ import annotations

import logging
import sys
import traceback
from typing import Any, TextIO

import structlog
from structlog.typing import FilteringBoundLogger

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}

log: FilteringBoundLogger = structlog.get_logger("payments-api")


def configure(level: str, stream: TextIO | None = None) -> None:
    """Set structlog and the standard library's root logger to JSON lines of at least `level`."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
            structlog.processors.EventRenamer("message"),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(stream or sys.stdout),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers = [_Forward()]
    root.setLevel(max(_LEVELS[level], logging.INFO))


class _Forward(logging.Handler):
    """Libraries log through the standard library; their lines become ours, without exception texts."""

    def emit(self, record: logging.LogRecord) -> None:
        fault = describe_exception(record.exc_info[1]) if record.exc_info and record.exc_info[1] else {}
        level = min(max(record.levelno, logging.DEBUG), logging.ERROR)
        log.log(level, record.getMessage(), logger=record.name, **fault)


def describe_exception(error: BaseException) -> dict[str, Any]:
    """Give the type, SQLSTATE and places of `error`; its message may hold a client's data and stays out."""
    frames = traceback.extract_tb(error.__traceback__)[-6:]
    return {
        "exception": type(error).__name__,
        "sqlstate": getattr(error, "sqlstate", None),
        "frames": [f"{frame.name}:{frame.lineno}" for frame in frames],
    }
