"""The route class of every capability: who may enter, at what rate, and with what JSON.

Must not read the body before the caller is known and allowed.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from payments_api.http.auth import Authenticate, Principal, Role, authorize
from payments_api.http.limits import RateLimiter
from payments_api.http.observation import RESPONSE_HEADERS
from payments_api.http.strict_json import StrictRequest

_ROLES = "x-roles"


class Doorkeeper:
    """Admits a request: authenticates, limits, authorizes, in this order."""

    def __init__(self, authenticate: Authenticate, limiter: RateLimiter) -> None:
        self._authenticate, self._limiter = authenticate, limiter

    def admit(self, request: Request, allowed: frozenset[Role]) -> Principal:
        """Return the caller.

        Raises Problem 401, 403 or 429; a caller without a valid token is limited by its address.
        """
        state = request.scope["state"]
        try:
            principal = self._authenticate(request.headers.get("authorization"))
        except Exception:  # every refusal costs a token of the address, then goes on as it was
            self._limiter.admit(f"address {request.client.host if request.client else ''}")
            raise
        headers = self._limiter.admit(principal.client)
        if headers:
            state[RESPONSE_HEADERS] = [(k.lower().encode(), v.encode()) for k, v in headers.items()]
        authorize(principal, allowed)
        state["principal"] = principal
        return principal


def roles(allowed: frozenset[Role]) -> dict[str, Any]:
    """Declare, for the route and for its documentation, who may call it (`openapi_extra=roles(…)`)."""
    return {_ROLES: sorted(allowed), "security": [{"bearer": []}, {}]}


class Door(APIRoute):
    """A route that admits its caller before FastAPI reads the body, and reads the body exactly."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        allowed = frozenset(Role(role) for role in (self.openapi_extra or {}).get(_ROLES, ()))

        async def enter(request: Request) -> Response:
            if allowed:
                request.app.state.doorkeeper.admit(request, allowed)
            return await handle(StrictRequest(request.scope, request.receive))

        return enter


def principal(request: Request) -> Principal:
    """Give the caller that the door admitted."""
    return request.scope["state"]["principal"]
