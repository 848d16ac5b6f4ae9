"""Finds the browser that the pages are tested with, and installs Debian's where CI has none.

Must not download a browser build of its own, and must not install anything on a developer's machine.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ON_MACOS = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
HOW_TO_GET_ONE = "no browser is installed, so the browser tests are skipped; Debian: apt-get install chromium"


def find() -> str | None:
    """The path of a Chromium or Chrome, or None."""
    for name in NAMES:
        if path := shutil.which(name):
            return path
    return next((path for path in ON_MACOS if Path(path).is_file()), None)


def may_install() -> bool:
    """True in CI, as root, where apt-get is."""
    return os.environ.get("CI") == "true" and os.geteuid() == 0 and shutil.which("apt-get") is not None


def begin_install(log: Path) -> subprocess.Popen[bytes]:
    """Start installing Debian's Chromium in the background; its output goes to `log`."""
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    script = "apt-get update -q && apt-get install -y -q --no-install-recommends chromium"
    with log.open("wb") as output:
        return subprocess.Popen(
            ["sh", "-c", script], stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=quiet
        )
