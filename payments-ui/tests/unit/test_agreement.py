"""What the pages share with other repositories: every status has a look, every request has an answer."""

import re
from pathlib import Path

import pytest

from payments_ui import api_client, calls, state
from payments_ui.components import status

CALLED = re.compile(r'"((?:\{V1\})?/[^"?]*)"')


@pytest.mark.parametrize("word", sorted({word for words in state.STATUSES.values() for word in words}))
def test_every_status_that_can_be_filtered_by_has_a_look_of_its_own(word: str) -> None:
    assert status.look_of(word).meaning, f"components/status.py has no look for {word}"


def test_every_request_of_the_pages_has_a_route_in_the_api_beside_them() -> None:
    """In the workspace, where the API is installed; alone, this repository cannot know."""
    app = pytest.importorskip("payments_api.app")
    settings = pytest.importorskip("payments_api.settings").Settings(auth_mode="open")
    routes = [re.sub(r"\{[^}]*\}", "*", path) for path in app.create_app(settings).openapi()["paths"]]
    modules = [Path(str(api_client.__file__)), *Path(str(calls.__file__)).parent.glob("*.py")]
    source = "".join(module.read_text() for module in modules)
    asked = {path.replace("{V1}", "/api/v1").replace("{{}}", "{}") for path in CALLED.findall(source)}
    assert len(asked) > 40
    assert [
        path for path in sorted(asked - {"/api/v1"}) if not any(_fits(path, route) for route in routes)
    ] == []


def _fits(path: str, route: str) -> bool:
    """A brace of the request may become any word of the route; a word must be that word."""
    pairs = zip(path.split("/"), route.split("/"), strict=False)
    return path.count("/") == route.count("/") and all(a in (b, "{}") for a, b in pairs)
