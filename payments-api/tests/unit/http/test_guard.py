"""Hosts and sizes."""

import pytest

from payments_api.http.guard import host_name


@pytest.mark.parametrize(
    ("header", "name"),
    [
        (b"localhost:3001", "localhost"),
        (b"127.0.0.1", "127.0.0.1"),
        (b"[::1]:3001", "::1"),
        (b"EVIL.example:80", "evil.example"),
        (b"", ""),
    ],
)
def test_the_name_of_a_host_header(header: bytes, name: str) -> None:
    assert host_name(header) == name
