"""What people read: an address goes out without its password."""

from __future__ import annotations

import pytest

from devtools import console


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://anna:s3cret@127.0.0.1:5432/payments", "postgresql://anna:***@127.0.0.1:5432/payments"),
        (
            "postgresql://anna:p%40ss:w@db/payments?sslmode=require",
            "postgresql://anna:***@db/payments?sslmode=require",
        ),
        ("postgresql://anna@db/payments", "postgresql://anna@db/payments"),
        ("postgresql:///payments", "postgresql:///payments"),
    ],
)
def test_an_address_is_shown_without_its_password(url: str, shown: str) -> None:
    assert console.address(url) == shown
