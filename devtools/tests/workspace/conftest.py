"""The workspace around this repository; its tests are skipped where devtools is checked out alone."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def root() -> Path:
    folder = Path(__file__).parents[3]
    if not (folder / "requirements.lock").is_file():
        pytest.skip("devtools is checked out alone")
    return folder
