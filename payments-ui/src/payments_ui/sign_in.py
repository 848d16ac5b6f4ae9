"""The development sign-in: a form of its own, on loopback only, that believes what it is told.

It must not be reachable where others are, and takes nothing from another origin's form.
"""

from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from payments_ui import identity
from payments_ui.settings import Settings, SignIn

PATH = "sign-in"
LONGEST_FORM = 4096
_PAGE = Markup(
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>Sign in</title>'
    '<meta name="viewport" content="width=device-width"><style>{style}</style>'
    "<main><h1>Sign in</h1><p>Development only: this machine believes who you say you are.</p>"
    '<form method="post" action="/{path}"><label>Name<br><input name="name" required maxlength="80">'
    "</label><fieldset><legend>Roles</legend>{roles}</fieldset><button>Sign in</button></form></main></html>"
)
_ROLE = Markup('<label><input type="checkbox" name="role" value="{0}"{1}> {0}</label> ')
_STYLE = Markup(
    ":root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;display:grid;place-content:center;"
    "min-height:90vh;margin:0}input,button{font:inherit;padding:.4rem .6rem}fieldset{margin:1rem 0;"
    "border:1px solid #8889;border-radius:6px}"
)


def routes(settings: Settings) -> list[Route]:
    """The form and what it is sent to; none where people do not sign in like that."""
    if settings.ui_sign_in is not SignIn.DEVELOPMENT:
        return []

    async def show(_request: Request) -> Response:
        roles = Markup("").join(
            _ROLE.format(role, Markup(" checked") if role == "operator" else "") for role in identity.ROLES
        )
        policy = {
            "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'"
        }
        return HTMLResponse(_PAGE.format(style=_STYLE, path=PATH, roles=roles), headers=policy)

    async def enter(request: Request) -> Response:
        if not _is_own(request):
            return PlainTextResponse("This form came from elsewhere.\n", status_code=403)
        typed = parse_qs((await request.body())[:LONGEST_FORM].decode("utf-8", "replace"))
        name, roles = typed.get("name", [""])[0].strip(), identity.known_roles(typed.get("role", []))
        if not 0 < len(name) <= identity.LONGEST_NAME or not name.isprintable() or not roles:
            return PlainTextResponse("A name and at least one role are needed.\n", status_code=422)
        answer = RedirectResponse("/", status_code=303)
        kept = identity.cookie_for(identity.Person(name, roles), settings, datetime.now(UTC))
        lasts = int(identity.COOKIE_FOR.total_seconds())
        answer.set_cookie(identity.COOKIE, kept, max_age=lasts, httponly=True, samesite="strict")
        return answer

    return [Route(f"/{PATH}", show, methods=["GET"]), Route(f"/{PATH}", enter, methods=["POST"])]


def _is_own(request: Request) -> bool:
    """Tell whether the form was ours: a browser names the origin of every form that it sends."""
    return urlsplit(request.headers.get("origin", "")).netloc == request.headers.get("host", "?")
