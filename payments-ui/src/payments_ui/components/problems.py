"""How a failed call is told: what happened, what it means for the money, and what to do now.

It must not show a traceback, a status code alone, or a word that only a programmer knows.
"""

import streamlit as st
from pydantic import ValidationError

from payments_ui.api_client import ApiError, ApiNotFound, ApiRefused, ApiUnreachable
from payments_ui.components import fields
from payments_ui.components.fields import Fields


def show(error: ApiError, *, retrying: bool = False) -> None:
    """Tell a failed read. `retrying` when the page asks again by itself."""
    icon = ":material/search_off:" if isinstance(error, ApiNotFound) else ":material/cloud_off:"
    st.error(f"**{error.detail}**  \n{advice(error, retrying=retrying)}", icon=icon)


def refused(error: ApiError | ValidationError, inputs: Fields | None = None) -> None:
    """Tell a failed deed: each wrong field at its input, those without one in a list.

    inputs: the form that was sent; without it everything is in the list.
    """
    reasons = fields.reasons_of(error)
    rest = (inputs or Fields()).tell(reasons)
    if isinstance(error, ValidationError):
        st.error("**Something in this form is not as it must be.**  \n" + fields.listed(rest))
    elif isinstance(error, ApiUnreachable) and error.outcome_unknown:
        st.error(
            f"**{error.detail}**  \nWhether it was done is not known. Press again: this form carries "
            "one key, so it cannot be done twice."
        )
    elif isinstance(error, ApiRefused) and error.code == "idempotency_key_reused":
        st.error("**An earlier press of this form was carried out with other details.** Close it and look.")
    elif rest:
        st.error(f"**{error.detail}**\n\n{fields.listed(rest)}")
    elif reasons:
        st.error(f"**{error.detail}**  \nNothing was done. The field above says why.")
    else:
        st.error(f"**{error.detail}**  \n{advice(error)}")


def advice(error: ApiError, *, retrying: bool = False) -> str:
    """Say what the reader can do about it."""
    if error.way_out:
        return error.way_out
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
