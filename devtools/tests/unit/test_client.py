"""A supervisor that goes between two looks is told as lost, and is never a fault of devtools."""

from __future__ import annotations

import shutil
import socket
import tempfile
import threading
from pathlib import Path

import pytest

from devtools.supervisor.client import Client, Lost
from devtools.workspace import Workspace


@pytest.mark.parametrize("way", ["no socket", "nobody behind it", "closed at once"])
def test_a_supervisor_that_went_a_moment_ago_is_lost(way):
    folder = Path(tempfile.mkdtemp(prefix="dt-"))  # a socket's path must be short
    client = Client(Workspace(folder, None, folder))
    client.path = str(folder / "s")
    try:
        with socket.socket(socket.AF_UNIX) as listening:
            if way != "no socket":
                listening.bind(client.path)
            closing = threading.Thread(target=lambda: listening.accept()[0].close())
            if way == "closed at once":
                listening.listen()
                closing.start()
            with pytest.raises(Lost):
                list(client.stream("/v1/up", {"plan": {}}))
            if closing.ident:
                closing.join()
    finally:
        shutil.rmtree(folder)
