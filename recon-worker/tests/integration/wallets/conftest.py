"""A platform with a simulator for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio
from psycopg import AsyncConnection
from wallets.world import Wallets


@pytest_asyncio.fixture
async def wallets(conn: AsyncConnection[Any]) -> AsyncIterator[Wallets]:
    made = Wallets(conn)
    yield made
    await made.close()
