"""A shell that is kept for one service's `ready` command, so that asking again costs a fork and not a start.

It must behave as if each question were a shell of its own: every run is a subshell without our pipes.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from typing import TYPE_CHECKING

from devtools.supervisor import run
from devtools.supervisor.tree import RUN_VARIABLE

if TYPE_CHECKING:
    from pathlib import Path

    from devtools.supervisor.reaper import Reaper

OUTPUT_SHOWN = 2000
# stdin brings questions, stdout takes answers; the command sees neither, nor our words as its arguments.
_LOOP = """\
__devtools_command=$1 __devtools_output=$2; shift 2
while IFS= read -r __devtools_question; do
  ( eval "$__devtools_command" ) </dev/null >"$__devtools_output" 2>&1
  echo "$?"
done
"""


class ProbeShell:
    """Asks one command again and again; started at the first question, ended by `close`."""

    def __init__(
        self, reaper: Reaper, command: str, *, cwd: str, environment: dict[str, str], mark: str, output: Path
    ) -> None:
        self._reaper = reaper
        self._command = command
        self._cwd = cwd
        self._environment = {**environment, RUN_VARIABLE: mark}
        self._output = output
        self._pid: int | None = None
        self._questions = -1
        self._answers = -1
        self._answer: asyncio.Future[bytes] | None = None

    async def ask(self) -> tuple[int, str]:
        """The command's exit code and the first of what it printed. Cancelled: whatever it runs is killed."""
        if self._pid is None:
            self._start()
        loop = asyncio.get_running_loop()
        self._answer = loop.create_future()
        try:
            os.write(self._questions, b"\n")
            code = int((await self._answer) or b"-1")
        except (BrokenPipeError, asyncio.CancelledError):
            self.close()
            raise
        if code < 0:
            self.close()
            raise OSError("its shell ended")
        return code, self._said()

    def close(self) -> None:
        """Kill the shell and everything that it runs."""
        if self._pid is None:
            return
        asyncio.get_running_loop().remove_reader(self._answers)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._pid, signal.SIGKILL)
        os.close(self._questions)
        os.close(self._answers)
        self._pid = None

    def _start(self) -> None:
        self._output.touch(mode=0o600)
        questions, self._questions = os.pipe()
        self._answers, answers = os.pipe()
        try:
            self._pid, _ = self._reaper.spawn(
                [run.shell(), "-c", _LOOP, "ready", self._command, str(self._output)],
                cwd=self._cwd,
                environment=self._environment,
                output=answers,
                stdin=questions,
            )
        finally:
            os.close(questions)
            os.close(answers)
        os.set_blocking(self._answers, False)
        asyncio.get_running_loop().add_reader(self._answers, self._read)

    def _read(self) -> None:
        with contextlib.suppress(BlockingIOError):
            data = os.read(self._answers, 64)
            if self._answer is not None and not self._answer.done():
                self._answer.set_result(data.strip())
            if not data:
                asyncio.get_running_loop().remove_reader(self._answers)

    def _said(self) -> str:
        try:
            with self._output.open("rb") as stream:
                return stream.read(OUTPUT_SHOWN).decode(errors="replace").strip()
        except OSError:
            return ""
