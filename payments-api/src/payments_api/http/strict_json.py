"""Reads a JSON body exactly: numbers as written, every key once, and text that Postgres can hold.

Must not guess, round or repair: what is not plain JSON is refused.
"""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn, cast

from fastapi import Request

from payments_api.http.problems import Problem

LONGEST_NUMBER = 400


class MalformedJson(Problem):
    """The body is not JSON as this API reads it; says where or why, never what it held."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            422,
            "malformed_json",
            f"The body is not valid JSON: {reason}.",
            fields=[{"field": "body", "reason": reason, "type": "json_invalid"}],
        )


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise MalformedJson("an object has the same key twice")
    return members


def _exact(text: str) -> Decimal:
    if len(text) > LONGEST_NUMBER:
        raise MalformedJson("a number is too long")
    return Decimal(text)


def _whole(text: str) -> int:
    if len(text) > LONGEST_NUMBER:
        raise MalformedJson("a number is too long")
    return int(text)


def _refuse_constant(_text: str) -> NoReturn:
    raise MalformedJson("NaN and Infinity are not numbers")


_decoder = json.JSONDecoder(
    object_pairs_hook=_unique, parse_float=_exact, parse_int=_whole, parse_constant=_refuse_constant
)


def parse(body: bytes) -> Any:
    """Return the body's value: Decimal for numbers with a point or exponent, int for the others.

    Raises MalformedJson for invalid UTF-8, duplicate keys, NaN, Infinity, nesting beyond the interpreter's
    limit, unpaired surrogates and NUL characters.
    """
    try:
        value = cast(object, _decoder.decode(body.decode("utf-8")))
        if b"\\u" in body:
            _refuse_unstorable(value)
    except UnicodeDecodeError:
        raise MalformedJson("it is not UTF-8") from None
    except json.JSONDecodeError as wrong:
        raise MalformedJson(f"{wrong.msg.split(':')[0]} at character {wrong.pos}") from None
    except RecursionError:
        raise MalformedJson("it is nested too deeply") from None
    except InvalidOperation:
        raise MalformedJson("a number is out of range") from None
    return value


def _refuse_unstorable(value: object) -> None:
    """Escapes can write text that no UTF-8 column can hold; raw bytes cannot, so only they are looked at."""
    waiting: list[object] = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            if "\x00" in item or any("\ud800" <= character <= "\udfff" for character in item):
                raise MalformedJson("a text has a NUL character or half a surrogate pair")
        elif isinstance(item, dict):
            members = cast(dict[str, object], item)
            waiting.extend(members.keys())
            waiting.extend(members.values())
        elif isinstance(item, list):
            waiting.extend(cast(list[object], item))


class StrictRequest(Request):
    """A request whose `json()` is `parse`; FastAPI calls it for every declared body."""

    async def json(self) -> Any:
        return parse(await self.body())
