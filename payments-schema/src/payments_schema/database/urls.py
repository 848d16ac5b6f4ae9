"""Database URLs taken apart and put together. Must not connect."""

from __future__ import annotations

from urllib.parse import quote, urlsplit, urlunsplit


def url_of(server_url: str, database: str, role: str | None = None) -> str:
    """The URL of another database of the same server, acting as `role` from the first statement on."""
    parts = urlsplit(server_url)
    options = [piece for piece in parts.query.split("&") if piece and not piece.startswith("options=")]
    if role is not None:
        options.append("options=" + quote(f"-c role={role}"))
    return urlunsplit(parts._replace(path=f"/{database}", query="&".join(options)))
