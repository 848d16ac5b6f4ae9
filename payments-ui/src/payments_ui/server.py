"""The ASGI application around Streamlit, and the options that Streamlit runs with.

It must not decide what a page shows, and must not read the environment.
"""

import base64
import hashlib
import logging
import re
import secrets
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from importlib.resources import files
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware
from streamlit.starlette import App

from payments_ui import export, first_look, frontend, openid, sign_in
from payments_ui.middleware import ClosedDoors, HostGuard, SecurityHeaders
from payments_ui.settings import Settings, SignIn

READINESS_PATH = "/_stcore/health"

logger = logging.getLogger(__name__)


def build_app(settings: Settings) -> App:
    """Put the guard and the security headers in front of the pages."""
    pages = frontend.indexes(is_server_known=settings.ui_sign_in is not SignIn.OIDC)
    return App(
        Path(__file__).parent / "entry" / "script.py",
        routes=[*export.routes(settings), *sign_in.routes(settings)],
        middleware=[
            Middleware(SecurityHeaders, inline_script_hashes=_inline_script_hashes(pages.values())),
            Middleware(HostGuard, allowed_hosts=settings.allowed_hosts),
            Middleware(ClosedDoors),
            Middleware(frontend.Frontend, pages=pages, looks=first_look.looks(settings)),
        ],
        secrets=openid.secrets_of(settings),
        on_script_error=_say_calmly,
    )


def _say_calmly(error: Exception) -> bool:
    """Show a reference instead of a traceback; the log keeps the whole story under it."""
    reference = secrets.token_hex(4)
    logger.error("page failed, reference %s", reference, exc_info=error)
    st.error(
        f"This page stumbled over something it did not expect (reference `{reference}`). "
        "No payment was changed by showing it. Reload the page; if it happens again, "
        "look for the reference in the log of payments-ui.",
        icon=":material/error:",
    )
    return True


def streamlit_options(settings: Settings) -> dict[str, object]:
    """Every option of Streamlit that we set: the packaged config.toml, then what the settings say.

    They go to `App.run` and so win over a config.toml of the user's and over STREAMLIT_… variables:
    a machine's habits must not open what we close. As a list `server.allowedHosts` works; as a JSON
    string on a command line it refused every host (research, §0 fact 3).
    """
    packaged = tomllib.loads(files("payments_ui").joinpath("config.toml").read_text("utf-8"))
    return {
        **dict(_dotted(packaged)),
        "server.port": settings.port,
        # Named, so that Streamlit does not ask the network for an address of its own.
        "browser.serverAddress": "localhost",
        "browser.serverPort": settings.port,
        "server.address": settings.host,
        "server.allowedHosts": list(settings.allowed_hosts),
        "server.fileWatcherType": "auto" if settings.ui_reload else "none",
        "server.runOnSave": settings.ui_reload,
        # A secrets.toml or a header of somebody's proxy must not say who signs in, or at which provider.
        "secrets.files": [],
        "server.trustedUserHeaders": {},
        "logger.level": settings.log_level.value,
    }


def _dotted(table: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _dotted(value, f"{prefix}{key}.")  # pyright: ignore[reportUnknownArgumentType] - TOML tables have string keys
        else:
            yield f"{prefix}{key}", value


def _inline_script_hashes(pages: Iterable[str]) -> tuple[str, ...]:
    """Return the CSP hashes of the inline scripts in the pages as they go out.

    Computed, so that an update of Streamlit does not need an update here. The page that Streamlit itself
    sends for any other address has no more scripts than these.
    """
    scripts = {
        script for page in pages for script in re.findall(r"<script>(.*?)</script>", page, flags=re.DOTALL)
    }
    digests = (hashlib.sha256(script.encode()).digest() for script in sorted(scripts))
    return tuple(f"sha256-{base64.b64encode(digest).decode()}" for digest in digests)
