"""What is wrong with a request, told beneath the inputs that it is about.

It must not judge an input itself, and must never repeat what was typed.
"""

from collections.abc import Mapping

import streamlit as st
from pydantic import ValidationError
from streamlit.delta_generator import DeltaGenerator

from payments_ui.api_client import ApiError, ApiRefused

ABOUT_THE_AMOUNT = ("invalid_amount", "amount_malformed", "amount_out_of_range")
AMOUNT_NAMES = ("amount", "amount_cents", "amount_minor", "total_cents")
"""What the API calls an amount, in major or in minor units."""


class Fields:
    """Places beneath the inputs of one form or dialog, by the names that the API has for them."""

    def __init__(self) -> None:
        self._places: dict[str, DeltaGenerator] = {}

    def under(self, *names: str) -> None:
        """Keep a place beneath the input that was just shown."""
        place = st.empty()
        self._places.update(dict.fromkeys(names, place))

    def adopt(self, others: "Fields", name: str) -> None:
        """Take the places of a part of the form, whose fields the API names after `name`."""
        self._places.update({f"{name}.{field}": place for field, place in others._places.items()})

    def tell(self, reasons: Mapping[str, str]) -> dict[str, str]:
        """Write each reason in its place; return those that have none here."""
        rest: dict[str, str] = {}
        for name, reason in reasons.items():
            place = self._places.get(name)
            if place is None:
                rest[name] = reason
            else:
                place.caption(f":red[{plain(reason)}]")
        return rest


def reasons_of(error: ApiError | ValidationError) -> dict[str, str]:
    """Why, by field: as the API says it, or as our own reading of the same model did before it was asked."""
    if isinstance(error, ValidationError):
        wrongs = error.errors(include_url=False, include_input=False, include_context=False)
        return {".".join(map(str, wrong["loc"])): wrong["msg"] for wrong in wrongs}
    if not isinstance(error, ApiRefused):
        return {}
    if not error.reasons and error.code in ABOUT_THE_AMOUNT:
        return dict.fromkeys(AMOUNT_NAMES[:1], error.detail)
    return error.reasons


def plain(text: str) -> str:
    """Text that markdown takes for nothing else, as a sentence."""
    escaped = "".join(f"\\{sign}" if sign in "\\`*_[]<>$:#|~" else sign for sign in text)
    return escaped if escaped.endswith(".") else f"{escaped}."


def listed(reasons: Mapping[str, str]) -> str:
    """Markdown of a list of what is wrong, by the names of the fields in words."""
    return "\n".join(f"- **{plain(in_words(name))[:-1]}**: {plain(why)}" for name, why in reasons.items())


def in_words(name: str) -> str:
    """A field's name as a reader would say it: `accountId` as account, `filters.since` as filters since."""
    spaced = "".join(f" {sign.lower()}" if sign.isupper() else sign for sign in name)
    words = spaced.replace("_", " ").replace(".", " ").split()
    return " ".join(word for word in words if word not in {"id", "cents", "minor"}) or "the request"
