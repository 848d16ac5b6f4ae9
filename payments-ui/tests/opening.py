"""Opens a page in AppTest, at an address as a reader would. It must not look at what the page shows."""

from collections.abc import Callable, Mapping

from streamlit.testing.v1 import AppTest

from payments_ui.fake_api_client import FakeApiClient


def opened(page: Callable[[FakeApiClient], None], api: FakeApiClient, **address: str) -> AppTest:
    """A page that is given an API."""
    return opened_with(page, {"api": api}, address)


def opened_with(
    page: Callable[..., None], arguments: Mapping[str, object], address: Mapping[str, str]
) -> AppTest:
    """Any page, after a run that raised nothing."""
    test = AppTest.from_function(page, kwargs=dict(arguments), default_timeout=60)
    for name, value in address.items():
        test.query_params[name] = value
    test.run()
    assert not test.exception
    return test
