"""Views on AppTest: links beside those that everybody has, kept from the address, changed by their number."""

from datetime import UTC, datetime

import pytest
from opening import opened
from payments_schema.wire.views import ChangeView, SavedView, SaveView, ViewFilters
from streamlit.testing.v1 import AppTest

from payments_ui.api_client import ApiRefused, ApiUnreachable
from payments_ui.components import views
from payments_ui.fake_api_client import FakeApiClient, a_payment
from payments_ui.state import Filters

PATH = "/api/v1/operations/views"


def _payments(api):
    from payments_ui.pages import payments

    payments.show(api, refresh_s=2)


def _save(api):
    from payments_ui.components import views
    from payments_ui.state import Filters

    views.save_dialog(api, Filters(status="failed", rows=100, cursor="pay_1"), api.views)


def _edit(api):
    from payments_ui.components import views

    views.edit_dialog(api, api.views)


def a_view(number: int = 7, name: str = "Lost <b>ones</b>", **more: object) -> SavedView:
    made = {
        "id": number,
        "name": name,
        "filters": {"status": "failed", "rows": 100},
        "is_shared": False,
        "owner": "ama",
        "is_own": True,
        "changed_at": datetime.now(UTC),
    }
    return SavedView.model_validate({**made, **more})


def shown(test: AppTest) -> str:
    elements = [*test.get("html"), *test.markdown, *test.caption, *test.error]
    return "\n".join(str(getattr(one.proto, "body", "")) for one in elements)


def an_api(*kept: SavedView) -> FakeApiClient:
    api = FakeApiClient([a_payment()])
    api.views = list(kept)
    api.answers |= {f"PUT {PATH}": a_view(), f"PATCH {PATH}/{{}}": a_view(), f"DELETE {PATH}/{{}}": None}
    return api


def test_a_view_is_a_link_to_its_address_and_the_shown_one_is_marked() -> None:
    other = a_view(8, "Other", is_own=False, owner="kofi", is_shared=True, filters={"currency": "GHS"})
    page = shown(opened(_payments, an_api(a_view(), other), status="failed", rows="100"))
    assert (
        'href="payments?status=failed&amp;rows=100" aria-current="page" title="yours" class="pay-kept">'
        "Lost &lt;b&gt;ones&lt;/b&gt;</a>" in page
    )
    assert 'href="payments?currency=GHS" title="shared by kofi"' in page


def test_a_view_that_lost_a_filter_says_so() -> None:
    view = a_view(filters={"status": "exploded", "q": "x", "colour": "red"})
    assert view.filters == ViewFilters(q="x")
    api = an_api(view)
    assert "(without its colour, status)</a>" in shown(opened(_payments, api))
    assert "not known any more and is left out: colour, status" in opened(_edit, api).warning[0].value


def test_views_that_cannot_be_read_leave_the_list_usable() -> None:
    api = an_api()
    api.views = [a_view()]
    test = opened(_payments, api)
    assert "Lost" in shown(test)
    api.failing = ApiUnreachable("The payments API does not answer.", outcome_unknown=False)
    test.run()
    assert "Your views could not be read: The payments API does not answer." in shown(test)
    assert not [button for button in test.button if button.key == "edit_views"]


def test_only_a_list_that_is_filtered_can_be_kept() -> None:
    assert opened(_payments, an_api()).button(key="save_view").disabled
    assert not opened(_payments, an_api(), status="failed").button(key="save_view").disabled


def test_what_is_kept_is_the_address_without_its_page() -> None:
    api = an_api()
    test = opened(_save, api)
    assert test.button(key="view_save").disabled
    test.text_input(key="view_name").input(" Lost ").run()
    test.checkbox(key="view_shared").check().run()
    test.button(key="view_save").click().run()
    [(path, _, body, _, _)] = api.sent
    assert path == PATH
    wanted = ViewFilters.model_validate({"status": "failed", "rows": 100})
    assert body == SaveView(name="Lost", filters=wanted, is_shared=True)


def test_a_name_that_is_in_use_says_that_it_is_replaced() -> None:
    test = opened(_save, an_api(a_view(name="Lost")))
    test.text_input(key="view_name").input("LOST").run()
    assert test.button(key="view_save").label == "Replace it"


def test_a_refusal_stands_at_its_field() -> None:
    api = an_api()
    said = "must be a name of 1 to 60 printable characters"
    api.refusing = {
        PATH: ApiRefused("Malformed.", code="malformed_request", status=422, reasons={"name": said})
    }
    test = opened(_save, api)
    test.text_input(key="view_name").input("x").run()
    test.button(key="view_save").click().run()
    assert f":red[{said}.]" in [caption.value for caption in test.caption]
    assert "The field above says why" in test.error[0].value


def test_a_view_is_renamed_and_deleted_by_its_number() -> None:
    api = an_api(a_view(7), a_view(8, "Second"))
    test = opened(_edit, api)
    test.selectbox(key="edited_view").select(8).run()
    test.text_input(key="name_8").input("Third").run()
    test.button(key="view_change").click().run()
    test.selectbox(key="edited_view").select(7).run()
    test.button(key="view_delete").click().run()
    assert [(path, segments, body) for path, segments, body, _, _ in api.sent] == [
        (f"{PATH}/{{}}", ("8",), ChangeView(name="Third", is_shared=False)),
        (f"{PATH}/{{}}", ("7",), None),
    ]


@pytest.mark.parametrize(
    "filters",
    [
        Filters(),
        Filters(status="PROCESSING", kind="wallet", account="A'%", search="ü \\", rows=200, oldest=True),
        Filters(amount="-12.50", currency="GHS", since="2026-01-31", until="2026-02-28"),
        Filters(kind="card", period="last-7-days"),
    ],
)
def test_a_kept_address_comes_back_as_it_was(filters: Filters) -> None:
    kept = a_view(filters=views.to_keep(filters).model_dump(mode="json", exclude_none=True))
    assert views.filters_of(kept) == filters
