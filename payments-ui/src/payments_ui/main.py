"""`payments-ui`: read the settings, then become the Streamlit server.

It must not show anything of payments, and must not start where a setting is wrong.
"""

import argparse
import contextlib
import gc
import importlib
import signal
import socket
import sys
import threading
from collections.abc import Sequence
from typing import NoReturn

from pydantic import ValidationError

from payments_ui.settings import Settings, complaint

# What the first page of a process would import while somebody waits for it.
NEEDED_BY_PAGES = ("payments_ui.app", "httpcore", "numpy", "PIL.Image")


def main(arguments: Sequence[str] | None = None) -> None:
    """Start the pages and serve until a signal ends the process."""
    _parser().parse_args(arguments)
    try:
        settings = Settings()
    except ValidationError as error:
        _give_up(complaint(error), "`payments-ui --help` lists the settings", status=2)
    _refuse_a_taken_port(settings)

    # Streamlit costs a second to import: a wrong setting is told before that.
    from payments_ui.resting import let_streamlit_rest
    from payments_ui.server import READINESS_PATH, build_app, streamlit_options

    let_streamlit_rest()
    url = f"http://{_bracketed(settings.host)}:{settings.port}"
    print(f"payments-ui: {url} (ready: {READINESS_PATH}), API at {settings.api_url}", file=sys.stderr)  # noqa: T201 - the program's one line
    # uvicorn stops in order and then raises the signal again: asked to stop is not failed.
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(0))
    signal.signal(signal.SIGINT, lambda _number, _frame: sys.exit(130))
    threading.Thread(target=_warm, name="warm", daemon=True).start()
    build_app(settings).run(config=streamlit_options(settings))


def _warm() -> None:
    """Import what pages need; one that is not there is the page's to complain about.

    Streamlit looks for garbage after every run of a page, among all that there is: what stays for as long as
    the process is taken out of that, or it costs ten times what the page did (docs/adr/0020).
    """
    for name in NEEDED_BY_PAGES:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    gc.collect()
    gc.freeze()


def _parser() -> argparse.ArgumentParser:
    width = max(len(name) for name in Settings.model_fields)
    lines: list[str] = []
    for name, field in Settings.model_fields.items():
        default = "" if field.default in (None, ()) else f" (default: {field.default})"
        lines.append(f"  {name.upper():<{width}}  {field.description}{default}")
    return argparse.ArgumentParser(
        prog="payments-ui",
        description="The operators' pages of the payments platform.",
        epilog="environment:\n" + "\n".join(lines),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def _refuse_a_taken_port(settings: Settings) -> None:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            reason = error.strerror or str(error)
            _give_up(
                f"cannot listen on {settings.host}:{settings.port}: {reason}", "set PORT or HOST", status=1
            )


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _give_up(what: str, hint: str, *, status: int) -> NoReturn:
    print(f"payments-ui: {what} (hint: {hint})", file=sys.stderr)  # noqa: T201 - the program's one line
    raise SystemExit(status)
