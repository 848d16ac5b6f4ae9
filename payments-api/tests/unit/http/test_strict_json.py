"""JSON bodies, read exactly."""

from decimal import Decimal

import pytest

from payments_api.http.strict_json import MalformedJson, parse


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": 0.30000000000000004}', {"a": Decimal("0.30000000000000004")}),
        ('{"a": 2.5e2, "b": 250}', {"a": Decimal("250"), "b": 250}),
        ("[]", []),
        ('"\\u00e9\\ud83d\\ude00"', "é😀"),
        (
            '{"a": 0.1000000000000000055511151231257827}',
            {"a": Decimal("0.1000000000000000055511151231257827")},
        ),
    ],
)
def test_numbers_keep_every_digit(text: str, value: object) -> None:
    assert parse(text.encode()) == value


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"{'a': 1}",
        b'{"a": 1} x',
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b'{"a": 1, "a": 2}',
        b'{"a": {"b": 1, "b": 1}}',
        b'{"a": "\xff"}',
        b'{"a": "\\ud800"}',
        b'{"\\udfff": 1}',
        b'{"a": ["\\u0000"]}',
        b'{"a": "\x01"}',
        b"\xef\xbb\xbf{}",
        '{"a": 1}'.encode("utf-16"),
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"1" * 5000,
        b"1e" + b"9" * 30,
        b"0." + b"1" * 5000,
    ],
    ids=lambda body: repr(body[:24]),
)
def test_what_is_not_plain_json_is_422_without_its_text(body: bytes) -> None:
    with pytest.raises(MalformedJson) as refused:
        parse(body)
    assert refused.value.status_code == 422
    assert refused.value.code == "malformed_json"


def test_a_duplicate_key_is_not_echoed() -> None:
    with pytest.raises(MalformedJson) as refused:
        parse(b'{"4111111111111111": 1, "4111111111111111": 2}')
    assert "4111" not in str(refused.value.detail) + str(refused.value.extra)
