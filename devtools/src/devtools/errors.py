"""The one error of devtools that a person is meant to read: a sentence, an exit code and a hint.

It must not be raised for faults of our own; those are bugs and keep their type.
"""

from __future__ import annotations

OK = 0
FAILED = 1
WRONG_USE = 2
BLOCKED = 3
INTERRUPTED = 130


class DevtoolsError(Exception):
    """Something the user can understand and mend; `exit_code` is one of the contract's 1, 2, 3 or 130."""

    def __init__(self, message: str, *, exit_code: int = FAILED, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.exit_code = exit_code
        self.hint = hint


class WrongUse(DevtoolsError):
    """The request or a file is wrong: exit 2."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message, exit_code=WRONG_USE, hint=hint)


class Blocked(DevtoolsError):
    """Another holder, named in the message, is in the way: exit 3."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message, exit_code=BLOCKED, hint=hint)
