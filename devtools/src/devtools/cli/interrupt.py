"""Ctrl-C, SIGTERM and SIGHUP as one thing: the first interrupts, a later one does what it was told to.

It must not swallow an interruption that nobody handles.
"""

from __future__ import annotations

import contextlib
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from types import FrameType, TracebackType
    from typing import Self

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """Raises KeyboardInterrupt at the first signal; afterwards calls what `then` was given."""

    def __init__(self) -> None:
        self._call: Callable[[], object] | None = None
        self._before: dict[signal.Signals, object] = {}
        self.count = 0
        self._is_held = False

    def then(self, call: Callable[[], object]) -> None:
        """What a further signal shall do, instead of raising."""
        self._call = call

    def __enter__(self) -> Self:
        for name in _SIGNALS:
            if signal.getsignal(name) is not signal.SIG_IGN:  # nohup stays nohup
                self._before[name] = signal.signal(name, self._interrupted)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name, handler in self._before.items():
            signal.signal(name, handler)  # pyright: ignore[reportArgumentType]

    @contextlib.contextmanager
    def held(self) -> Generator[None]:
        """Put an interruption off to the end of a step that must be known to have happened or not."""
        self._is_held = True
        try:
            yield
        finally:
            self._is_held = False
        if self.count:
            raise KeyboardInterrupt

    def _interrupted(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self.count += 1
        if self._is_held:
            return
        if self.count == 1:
            raise KeyboardInterrupt
        if self._call is not None:
            with contextlib.suppress(OSError):
                self._call()
