"""Streamlit's own page and scripts as fast as they can be had: from memory, and all asked for at once.

It must not change what they are: the page gets lines in its head, the files go out byte for byte. Why, with
the figures: docs/adr/0020.
"""

import re
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from http import HTTPStatus
from pathlib import Path

import streamlit as st
from markupsafe import Markup
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from payments_ui import first_look, state
from payments_ui.first_look import Look

INSTALLED = Path(st.__file__).parent / "static"
# Where Streamlit builds its page; a first look follows it.
ROOT = '<div id="root"></div>'
CACHED_FOR_S = 31_536_000
KINDS = {".js": "text/javascript", ".css": "text/css", ".woff2": "font/woff2"}

# Tells Streamlit's script where its server is, so that it connects without asking two addresses first.
# This is its own setting for hosts; a version that does not know it asks as it always did.
KNOWN_SERVER = (
    "window.__streamlit={BACKEND_BASE_URL:location.origin,"
    "HOST_CONFIG:{allowedOrigins:[location.origin],useExternalAuthToken:false}}"
)
# Streamlit's script asks for the piece of an element when the first one comes, and the page waits meanwhile.
EVERYWHERE = ("Html", "Button")
PIECES: dict[str, tuple[str, ...]] = {
    "": (),
    state.OVERVIEW_PATH: ("Checkbox", "Metric"),
    state.PAYMENTS_PATH: ("Checkbox", "Selectbox", "TextInput"),
    state.PAYMENT_PATH: ("DownloadButton",),
    state.CREATE_PATH: ("TextInput", "Selectbox"),
    state.ACCOUNT_PATH: ("TextInput", "Selectbox"),
    state.JOBS_PATH: ("Checkbox", "Selectbox"),
    state.APPROVALS_PATH: ("Checkbox", "Selectbox"),
    state.DIFFERENCES_PATH: ("Checkbox",),
    state.LEDGER_PATH: (),
    state.INVOICES_PATH: ("Selectbox", "TextInput"),
    state.EVENTS_PATH: ("Selectbox",),
    state.WALLETS_PATH: ("Selectbox",),
    state.WALLET_RULES_PATH: ("Selectbox", "TextArea"),
    state.STATEMENTS_PATH: ("Selectbox", "TextArea"),
    state.WORKSPACE_PATH: ("Checkbox", "Selectbox", "TextInput"),
}

_IMPORTED = re.compile(r"(?:from|import)\s*[\"'`]\./([\w.~-]+\.js)[\"'`]")
_MAIN = re.compile(r'<script type="module" crossorigin src="([^"]+)"></script>')
_STYLES = re.compile(r'<link rel="stylesheet"[^>]*>')
_LISTED = re.compile(r"[\"']\./static/js/([\w.~-]+\.js)[\"']")


def indexes(*, is_server_known: bool, installed: Path = INSTALLED) -> dict[str, str]:
    """Streamlit's page by the address of each of ours; its head names what that page's first elements need.

    is_server_known: connect at once. Not with OIDC: there the first question brings the cookie without which
    the connection is nobody's.
    """
    text = (installed / "index.html").read_text("utf-8")
    script = f"<script>{KNOWN_SERVER}</script>" if is_server_known else ""
    started = text.replace("<script", f"{script}<script", 1)
    listed = set(_LISTED.findall(text))
    pages: dict[str, str] = {}
    for path, pieces in PIECES.items():
        names = _with_imports((*EVERYWHERE, *pieces), installed / "static" / "js", listed)
        link = Markup('<link rel="modulepreload" crossorigin href="./static/js/{}">')
        links = Markup("").join(link.format(name) for name in names)
        page = started.replace("</head>", f"{links}</head>", 1)
        pages[f"/{path}"] = _started_later(page) if path in first_look.PATHS else page
    return pages


def _started_later(page: str) -> str:
    """Have our script begin Streamlit's, which is only fetched before; where there is none, nothing changes.

    Styles come after it: a browser paints nothing before those that it met.
    """
    fetched, found = _MAIN.subn(r'<link rel="modulepreload" crossorigin id="streamlit" href="\1">', page)
    if found != 1:
        return page
    styles = "".join(_STYLES.findall(fetched))
    return _STYLES.sub("", fetched).replace(ROOT, f"{ROOT}<script>{first_look.SCRIPT}</script>{styles}", 1)


def _with_imports(pieces: Iterable[str], folder: Path, listed: Iterable[str]) -> Iterator[str]:
    """Yield the files of these pieces and what they import, each once; a piece that is not there has none.

    listed: files that the page names already, with all that they import.
    """
    waiting = [path.name for piece in pieces for path in sorted(folder.glob(f"{piece}.*.js"))]
    seen = set(listed)
    while waiting:
        name = waiting.pop(0)
        if name not in seen and (folder / name).is_file():
            seen.add(name)
            yield name
            waiting += _IMPORTED.findall((folder / name).read_text("utf-8"))


class Frontend:
    """Answers for our pages and for the scripts, styles and fonts of Streamlit; passes the rest on."""

    def __init__(
        self,
        app: ASGIApp,
        pages: Mapping[str, str],
        looks: Mapping[str, Look] | None = None,
        installed: Path = INSTALLED,
    ) -> None:
        """pages: what `indexes` gave. looks: what some of them show before their scripts run."""
        self._app = app
        self._pages = {path: text.encode() for path, text in pages.items()}
        self._looks = dict(looks or {})
        # Only what was there at the start is ever read: a path from outside is a key here, not a file's name.
        self._known = {
            f"/static/{path.relative_to(installed / 'static').as_posix()}": path
            for path in (installed / "static").rglob("*")
            if path.suffix in KINDS and path.is_file()
        }
        self._kept: dict[str, bytes] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a plain GET of what is known."""
        answer = self._answer(scope) if scope["type"] == "http" and scope["method"] == "GET" else None
        await (answer or self._app)(scope, receive, send)

    def _answer(self, scope: Scope) -> Response | None:
        path = scope["path"]
        if path in self._looks:
            # What it shows is for whoever asked, and of now.
            kept = {"Cache-Control": "no-store"}
            return StreamingResponse(self._with_look(Request(scope)), HTTPStatus.OK, kept, "text/html")
        if path in self._pages:
            return Response(self._pages[path], HTTPStatus.OK, {"Cache-Control": "no-cache"}, "text/html")
        if path not in self._known or "range" in Headers(scope=scope):
            return None
        if path not in self._kept:
            self._kept[path] = self._known[path].read_bytes()
        kept = {"Cache-Control": f"public, immutable, max-age={CACHED_FOR_S}"}
        return Response(self._kept[path], HTTPStatus.OK, kept, KINDS[self._known[path].suffix])

    async def _with_look(self, request: Request) -> AsyncIterator[bytes]:
        """Yield the page in two pieces: the browser fetches its scripts while the API is asked."""
        before, root, after = self._pages[request.url.path].partition(ROOT.encode())
        yield before + root
        yield (await self._looks[request.url.path](request)).encode() + after
