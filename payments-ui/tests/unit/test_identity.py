"""Who is in front of the pages: what a cookie, a provider and the settings make of it."""

from datetime import UTC, datetime, timedelta

import httpx
import jwt
import pytest
from pydantic import ValidationError
from starlette.applications import Starlette

from payments_ui import identity, sign_in
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


def test_a_provider_names_people_and_roles() -> None:
    told = {"email": "ama@shop.example", "roles": ["approver", "viewer", "admin"]}
    assert identity.of_provider(told) == Person("ama@shop.example", ("viewer", "approver"))
    assert identity.of_provider({"sub": "a\nb"}) is None
    assert identity.of_provider({}) is None


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
    ],
)
def test_a_sign_in_that_would_be_open_does_not_start(given: dict[str, str], said: str) -> None:
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
