"""A superuser's view of the test's database, for what only one can do."""

import pytest

from payments_schema.testing import url_of


@pytest.fixture
def superuser_url(server_url: str, database_name: str) -> str:
    """Not the application's, not the owner's: a superuser of the server."""
    return url_of(server_url, database_name)
