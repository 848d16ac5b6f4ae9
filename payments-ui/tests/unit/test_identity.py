"""Who is in front of the pages: what a cookie, a provider and the settings make of it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import httpx
import jwt
import pytest
from pydantic import ValidationError
from starlette.applications import Starlette

from payments_ui import identity, openid, sign_in
from payments_ui.identity import Person
from payments_ui.settings import Settings

SECRET = "a-secret-of-tests-that-is-long-enough-0123456789"
AMA = Person("Ama", ("operator",))
NOW = datetime.now(UTC)
OWN = "http://127.0.0.1:3000"


@pytest.fixture
def settings() -> Settings:
    return Settings(ui_sign_in="development", jwt_secret=SECRET)


def test_the_api_is_told_the_person_for_minutes(settings: Settings) -> None:
    token = identity.token_for(AMA, settings, NOW)
    claims = jwt.decode(token, SECRET, algorithms=["HS256"], audience="payments-api", issuer="payments")
    assert (claims["sub"], claims["roles"]) == ("Ama", ["operator"])
    assert claims["exp"] - claims["iat"] == 300


def test_a_cookie_is_no_token_and_a_token_no_cookie(settings: Settings) -> None:
    cookie = identity.cookie_for(AMA, settings, NOW)
    assert identity.of_cookie({identity.COOKIE: cookie}, settings) == AMA
    token = identity.token_for(AMA, settings, NOW)
    assert identity.of_cookie({identity.COOKIE: token}, settings) is None
    with pytest.raises(jwt.InvalidAudienceError):
        jwt.decode(cookie, SECRET, algorithms=["HS256"], audience="payments-api")


@pytest.mark.parametrize("cookie", ["", "x.y.z", "é"])
def test_whatever_is_no_cookie_of_ours_is_nobody(settings: Settings, cookie: str) -> None:
    assert identity.of_cookie({identity.COOKIE: cookie}, settings) is None


def test_an_old_or_foreign_cookie_is_nobody(settings: Settings) -> None:
    old = identity.cookie_for(AMA, settings, NOW - timedelta(days=2))
    assert identity.of_cookie({identity.COOKIE: old}, settings) is None
    other = Settings(ui_sign_in="development", jwt_secret=SECRET[::-1])
    assert identity.of_cookie({identity.COOKIE: identity.cookie_for(AMA, other, NOW)}, settings) is None


ISSUER = "https://login.example/realm"
PROVIDER = {
    "ui_sign_in": "oidc",
    "jwt_secret": SECRET,
    "oidc_issuer": f"{ISSUER}/",
    "oidc_client_id": "pages",
    "oidc_client_secret": "of the pages",
}


def told(**more: object) -> dict[str, object]:
    """What a provider says of Ama, now."""
    said: dict[str, object] = {"iss": ISSUER, "iat": int(NOW.timestamp()), "sub": "a-1", "roles": ["viewer"]}
    return said | more


class TestProvider:
    def person(self, claims: dict[str, object], **settings: object) -> Person | None:
        return identity.of_provider(claims, Settings.model_validate(PROVIDER | settings), NOW)

    def test_it_names_people_and_roles(self) -> None:
        said = told(email="ama@shop.example", roles=["approver", "viewer", "admin", "service"])
        assert self.person(said) == Person("a-1", ("viewer", "approver"))
        assert self.person(told(sub="a\nb")) is None
        assert self.person(told(sub=7)) is None
        assert self.person({}) is None

    @pytest.mark.parametrize(
        "changed",
        [
            {"iss": "https://other.example"},
            {"iss": None},
            {"iat": None},
            {"iat": True},
            {"iat": int(NOW.timestamp()) - 12 * 3600 - 1},
            {"iat": int(NOW.timestamp()) + 3600},
        ],
    )
    def test_what_another_one_said_or_said_too_long_ago_is_nobody(self, changed: dict[str, object]) -> None:
        assert self.person(told()) is not None
        assert self.person(told(**changed)) is None

    @pytest.mark.parametrize("verified", [False, None, "true", 1])
    def test_an_address_counts_only_where_it_is_verified(self, verified: object) -> None:
        said = told(email="ama@shop.example", email_verified=verified)
        assert self.person(said, oidc_person_claim="email") is None
        known = self.person(said | {"email_verified": True}, oidc_person_claim="email")
        assert known is not None
        assert known.name == "ama@shop.example"

    @pytest.mark.parametrize(
        ("claims", "name"),
        [
            ({"realm_access": {"roles": ["operator"]}}, "realm_access.roles"),
            ({"https://shop.example/roles": ["operator"]}, "https://shop.example/roles"),
            ({"groups": "operator"}, "groups"),
        ],
    )
    def test_roles_lie_where_the_provider_puts_them(self, claims: dict[str, object], name: str) -> None:
        said = told(**claims, roles=["approver"])
        assert self.person(said, oidc_roles_claim=name) == Person("a-1", ("operator",))
        assert self.person(told(), oidc_roles_claim="not.there") == Person("a-1", ())

    def test_the_secret_is_read_in_a_file_that_nobody_else_reads(self, tmp_path: Path) -> None:
        file = tmp_path / "secret"
        file.write_text("of the file\n")
        file.chmod(0o600)
        asked = {**PROVIDER, "oidc_client_secret": None, "oidc_client_secret_file": str(file)}
        auth = cast("dict[str, object]", openid.secrets_of(Settings.model_validate(asked)) or {})["auth"]
        assert cast("dict[str, object]", auth)["client_secret"] == "of the file"
        for mode in (0o640, 0o604):
            file.chmod(mode)
            with pytest.raises(ValidationError, match="chmod 600"):
                Settings.model_validate(asked)
        file.chmod(0o600)
        file.write_bytes(b"\xff")
        with pytest.raises(ValidationError, match="does not hold text"):
            Settings.model_validate(asked)
        with pytest.raises(ValidationError, match="No such file"):
            Settings.model_validate({**asked, "oidc_client_secret_file": str(tmp_path / "none")})

    def test_streamlits_cookies_are_signed_by_a_key_of_their_own(self) -> None:
        settings = Settings.model_validate(PROVIDER)
        assert SECRET not in openid.cookie_secret(settings)
        assert openid.secrets_of(Settings()) is None
        assert openid.of_cookies({}, settings) == {}
        assert openid.of_cookies({"_streamlit_user": "x.y.z"}, settings) == {}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"ui_sign_in": "development"}, "needs JWT_SECRET"),
        ({"ui_sign_in": "oidc", "jwt_secret": "short"}, "needs JWT_SECRET"),
        (
            {"ui_sign_in": "development", "jwt_secret": SECRET, "host": "0.0.0.0", "auth_mode": "jwt"},
            "believes everybody",
        ),
        ({"auth_mode": "jwt"}, "needs UI_SIGN_IN"),
        ({"ui_sign_in": "oidc", "jwt_secret": SECRET}, "needs OIDC_ISSUER"),
        ({**PROVIDER, "oidc_client_secret": ""}, "OIDC_CLIENT_SECRET_FILE"),
        ({**PROVIDER, "oidc_issuer": "http://login.example"}, "OIDC_ISSUER must be https"),
        ({**PROVIDER, "ui_public_url": "http://pages.example"}, "UI_PUBLIC_URL must be https"),
    ],
)
def test_a_sign_in_that_would_be_open_does_not_start(given: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Settings.model_validate(given)


class TestForm:
    async def sent(self, settings: Settings, data: dict[str, object], origin: str) -> httpx.Response:
        app = httpx.ASGITransport(Starlette(routes=sign_in.routes(settings)))
        async with httpx.AsyncClient(transport=app, base_url="http://127.0.0.1:3000") as browser:
            return await browser.post("/sign-in", data=data, headers={"Origin": origin})

    async def test_whoever_fills_it_in_gets_a_cookie_that_scripts_do_not_see(
        self, settings: Settings
    ) -> None:
        answer = await self.sent(settings, {"name": "Ama", "role": ["operator", "root"]}, OWN)
        assert answer.status_code == 303
        kept = answer.headers["set-cookie"].lower()
        assert "httponly" in kept
        assert "samesite=strict" in kept
        assert identity.of_cookie({identity.COOKIE: answer.cookies[identity.COOKIE]}, settings) == AMA

    @pytest.mark.parametrize("origin", ["http://evil.example", "null", ""])
    async def test_a_form_from_elsewhere_signs_nobody_in(self, settings: Settings, origin: str) -> None:
        answer = await self.sent(settings, {"name": "Ama", "role": "approver"}, origin)
        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers

    @pytest.mark.parametrize(
        "data", [{"name": "", "role": "viewer"}, {"name": "a\x07", "role": "viewer"}, {"name": "Ama"}]
    )
    async def test_a_name_and_a_role_are_needed(self, settings: Settings, data: dict[str, object]) -> None:
        assert (await self.sent(settings, data, OWN)).status_code == 422

    def test_where_nobody_signs_in_there_is_no_form(self) -> None:
        assert sign_in.routes(Settings()) == []
