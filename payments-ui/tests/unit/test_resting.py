"""What is put into Streamlit and uvicorn stands where they look for it: an update that moves it is seen."""

import inspect

from streamlit.web import bootstrap
from streamlit.web.server.starlette.starlette_server import UvicornRunner


def test_streamlit_takes_uvicorns_server_by_its_name() -> None:
    assert "uvicorn.Server(" in inspect.getsource(UvicornRunner)


def test_streamlit_watches_its_configuration_in_one_place() -> None:
    parameters = inspect.signature(bootstrap._install_config_watchers).parameters  # pyright: ignore[reportPrivateUsage]
    assert list(parameters) == ["flag_options"]
