"""The Idempotency-Key header."""

import pytest

from payments_api.http.idempotency import IdempotencyKeyRefused, parse_key


@pytest.mark.parametrize(
    ("header", "key"),
    [
        ("abc", "abc"),
        ('"abc"', "abc"),
        (' "a b" ', "a b"),
        ('"a\\"b\\\\c"', 'a"b\\c'),
        ('"', '"'),
        ("x" * 255, "x" * 255),
        (f'"{"x" * 255}"', "x" * 255),
    ],
)
def test_bare_and_quoted_keys_are_the_same(header: str, key: str) -> None:
    assert parse_key(header) == key


@pytest.mark.parametrize("header", [None, "", "   ", '""', "x" * 256, f'"{"x" * 256}"', "a\x85b"])
def test_no_key_is_400(header: str | None) -> None:
    with pytest.raises(IdempotencyKeyRefused) as refused:
        parse_key(header)
    assert refused.value.status_code == 400
