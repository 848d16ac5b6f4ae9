"""The views of the payments list: those that everybody starts from, and those that somebody keeps by a name.

It must not filter anything: a view is an address, and the address alone says what the list shows.
"""

from collections.abc import Sequence
from typing import cast

import streamlit as st
from markupsafe import Markup
from payments_schema.wire.views import LONGEST_NAME, ChangeView, SavedView, SaveView, ViewFilters
from pydantic import ValidationError
from streamlit.delta_generator import DeltaGenerator

from payments_ui import calls, state
from payments_ui.api_client import ApiClient, ApiError
from payments_ui.components import facts, problems
from payments_ui.components.fields import Fields, in_words
from payments_ui.state import Filters

_KEPT = "views:kept"
SHARED_HELP = "Whoever may read these pages finds it among his views. Only you change it."


def start(asked: Filters) -> DeltaGenerator:
    """Show the views as they were read last, so that the list does not wait for them; `finish` reads them."""
    row = st.container(horizontal=True, vertical_alignment="center")
    links = row.empty()
    links.html(str(drawn(asked, _last())))
    return links


def finish(api: ApiClient, asked: Filters, links: DeltaGenerator) -> None:
    """Read the views, show them where `start` left off, and offer to keep this one."""
    try:
        kept = calls.views.views(api).data
    except ApiError as error:
        st.caption(f"Your views could not be read: {error.detail}")
        kept = []
    st.session_state[_KEPT] = kept
    links.html(str(drawn(asked, kept)))
    own = [view for view in kept if view.is_own]
    with st.container(horizontal=True):
        if st.button("Save as a view", key="save_view", disabled=not asked.narrows and not asked.oldest):
            st.dialog("Save as a view", on_dismiss="rerun")(save_dialog)(api, asked, own)
        if own and st.button("Edit views", key="edit_views"):
            st.dialog("Edit views", on_dismiss="rerun")(edit_dialog)(api, own)


def drawn(asked: Filters, kept: Sequence[SavedView]) -> Markup:
    """Markup of links to all views; the one that is shown is marked."""
    here = asked.at("")
    named = [(name, filters, "") for name, filters in state.VIEWS.items()]
    named += [(_called(view), filters_of(view), _whose(view)) for view in kept]
    links = Markup(" ").join(
        Markup('<a href="{}"{}{}>{}</a>').format(
            state.payments_link(filters),
            Markup(' aria-current="page"') if filters == here else "",
            Markup(' title="{}" class="pay-kept"').format(whose) if whose else "",
            name,
        )
        for name, filters, whose in named
    )
    return Markup('<nav class="pay-views" aria-label="Views">{}</nav>').format(links)


def filters_of(view: SavedView) -> Filters:
    """Read a view as its address would be read."""
    kept = view.filters.model_dump(mode="json", exclude_none=True)
    return Filters.from_address({name: str(value) for name, value in kept.items()})


def to_keep(filters: Filters) -> ViewFilters:
    """Return what is kept of an address: everything but the page that was open."""
    address: dict[str, object] = {**filters.at("").to_address()}
    if "rows" in address:
        address["rows"] = filters.rows
    return ViewFilters.model_validate(address)


def save_dialog(api: ApiClient, asked: Filters, own: Sequence[SavedView]) -> None:
    """Ask for a name, and keep what the address says."""
    st.html(str(facts.facts(asked.at("").to_address().items())))
    inputs = Fields()
    name = (st.text_input("Name", max_chars=LONGEST_NAME, key="view_name") or "").strip()
    inputs.under("name")
    is_shared = st.checkbox("Share it with everybody", key="view_shared", help=SHARED_HELP)
    taken = any(view.name.casefold() == name.casefold() for view in own)
    if taken:
        st.caption("A view of yours has this name. It will show these payments instead.")
    label = "Replace it" if taken else "Save"
    if not st.button(label, type="primary", key="view_save", disabled=not name):
        return
    try:
        calls.views.save_view(api, SaveView(name=name, filters=to_keep(asked), is_shared=is_shared))
    except (ApiError, ValidationError) as error:
        problems.refused(error, inputs)
        return
    st.rerun()


def edit_dialog(api: ApiClient, own: Sequence[SavedView]) -> None:
    """Rename, share or delete one of the reader's own views, chosen by its number."""
    by_number = {view.id: view for view in own}
    number = st.selectbox(
        "View", list(by_number), format_func=lambda one: by_number[one].name, key="edited_view"
    )
    view = by_number[number]
    st.html(str(facts.facts(filters_of(view).to_address().items())))
    if view.dropped:
        lost = ", ".join(map(in_words, view.dropped))
        st.warning(f"It was kept with a filter that is not known any more and is left out: {lost}.")
    inputs = Fields()
    name = (st.text_input("Name", view.name, max_chars=LONGEST_NAME, key=f"name_{number}") or "").strip()
    inputs.under("name")
    is_shared = st.checkbox(
        "Share it with everybody", view.is_shared, key=f"shared_{number}", help=SHARED_HELP
    )
    with st.container(horizontal=True):
        change = st.button("Save changes", type="primary", key="view_change", disabled=not name)
        delete = st.button("Delete this view", key="view_delete")
    try:
        if change:
            calls.views.change_view(api, number, ChangeView(name=name, is_shared=is_shared))
        elif delete:
            calls.views.delete_view(api, number)
    except (ApiError, ValidationError) as error:
        problems.refused(error, inputs)
        return
    if change or delete:
        st.rerun()


def _last() -> list[SavedView]:
    return cast("list[SavedView]", st.session_state.get(_KEPT, []))


def _called(view: SavedView) -> str:
    """Its name, and what it has lost: a list that shows more than it did must say so."""
    lost = ", ".join(map(in_words, view.dropped))
    return f"{view.name} (without its {lost})" if lost else view.name


def _whose(view: SavedView) -> str:
    if view.is_own:
        return "yours, shared with everybody" if view.is_shared else "yours"
    return f"shared by {view.owner}"
