"""A payment's story as a file to hand on: complete in what happened, masked in whom it concerns. Pure.

It must not hold a name, an account, a telephone number or a key in clear.
"""

import json
from collections.abc import Mapping, Sequence
from typing import cast

from payments_schema.wire.operations import Story

MASKED = ("party", "account", "owner", "description", "key", "phone", "name", "client", "actor", "to", "url")
_PLAIN = {"settlement_clearing", "suspense"}


def bundle(story: Story) -> str:
    """The story as JSON with everything personal masked."""
    return json.dumps(masked(story.model_dump(mode="json")), indent=2, ensure_ascii=False)


def masked(value: object, name: str = "") -> object:
    """The same value with the texts under personal names masked, at any depth."""
    if isinstance(value, Mapping):
        members = cast("Mapping[str, object]", value)
        return {key: masked(member, key) for key, member in members.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [masked(member, name) for member in cast("Sequence[object]", value)]
    if isinstance(value, str) and _is_personal(name) and value not in _PLAIN:
        return mask(value)
    return value


def _is_personal(name: str) -> bool:
    return any(part in name.split("_") for part in MASKED)


def mask(text: str) -> str:
    """Keep what tells two values apart and no more: the first three characters and the last two."""
    return f"{text[:3]}…{text[-2:]}" if len(text) > 8 else "…"
