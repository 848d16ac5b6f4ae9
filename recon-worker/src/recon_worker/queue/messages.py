"""Reads Dramatiq messages out of rows. Must not write any: Dramatiq encodes its own."""

from __future__ import annotations

from typing import Any

from dramatiq.message import Message


class MalformedMessage(ValueError):
    """Not what its actor takes: final, nobody can ever run it."""


def message_of(fields: dict[str, Any], *, queue: str | None = None) -> Message[Any]:
    """The message in a row's JSON, on `queue` where one is given.

    Raises KeyError, TypeError or ValueError where it is none.
    """
    return Message(
        queue_name=queue or str(fields["queue_name"]),
        actor_name=str(fields["actor_name"]),
        args=tuple(fields["args"]),
        kwargs=dict(fields["kwargs"]),
        options=dict(fields["options"]),
        message_id=str(fields["message_id"]),
        message_timestamp=int(fields["message_timestamp"]),
    )
