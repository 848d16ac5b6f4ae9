"""How a failed call is told: what happened, what it means for the money, and what to do now.

It must not show a traceback, a status code alone, or a word that only a programmer knows.
"""

import streamlit as st

from payments_ui.api_client import ApiError, ApiNotFound, ApiRefused, ApiUnreachable


def show(error: ApiError, *, retrying: bool = False) -> None:
    """Tell a failed read. `retrying` when the page asks again by itself."""
    icon = ":material/search_off:" if isinstance(error, ApiNotFound) else ":material/cloud_off:"
    st.error(f"**{error.detail}**  \n{advice(error, retrying=retrying)}", icon=icon)


def advice(error: ApiError, *, retrying: bool = False) -> str:
    """Say what the reader can do about it."""
    if isinstance(error, ApiNotFound):
        return "Check the id in the address of this page."
    if isinstance(error, ApiRefused):
        if error.status in {401, 403}:
            return "Your sign-in does not allow this. Sign in with a role that does, or ask for it."
        if error.fields:
            return f"Look at: {', '.join(error.fields)}."
        return "Change the request and try again."
    again = "This page asks again by itself." if retrying else "Reload the page to ask again."
    if isinstance(error, ApiUnreachable):
        return f"{again} If it stays away: `./dev status` shows whether the service `api` runs."
    return f"{again} If it goes on: `./dev logs api` has the reason."


def nothing_here(title: str, hint: str) -> None:
    """Tell that there is nothing to show, and how to get something."""
    with st.container(border=True, horizontal_alignment="center"):
        st.markdown(f"#### {title}", text_alignment="center", anchors=False)
        st.caption(hint, text_alignment="center")
