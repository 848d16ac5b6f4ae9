"""Tokens, checked as RFC 8725 asks."""

import base64
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from payments_api.http.auth import LOCAL, authenticator
from payments_api.http.problems import Problem
from payments_api.settings import Settings

SECRET = "a-secret-of-tests-that-is-long-enough-0123456789"


def check(header: str | None, **settings: Any) -> Any:
    keys = {"jwt_secret": SECRET, "airteltigo_shared_key": "a-key-of-tests"}
    chosen = {"auth_mode": "jwt", "host": "127.0.0.1"} | keys | settings
    return authenticator(Settings(**chosen))(header)


def refusal(header: str | None) -> Problem:
    with pytest.raises(Problem) as refused:
        check(header)
    return refused.value


def unsigned(claims: dict[str, Any], header: dict[str, Any]) -> str:
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (header, claims)
    ]
    return ".".join([*parts, ""])


def test_a_good_token_names_client_and_roles(token: Any) -> None:
    principal = check(f"Bearer {token(['viewer', 'nonsense'], client_id='till-7')}")
    assert principal.client == "till-7"
    assert principal.roles == {"viewer"}


def test_the_subject_is_the_client_where_no_other_is_named(token: Any) -> None:
    assert check(f"bearer {token('service')}").client == "somebody"


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": 1_700_000_000},
        {"exp": None},
        {"aud": "another-api"},
        {"aud": None},
        {"iss": "another"},
        {"iss": None},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"nbf": 4_000_000_000},
        {"client_id": "line\nbreak"},
        {"client_id": "x" * 256},
    ],
    ids=str,
)
def test_a_claim_that_is_wrong_or_missing_is_401(claims: dict[str, Any], token: Any) -> None:
    refused = refusal(f"Bearer {token(**claims)}")
    assert refused.status_code == 401
    assert refused.headers is not None
    assert refused.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer ", "Basic abc", "Bearer a.b", "Bearer é.ü.ö", "Bearer " + "x" * 9000],
)
def test_what_is_no_token_is_401(header: str | None) -> None:
    assert refusal(header).status_code == 401


def test_alg_none_is_401() -> None:
    claims = {
        "iss": "payments",
        "aud": "payments-api",
        "sub": "x",
        "exp": int(time.time()) + 60,
        "roles": ["operator"],
    }
    for algorithm in ("none", "None", "nOnE"):
        assert refusal("Bearer " + unsigned(claims, {"alg": algorithm, "typ": "JWT"})).status_code == 401


def test_unknown_crit_and_other_types_are_401(token: Any) -> None:
    assert refusal(f"Bearer {token(header={'crit': ['exp2'], 'exp2': 1})}").status_code == 401
    assert refusal(f"Bearer {token(header={'typ': 'logout+jwt'})}").status_code == 401


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
def test_a_short_key_is_401(token: Any) -> None:
    assert refusal(f"Bearer {token(key='0123456789')}").status_code == 401


def test_a_public_key_is_no_shared_secret(token: Any) -> None:
    """The classic swap: an HS256 token signed with the text of the public key."""
    private = rsa.generate_private_key(65537, 2048)
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    settings = {"jwt_secret": None, "jwt_public_key": public.decode()}
    claims = {
        "iss": "payments",
        "aud": "payments-api",
        "sub": "x",
        "exp": int(time.time()) + 60,
        "roles": ["viewer"],
    }
    good = jwt.encode(claims, private, algorithm="RS256")
    assert check(f"Bearer {good}", **settings).client == "x"
    with pytest.raises(Problem):
        check(f"Bearer {token()}", **settings)


def test_a_token_without_a_role_is_403(token: Any) -> None:
    assert refusal(f"Bearer {token([])}").status_code == 403
    assert refusal(f"Bearer {token(['king'])}").status_code == 403


def test_open_mode_asks_for_nothing() -> None:
    assert authenticator(Settings(auth_mode="open"))("whatever") is LOCAL
