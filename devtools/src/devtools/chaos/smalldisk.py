"""A small file system under the cluster, where the machine lets us mount one, so that it can be filled up.

Must not fill a disk that anybody else uses: without a mount of its own, the fault is not available.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from devtools.postgres.home import Home, open_home

SIZE_MIB = 512


@dataclass
class SmallDisk:
    """The mount of one run; `folder` is None where the machine allows none."""

    folder: Path | None = None
    why_not: str = "nothing was mounted yet"

    def lay_under(self, state_dir: Path, name: str) -> None:
        """Mount it where the cluster will be made."""
        if os.geteuid() != 0 or shutil.which("mount") is None:
            self.why_not = "mounting a file system needs root"
            return
        home: Home = open_home(state_dir, name)
        options = f"size={SIZE_MIB}m,mode=0700,uid={home.account.uid},gid={home.account.gid}"
        home.folder.mkdir(parents=True, exist_ok=True)
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "chaos", str(home.folder)],
            capture_output=True,
            text=True,
            check=False,
        )
        if mounted.returncode:
            self.why_not = f"no file system could be mounted: {mounted.stderr.strip()}"
            return
        self.folder = home.folder
        open_home(state_dir, name)  # what it keeps beside the data lies on the new file system now

    def fill(self) -> int:
        """Take the last free byte; returns how many were taken."""
        assert self.folder is not None
        taken = 0
        with self._ballast().open("wb", buffering=0) as ballast:
            try:
                while True:
                    taken += ballast.write(bytes(1 << 16))
            except OSError:
                pass  # full, which is what was wanted
        return taken

    def relieve(self) -> None:
        """Give the space back."""
        if self.folder is not None:
            self._ballast().unlink(missing_ok=True)

    def lift(self) -> None:
        """Unmount it; the cluster must have stopped."""
        if self.folder is not None:
            subprocess.run(["umount", "--lazy", str(self.folder)], capture_output=True, check=False)
            self.folder = None

    def _ballast(self) -> Path:
        assert self.folder is not None
        return self.folder / "ballast"
