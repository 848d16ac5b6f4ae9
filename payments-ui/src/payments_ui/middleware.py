"""What every answer of the UI process carries, and which requests it does not take at all.

It must not know pages, sessions or payments: only names of hosts and headers.
"""

from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Streamlit writes styles at run time and compiles chart specifications, hence the two 'unsafe' words;
# the one inline script of its index page is named by its hash. Everything else is this origin only.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-eval' {inline_scripts}",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)


class SecurityHeaders:
    """Adds the headers that keep other pages, frames and content sniffers out."""

    def __init__(self, app: ASGIApp, inline_script_hashes: Iterable[str]) -> None:
        self._app = app
        hashes = " ".join(f"'{digest}'" for digest in inline_script_hashes)
        self._headers = {
            "Content-Security-Policy": CONTENT_SECURITY_POLICY.format(inline_scripts=hashes),
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            "Referrer-Policy": "same-origin",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=()",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and dress its answer."""

        async def send_dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    # What an address of ours has set itself is stricter.
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_dressed)


# Doors of Streamlit that these pages never use: files sent in, and figures told to anyone who asks.
CLOSED_PATHS = ("/_stcore/upload_file", "/_stcore/metrics", "/_stcore/agent")


class ClosedDoors:
    """Answers 404 where Streamlit would take uploads or tell its own figures."""

    def __init__(self, app: ASGIApp, paths: Iterable[str] = CLOSED_PATHS) -> None:
        self._app = app
        self._paths = tuple(paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what is not closed."""
        if scope["type"] == "http" and scope["path"].startswith(self._paths):
            await PlainTextResponse("Not found\n", status_code=404)(scope, receive, send)
        else:
            await self._app(scope, receive, send)


class HostGuard:
    """Refuses a request or WebSocket whose Host is not ours: the door of DNS rebinding."""

    def __init__(self, app: ASGIApp, allowed_hosts: Iterable[str]) -> None:
        self._app = app
        self._allowed = frozenset(host.lower().strip("[]") for host in allowed_hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what names one of our hosts, refuse the rest with 403."""
        if scope["type"] not in {"http", "websocket"} or self._is_ours(Headers(scope=scope).get("host")):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            # Closing before accepting is how ASGI says 403 to a handshake.
            await send({"type": "websocket.close", "code": 1008, "reason": "foreign Host"})
        else:
            refusal = PlainTextResponse(
                "This host name is not one of ours; add it to UI_ALLOWED_HOSTS.\n", status_code=403
            )
            await refusal(scope, receive, send)

    def _is_ours(self, host: str | None) -> bool:
        if not host:
            return False
        try:
            named = urlsplit(f"//{host}")
            name, _ = named.hostname, named.port
        except ValueError:
            return False
        return name is not None and name.rstrip(".") in self._allowed and "@" not in host
