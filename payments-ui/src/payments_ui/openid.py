"""Streamlit's sign-in by an OpenID provider: what it is set up with, and what its cookie holds.

It must not decide who somebody is or what he may do, and hands no secret to a page.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import cast
from urllib.parse import urlsplit

from streamlit.auth_util import get_cookie_with_chunks
from streamlit.runtime.secrets import SecretsValue
from streamlit.web.server.starlette.starlette_app_utils import decode_signed_value
from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME

from payments_ui.settings import Settings, SignIn

CALLBACK = "oauth2callback"
DISCOVERY = ".well-known/openid-configuration"
CLOCKS_DIFFER_BY = timedelta(minutes=1)


def cookie_secret(settings: Settings) -> str:
    """What signs Streamlit's cookies: made of the key that all processes share, and good for nothing else."""
    return hmac.new(settings.signing_key.encode(), b"payments-ui cookies", hashlib.sha256).hexdigest()


def secrets_of(settings: Settings) -> dict[str, SecretsValue] | None:
    """What Streamlit otherwise reads in a secrets.toml; None where no provider is asked."""
    if settings.ui_sign_in is not SignIn.OIDC:
        return None
    return {
        "auth": {
            "redirect_uri": f"{settings.public_url}/{CALLBACK}",
            "cookie_secret": cookie_secret(settings),
            "client_id": settings.oidc_client_id,
            "client_secret": settings.client_secret,
            "server_metadata_url": f"{settings.issuer}/{DISCOVERY}",
        }
    }


def of_cookies(cookies: Mapping[str, str], settings: Settings) -> dict[str, object]:
    """What the provider said when this browser signed in; nothing where the cookie is not one of ours."""
    secret = cookie_secret(settings)

    def one(name: str) -> bytes | None:
        return decode_signed_value(secret, name, cookies.get(name, ""))

    kept = get_cookie_with_chunks(one, USER_COOKIE_NAME)
    try:
        told: object = json.loads(kept or b"{}")
    except ValueError:
        return {}
    said = cast("dict[str, object]", told) if isinstance(told, dict) else {}
    is_ours = said.get("origin") == _origin(settings.public_url) and said.get("is_logged_in") is True
    return said if is_ours else {}


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def is_fresh(told: Mapping[str, object], issuer: str, now: datetime, lasts: timedelta) -> bool:
    """Tell whether this provider said so, and not too long ago: Streamlit's cookie lives for a month."""
    said_by, said_at = told.get("iss"), told.get("iat")
    if not isinstance(said_by, str) or said_by.rstrip("/") != issuer:
        return False
    if not isinstance(said_at, int) or isinstance(said_at, bool):
        return False
    age = now.timestamp() - said_at
    return -CLOCKS_DIFFER_BY.total_seconds() <= age <= lasts.total_seconds()


def claim(told: Mapping[str, object], name: str) -> object:
    """A claim by its name, or by the names on the way to it: `realm_access.roles`."""
    if name in told:
        return told[name]
    found: object = told
    for part in name.split("."):
        found = cast("dict[str, object]", found).get(part) if isinstance(found, Mapping) else None
    return found
