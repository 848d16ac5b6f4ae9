"""What makes a supervisor its instance's holder: the lock in the state folder, and that the folder is there.

It must not decide what follows from a loss, and must not poll where the kernel tells.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

from devtools.supervisor.kernel import GOES, FileWatch

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LOOK_S = 5.0  # only where the kernel does not tell


class Holding:
    """The open, locked file `lock` of an instance."""

    def __init__(self, lock: Path, descriptor: int) -> None:
        self._lock = lock
        self._descriptor = descriptor
        self._watch = FileWatch(GOES)
        self._looking: asyncio.Task[None] | None = None

    def is_intact(self) -> bool:
        """False once the locked file is no longer the one that others would lock."""
        try:
            return os.path.samestat(self._lock.stat(), os.fstat(self._descriptor))
        except OSError:
            return False

    def on_loss(self, call: Callable[[], None]) -> None:
        """Call back when the state folder, or the lock in it, is deleted or moved away."""
        loop = asyncio.get_running_loop()
        descriptor = self._watch.descriptor
        if descriptor is None or self._watch.add(str(self._lock.parent)) is None:
            self._looking = loop.create_task(self._look(call))
            return

        def told() -> None:
            self._watch.drain()
            if not self.is_intact():
                loop.remove_reader(descriptor)
                call()

        loop.add_reader(descriptor, told)
        if not self.is_intact():  # it went before we looked
            told()

    async def _look(self, call: Callable[[], None]) -> None:
        while self.is_intact():  # noqa: ASYNC110 (nobody tells us on this system)
            await asyncio.sleep(LOOK_S)
        call()
