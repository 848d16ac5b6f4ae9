"""Says who calls and whether they may, from the bearer token or, on loopback, from nothing at all.

Must not say why a token was refused beyond what its own bearer may know, and never logs one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, cast

import jwt

from payments_api.http.problems import Problem
from payments_api.settings import AuthMode, Settings

LOCAL_CLIENT = "local"
LONGEST_TOKEN = 8192
_ASYMMETRIC = ("RS256", "PS256", "ES256", "EdDSA")
_TYPES = {"jwt", "at+jwt", "application/at+jwt"}


class Role(StrEnum):
    """What a caller may do: look, act, agree to another's act, or act as a program on its own payments."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    APPROVER = "approver"
    SERVICE = "service"


READERS = frozenset(Role)
STAFF = frozenset({Role.VIEWER, Role.OPERATOR, Role.APPROVER})
PAYERS = frozenset({Role.OPERATOR, Role.APPROVER, Role.SERVICE})
OPERATORS = frozenset({Role.OPERATOR, Role.APPROVER})


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller: `client` scopes idempotency keys and limits; `roles` is never empty."""

    client: str
    roles: frozenset[Role]

    @property
    def sees_only_own(self) -> bool:
        """A program without a staff role sees the payments that it created itself, nobody else's."""
        return not self.roles & STAFF


LOCAL = Principal(LOCAL_CLIENT, frozenset(Role))
Authenticate = Callable[[str | None], Principal]


def _unauthorized(detail: str, error: str | None = "invalid_token") -> Problem:
    challenge = 'Bearer realm="payments"' + (f', error="{error}"' if error else "")
    return Problem(401, "unauthorized", detail, headers={"WWW-Authenticate": challenge})


def authenticator(settings: Settings) -> Authenticate:
    """Choose how the `Authorization` header becomes a principal."""
    if settings.auth is AuthMode.OPEN:
        return lambda _header: LOCAL
    return _TokenCheck(settings)


def authorize(principal: Principal, allowed: frozenset[Role]) -> None:
    """Raise 403 unless one of the caller's roles is allowed here."""
    if not principal.roles & allowed:
        raise Problem(403, "forbidden", "Your role does not permit this.")


class _TokenCheck:
    """RFC 8725: one configured algorithm family, every claim required, nothing taken from the header."""

    def __init__(self, settings: Settings) -> None:
        secret = settings.jwt_secret
        self._key = (
            secret.get_secret_value() if secret else (settings.jwt_public_key or "").replace("\\n", "\n")
        )
        self._algorithms = ["HS256"] if secret else list(_ASYMMETRIC)
        self._issuer, self._audience, self._leeway_s = (
            settings.jwt_issuer,
            settings.jwt_audience,
            settings.jwt_leeway_s,
        )
        self._jwt = jwt.PyJWT(options={"enforce_minimum_key_length": True})

    def __call__(self, header: str | None) -> Principal:
        if not header:
            raise _unauthorized("A bearer token is required.", None)
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer" or not token or len(token) > LONGEST_TOKEN:
            raise _unauthorized("The Authorization header is not a bearer token.")
        return self._principal(self._claims(token.strip()))

    def _claims(self, token: str) -> dict[str, Any]:
        try:
            header = jwt.get_unverified_header(token)
            if str(header.get("typ", "JWT")).lower() not in _TYPES or "crit" in header:
                raise _unauthorized("The token is of another kind.")
            return self._jwt.decode(
                token,
                self._key,
                algorithms=self._algorithms,
                audience=self._audience,
                issuer=self._issuer,
                leeway=self._leeway_s,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except jwt.ExpiredSignatureError:
            raise _unauthorized("The token has expired.") from None
        except (jwt.PyJWTError, ValueError, TypeError, UnicodeError):
            raise _unauthorized("The token is not valid here.") from None

    @staticmethod
    def _principal(claims: dict[str, Any]) -> Principal:
        client: object = claims.get("client_id") or claims["sub"]
        named: object = claims.get("roles", claims.get("role", []))
        names = (
            [named]
            if isinstance(named, str)
            else cast(Sequence[object], named if isinstance(named, list) else [])
        )
        roles = frozenset(Role(name) for name in names if isinstance(name, str) and name in set(Role))
        if not isinstance(client, str) or not 1 <= len(client) <= 255 or not client.isprintable():
            raise _unauthorized("The token does not name its client.")
        if not roles:
            raise Problem(403, "forbidden", "The token carries no role.")
        return Principal(client, roles)
