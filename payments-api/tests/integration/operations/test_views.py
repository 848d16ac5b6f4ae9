"""Views that operators keep: each his own, some shared, none that the list cannot show, and not too many."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import pytest
from payments_schema.wire.views import MOST_VIEWS

VIEWS = "/api/v1/operations/views"
FAILED = {"kind": "card", "status": "captured", "rows": 100}


@dataclass(frozen=True)
class Person:
    """Somebody with a name that no other test has, and his views."""

    url: str
    headers: dict[str, str]
    name: str

    def keep(self, name: str, filters: dict[str, Any] | None = None, **more: Any) -> httpx.Response:
        body = {"name": name, "filters": FAILED if filters is None else filters, **more}
        return httpx.put(self.url + VIEWS, json=body, headers=self.headers, timeout=60)

    def change(self, number: object, **wanted: Any) -> httpx.Response:
        return httpx.patch(f"{self.url}{VIEWS}/{number}", json=wanted, headers=self.headers, timeout=60)

    def forget(self, number: object) -> httpx.Response:
        return httpx.delete(f"{self.url}{VIEWS}/{number}", headers=self.headers, timeout=60)

    def sees(self) -> list[dict[str, Any]]:
        return httpx.get(self.url + VIEWS, headers=self.headers, timeout=60).json()["data"]

    def own(self) -> list[str]:
        return [view["name"] for view in self.sees() if view["is_own"]]


@pytest.fixture
def somebody(guarded_api: Any, token: Callable[..., str]) -> Callable[..., Person]:
    def make(*roles: str) -> Person:
        name = f"person-{uuid4()}"
        made = token(list(roles) or ["operator"], sub=name)
        return Person(guarded_api.url, {"Authorization": f"Bearer {made}"}, name)

    return make


def test_a_view_is_kept_as_it_was_asked_for_and_is_its_owners(somebody: Callable[..., Person]) -> None:
    ama, kofi = somebody(), somebody()
    filters = {"q": "Käse \\ 'x' %", "since": "2026-01-31", "order": "oldest", "amount": "-0.10", **FAILED}
    kept = ama.keep("  To   settle ", filters)
    assert kept.status_code == 200, kept.text
    [seen] = [view for view in ama.sees() if view["is_own"]]
    assert seen == kept.json()
    assert (seen["name"], seen["owner"], seen["is_shared"]) == ("To settle", ama.name, False)
    assert {name: value for name, value in seen["filters"].items() if value is not None} == filters
    assert seen["id"] not in [view["id"] for view in kofi.sees()]


def test_a_view_moves_on_with_the_calendar(somebody: Callable[..., Person]) -> None:
    kept = somebody().keep("This month", {"period": "this-month"}).json()
    assert (kept["filters"]["period"], kept["filters"]["since"]) == ("this-month", None)


def test_the_same_name_is_the_same_view_whatever_its_case(somebody: Callable[..., Person]) -> None:
    ama = somebody()
    first = ama.keep("Straße").json()
    again = ama.keep("STRASSE", {"status": "failed"}).json()
    assert again["id"] == first["id"]
    assert ama.own() == ["STRASSE"]
    assert ama.sees()[0]["filters"]["status"] == "failed"


def test_what_is_shared_is_seen_by_all_and_changed_by_its_owner(somebody: Callable[..., Person]) -> None:
    ama, kofi = somebody(), somebody()
    name = f"shared {uuid4()}"
    number = ama.keep(name, is_shared=True).json()["id"]
    [seen] = [view for view in kofi.sees() if view["id"] == number]
    assert (seen["is_own"], seen["owner"]) == (False, ama.name)
    for refused in (kofi.change(number, name="mine"), kofi.forget(number)):
        assert (refused.status_code, refused.json()["code"]) == (404, "not_found")
    assert ama.change(number, is_shared=False).json()["name"] == name
    assert number not in [view["id"] for view in kofi.sees()]


def test_an_approver_clears_away_what_is_shared_and_nothing_else(somebody: Callable[..., Person]) -> None:
    ama, abena = somebody(), somebody("approver")
    own, shared = ama.keep("own").json()["id"], ama.keep("shared", is_shared=True).json()["id"]
    assert abena.forget(shared).status_code == 204
    assert abena.forget(own).status_code == 404
    assert ama.own() == ["own"]


def test_viewers_keep_views_and_share_none(somebody: Callable[..., Person]) -> None:
    eve = somebody("viewer")
    number = eve.keep("mine").json()["id"]
    for refused in (eve.keep("for all", is_shared=True), eve.change(number, is_shared=True)):
        assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert eve.change(number, name="renamed").status_code == 200
    assert eve.forget(number).status_code == 204
    assert eve.own() == []
    assert somebody("service").keep("x").status_code == 403


def test_a_view_whose_status_is_gone_is_listed_without_it_and_says_so(
    somebody: Callable[..., Person], guarded_api: Any
) -> None:
    ama = somebody()
    ama.keep("sound")
    kept = '{"q": "x", "rows": 100, "status": "exploded"}'
    insert = "INSERT INTO core.saved_view (owner, name, folded_name, filters) VALUES (%s, %s, %s, %s)"
    [(number,)] = guarded_api.query(f"{insert} RETURNING id", ama.name, "Old", "old", kept)
    assert ama.own() == ["Old", "sound"]
    [old] = [view for view in ama.sees() if view["id"] == number]
    assert old["dropped"] == ["status"]
    assert {name: value for name, value in old["filters"].items() if value is not None} == {
        "q": "x",
        "rows": 100,
    }
    assert ama.change(number, name="Older").json()["dropped"] == ["status"]


def test_a_name_is_not_taken_twice_by_renaming(somebody: Callable[..., Person]) -> None:
    ama = somebody()
    ama.keep("one")
    number = ama.keep("two").json()["id"]
    taken = ama.change(number, name="ONE")
    assert (taken.status_code, taken.json()["code"]) == (409, "view_name_taken")
    assert ama.change(number, name="TWO").json()["name"] == "TWO"
    assert ama.own() == ["one", "TWO"]


def test_no_more_than_so_many_however_many_ask_at_once(somebody: Callable[..., Person]) -> None:
    ama = somebody()
    with ThreadPoolExecutor(4) as several:
        answers = list(several.map(lambda n: ama.keep(f"view {n:03}"), range(MOST_VIEWS + 6)))
    kept = [answer for answer in answers if answer.status_code == 200]
    full = [answer.json()["code"] for answer in answers if answer.status_code == 409]
    assert (len(kept), full) == (MOST_VIEWS, ["too_many_views"] * 6)
    assert len(ama.own()) == MOST_VIEWS
    assert ama.keep(ama.own()[0], {}).status_code == 200  # replacing is never one more
    assert ama.forget(kept[0].json()["id"]).status_code == 204
    assert ama.keep("room again").status_code == 200


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"filters": {"colour": "red"}}, "filters.colour"),
        ({"filters": {"status": "lost"}}, "filters.status"),
        ({"filters": {"currency": "ZZZ"}}, "filters.currency"),
        ({"filters": {"since": "2026-02-30"}}, "filters.since"),
        ({"filters": {"until": "٢٠٢٦-٠١-٠١"}}, "filters.until"),
        ({"filters": {"amount": "1e3"}}, "filters.amount"),
        ({"filters": {"period": "last-8-days"}}, "filters.period"),
        ({"filters": {"period": "today", "since": "2026-01-31"}}, "filters.period"),
        ({"filters": {"rows": 201}}, "filters.rows"),
        ({"filters": {"rows": "100"}}, "filters.rows"),
        ({"filters": {"q": "x" * 256}}, "filters.q"),
        ({"filters": {"q": ""}}, "filters.q"),
        ({"filters": {"cursor": "pay_1"}}, "filters.cursor"),
        ({"filters": []}, "filters"),
        ({"name": " "}, "name"),
        ({"name": "a\tb\u0007"}, "name"),
        ({"name": "x" * 61}, "name"),
        ({"name": None}, "name"),
        ({"is_shared": "yes"}, "is_shared"),
        ({"owner": "kofi"}, "owner"),
    ],
)
def test_a_view_that_the_list_cannot_show_is_refused_by_field(
    somebody: Callable[..., Person], body: dict[str, Any], field: str
) -> None:
    ama = somebody()
    whole = {"name": "x", "filters": {}, **body}
    answer = httpx.put(ama.url + VIEWS, json=whole, headers=ama.headers, timeout=60)
    assert answer.status_code == 422
    assert field in {wrong["field"] for wrong in answer.json()["fields"]}
    assert ama.own() == []


@pytest.mark.parametrize("number", ["0", "x", "99999999999", "9" * 30])
def test_an_unknown_number_is_no_error_of_ours(somebody: Callable[..., Person], number: str) -> None:
    ama = somebody()
    assert ama.change(number, name="x").status_code in {404, 422}
    assert ama.forget(number).status_code in {404, 422}
