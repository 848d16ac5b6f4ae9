"""The simulator's memory on disk: an append-only file of transfers, so that kill -9 loses no money it moved.

Must not be read while running; it is replayed once, at start.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TextIO

from devtools.simulators.books import Books, Transfer


class Journal:
    """Appends every change of the books to a file; a torn last line is dropped at the next start."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: TextIO | None = None

    def attach(self, books: Books) -> int:
        """Replay the file into the books, then write down whatever they tell; gives the lines read."""
        lines = self._replay(books)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._path.open("a", encoding="utf-8")
        books.tell = self._write
        return lines

    def restart(self) -> None:
        """Forget everything, as the control API's reset does."""
        if self._file is not None:
            self._file.truncate(0)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _write(self, transfer: Transfer) -> None:
        if self._file is not None:
            self._file.write(json.dumps(asdict(transfer), separators=(",", ":")) + "\n")
            self._file.flush()  # the kernel has it: a killed process loses nothing, a crashed machine may

    def _replay(self, books: Books) -> int:
        if not self._path.exists():
            return 0
        text = self._path.read_text(encoding="utf-8")
        whole = text[: text.rfind("\n") + 1]
        if len(whole) != len(text):
            self._path.write_text(whole, encoding="utf-8")
        lines = whole.splitlines()
        for line in lines:
            books.put_back(json.loads(line))
        return len(lines)
