"""What a page shows before Streamlit's scripts have run: a list's rows, or what one payment is.

They are written into the page itself and make way when Streamlit shows the same. It must not do more than
show: nothing can be pressed but links. Why, with the figures: docs/adr/0020.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from functools import cache, partial
from importlib.resources import files
from typing import TypeAlias

from markupsafe import Markup
from starlette.requests import Request

from payments_ui import identity, state
from payments_ui.api_client import ApiClient, ApiError, HttpApiClient
from payments_ui.settings import Settings, SignIn

# Streamlit's scripts, which do not need these rows, wait no longer than this for them.
PATIENCE_S = 0.5
ZONE_COOKIE = "payments_zone"
SCRIPT = files("payments_ui").joinpath("first_look.js").read_text("utf-8")
"""Starts Streamlit's script once the first look is painted, and takes the look away in time."""
PATHS = (state.PAYMENTS_PATH, state.PAYMENT_PATH)

Look: TypeAlias = Callable[[Request], Awaitable[str]]
"""Answers a request with the markup of a page's first look; with nothing where there is none."""

_DRAWN = Markup('<div id="first-look">{style}<main>{shown}</main></div>')

logger = logging.getLogger(__name__)


def looks(settings: Settings) -> dict[str, Look]:
    """The first looks by the addresses of their pages; each as whoever asks may see it."""
    token: ContextVar[str | None] = ContextVar("token", default=None)

    @cache
    def api() -> ApiClient:
        return HttpApiClient(settings.api_url, token.get, patience_s=PATIENCE_S)

    def seen(path: str, request: Request) -> str:
        person = identity.of_request(request.cookies, settings)
        if settings.ui_sign_in is not SignIn.NONE and (person is None or not person.roles):
            return ""
        token.set(identity.bearer(settings, person))
        return _drawn(api(), path, request.query_params, request.cookies.get(ZONE_COOKIE))

    async def look(path: str, request: Request) -> str:
        try:
            return await asyncio.wait_for(asyncio.to_thread(seen, path, request), PATIENCE_S)
        except (ApiError, TimeoutError):
            return ""  # the page itself says what is wrong, and asks again
        except Exception:
            # The page is half sent by now: it must come, with or without a look.
            logger.exception("no first look of %s", path)
            return ""

    return {f"/{path}": partial(look, path) for path in PATHS}


def _drawn(api: ApiClient, path: str, address: Mapping[str, str], zone: str | None) -> str:
    # Not before somebody asks: the process would be ready later for it.
    from payments_ui.components import header, times
    from payments_ui.pages import payment, payments

    show = payments.first_look if path == state.PAYMENTS_PATH else payment.first_look
    shown = show(api, address, times.zone_of(zone))
    return str(_DRAWN.format(style=header.styles(), shown=shown)) if shown is not None else ""
