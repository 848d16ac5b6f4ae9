"""Who sits in front of the pages, and how the API is told: by a token of that person that lives for minutes.

It must not decide what a role may do, which is the API's, and keeps no secret in a page or an address.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import cast

import jwt
import streamlit as st

from payments_ui import openid
from payments_ui.settings import Settings, SignIn

COOKIE = "payments_person"
OPERATOR = "operator"
ROLES = ("viewer", OPERATOR, "approver")
TOKEN_FOR = timedelta(minutes=5)
COOKIE_FOR = timedelta(hours=12)
_COOKIE_AUDIENCE = "payments-ui"
LONGEST_NAME = 255


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who signed in; roles: of those that the API knows, perhaps none."""

    name: str
    roles: tuple[str, ...]


def token_for(person: Person, settings: Settings, now: datetime) -> str:
    """Write the token by which the API knows this person."""
    claims = {"iss": settings.jwt_issuer, "aud": settings.jwt_audience, **_claims(person, now, TOKEN_FOR)}
    return jwt.encode(claims, settings.signing_key, algorithm="HS256")


def cookie_for(person: Person, settings: Settings, now: datetime) -> str:
    """Write what the browser keeps; it is good for these pages only."""
    claims = {"aud": _COOKIE_AUDIENCE, **_claims(person, now, COOKIE_FOR)}
    return jwt.encode(claims, settings.signing_key, algorithm="HS256")


def of_cookie(cookies: Mapping[str, str], settings: Settings) -> Person | None:
    """Return who signed in on this machine, or None where nobody did."""
    try:
        claims = jwt.decode(
            cookies.get(COOKIE, ""),
            settings.signing_key,
            algorithms=["HS256"],
            audience=_COOKIE_AUDIENCE,
            options={"require": ["exp", "sub"]},
        )
    except jwt.PyJWTError:
        return None
    return Person(str(claims["sub"]), known_roles(claims.get("roles")))


def of_provider(told: Mapping[str, object], settings: Settings, now: datetime) -> Person | None:
    """Return who the OpenID provider says it is; nobody once that was said too long ago, or by another one.

    The name is one that the provider never gives to anybody else: by a name that people choose, one person
    would be two, and agree with himself. An address counts only where the provider has verified it.
    """
    if not openid.is_fresh(told, settings.issuer, now, COOKIE_FOR):
        return None
    claim = settings.oidc_person_claim
    name = told.get(claim) if claim != "email" or told.get("email_verified") is True else None
    if not isinstance(name, str) or not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
        return None
    return Person(name, known_roles(openid.claim(told, settings.oidc_roles_claim)))


def present(settings: Settings) -> Person | None:
    """Return who this session belongs to. Only inside of a page."""
    match settings.ui_sign_in:
        case SignIn.NONE:
            return None
        case SignIn.DEVELOPMENT:
            return of_cookie(st.context.cookies, settings)
        case SignIn.OIDC:
            told = st.user.to_dict() if st.user.is_logged_in else {}
            return of_provider(told, settings, datetime.now(UTC))


def of_request(cookies: Mapping[str, str], settings: Settings) -> Person | None:
    """Return who asks an address of ours that is no page."""
    match settings.ui_sign_in:
        case SignIn.NONE:
            return None
        case SignIn.DEVELOPMENT:
            return of_cookie(cookies, settings)
        case SignIn.OIDC:
            told = openid.of_cookies(cookies, settings)
            return of_provider(told, settings, datetime.now(UTC))


def may_operate(settings: Settings, person: Person | None) -> bool:
    """Tell whether somebody may act on the workspace; where nobody signs in, whoever is here may."""
    is_operator = person is not None and OPERATOR in person.roles
    return is_operator or settings.ui_sign_in is SignIn.NONE


def bearer(settings: Settings, person: Person | None) -> str | None:
    """Return the token for the API: of the person, or the process's own where nobody signs in."""
    if settings.ui_sign_in is SignIn.NONE:
        token = settings.payments_api_token
        return token.get_secret_value() if token else None
    return token_for(person, settings, datetime.now(UTC)) if person is not None else None


def known_roles(told: object) -> tuple[str, ...]:
    """Keep the roles that the API knows, in the order from looking to agreeing."""
    named: list[object] = [told] if isinstance(told, str) else []
    if isinstance(told, list | tuple):
        named = list(cast("list[object]", told))
    return tuple(role for role in ROLES if role in named)


def _claims(person: Person, now: datetime, lasts: timedelta) -> dict[str, object]:
    return {"sub": person.name, "roles": list(person.roles), "iat": now, "exp": now + lasts}
