"""Streamlit's page and files go out unchanged, from memory, with what a page needs named in its head."""

import re
from pathlib import Path

import httpx
import pytest
from pages_over_http import get
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from payments_ui import frontend, state


def _behind(_request: object) -> PlainTextResponse:
    return PlainTextResponse("Streamlit")


def _app(**known: bool) -> Starlette:
    pages = frontend.indexes(is_server_known=known.get("is_server_known", True))
    return Starlette(
        routes=[Route("/{path:path}", _behind, methods=["GET", "POST"])],
        middleware=[Middleware(frontend.Frontend, pages=pages)],
    )


@pytest.fixture(scope="module")
def app() -> Starlette:
    return _app()


def _script_of(page: httpx.Response) -> str:
    found = re.search(r"\./static/js/index\.[\w-]+\.js", page.text)
    assert found is not None
    return found.group().removeprefix(".")


def test_a_page_names_the_pieces_of_its_first_elements_and_all_of_them_exist(app: Starlette) -> None:
    page = get(app, f"/{state.PAYMENTS_PATH}?status=failed")
    named = re.findall(r"modulepreload\" crossorigin href=\"\.(/static/js/[^\"]+)\"", page.text)
    for piece in ("Html", "Button", "Selectbox", "TextInput", "Checkbox"):
        assert any(name.startswith(f"/static/js/{piece}.") for name in named), piece
    assert len(named) == len(set(named))
    assert all((frontend.INSTALLED / name.removeprefix("/")).is_file() for name in named)
    assert page.headers["cache-control"] == "no-cache"


def test_every_page_of_ours_has_an_index(app: Starlette) -> None:
    paths = {value for name, value in vars(state).items() if name.endswith("_PATH") and "/" not in value}
    assert set(frontend.PIECES) == paths | {""}
    for path in paths:
        assert _script_of(get(app, f"/{path}"))


def test_a_file_goes_out_byte_for_byte_and_is_kept_for_good(app: Starlette) -> None:
    path = _script_of(get(app, "/"))
    first, again = get(app, path), get(app, path)
    assert first.content == again.content == (frontend.INSTALLED / path.removeprefix("/")).read_bytes()
    assert first.headers["content-type"] == "text/javascript; charset=utf-8"
    assert "immutable" in first.headers["cache-control"]


@pytest.mark.parametrize(
    "path",
    ["/static/../index.html", "/static/js/", "/static/js/none.js", "/static/%2e%2e/index.html", "/other"],
)
def test_what_is_not_known_is_passed_on(app: Starlette, path: str) -> None:
    assert get(app, path).text == "Streamlit"


def test_only_a_plain_get_is_answered(app: Starlette) -> None:
    path = _script_of(get(app, "/"))
    assert get(app, path, method="POST").text == "Streamlit"
    assert get(app, path, headers={"Range": "bytes=0-9"}).text == "Streamlit"


def test_with_a_provider_of_identities_the_script_asks_first() -> None:
    # Streamlit's first question brings the cookie without which the connection is nobody's.
    assert frontend.KNOWN_SERVER not in get(_app(is_server_known=False), "/").text
    assert frontend.KNOWN_SERVER in get(_app(), "/").text


def test_a_streamlit_without_these_pieces_is_served_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<html><head><script>1</script></head></html>")
    pages = frontend.indexes(is_server_known=False, installed=tmp_path)
    assert pages["/"] == "<html><head><script>1</script></head></html>"
