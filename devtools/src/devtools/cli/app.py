"""The entry point `devtools`: finds the command's file in a table and imports only that.

It must not do a command's work, and must never show a traceback.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from typing import TYPE_CHECKING

from devtools.verbs import COMMANDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from devtools.manifest.model import Command

_PLATFORM_WORDS = ("automations", "auto", "service", "task")


def main(argv: list[str] | None = None) -> int:
    """Run one command line; the return value is the process's exit status."""
    arguments = sys.argv[1:] if argv is None else argv
    if arguments[:1] in (["await"], ["exec"]) and os.environ.get("DEVTOOLS_ORDERED") == "1":
        # The supervisor has already ordered this start and filled this environment: not a millisecond more.
        if arguments[0] == "await":
            return 0
        _become(arguments[1:])
    try:
        return _run(arguments)
    except KeyboardInterrupt:
        return 130
    finally:
        _close_quietly()


def _run(arguments: list[str]) -> int:
    from devtools import console
    from devtools.cli import quick
    from devtools.errors import FAILED, DevtoolsError

    name = arguments[0] if arguments else "--help"
    if name in ("--help", "-h", "help"):
        _print_help()
        return 0 if arguments else 2
    if name in ("--version", "version"):
        _print_version()
        return 0
    entry = COMMANDS.get(name)
    try:
        if name == "platform":
            from devtools.cli import platform

            return platform.call(arguments[1:])
        if name in _PLATFORM_WORDS and any(word.startswith("--environment-id") for word in arguments):
            from devtools.cli import platform

            arguments = platform.without_environment(arguments)
        if entry is None:
            return _of_the_workspace(name, arguments[1:])
        found = quick.read(arguments)
        if found is not None:
            return _call(*found)
        return _invoke(load(name), name, arguments[1:])
    except DevtoolsError as fault:
        console.error(fault.message, fault.hint)
        return fault.exit_code
    except Exception as fault:  # the last edge before the user: a bug of ours is one line, never a traceback
        if os.environ.get("DEVTOOLS_DEBUG"):
            raise
        if isinstance(fault, OSError) and fault.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            console.error(f"{fault.strerror}: {fault.filename or ''}", "free some space, then call again")
            return FAILED
        console.error(
            f"{type(fault).__name__}: {fault}",
            "this is a fault of devtools itself; DEVTOOLS_DEBUG=1 shows where",
        )
        return FAILED


def _become(words: list[str]) -> None:
    """Turn into the command of `exec -- COMMAND`, where it has no options and can be found."""
    if words[:1] == ["--"]:
        words = words[1:]
    if words and not words[0].startswith("-"):
        with contextlib.suppress(OSError):
            os.execvp(words[0], words)  # noqa: S606 (to become the command is what is asked)


def _call(target: str, values: dict[str, object]) -> int:
    """Run a command whose line the quick door has read."""
    import importlib

    module_name, _, attribute = target.partition(":")
    status = getattr(importlib.import_module(module_name), attribute)(**values)
    return status if isinstance(status, int) else 0


def load(name: str) -> Callable[..., object]:
    """The click command registered under `name`, its module imported now."""
    import importlib

    os.environ.setdefault("TYPER_USE_RICH", "0")  # rich costs 60 ms and draws boxes that no program can read
    import typer
    from typer.main import get_command

    module_name, _, attribute = COMMANDS[name].target.partition(":")
    module = importlib.import_module(module_name)
    # Commands with a quick door import typer for type checkers only; their annotations need it now.
    vars(module).setdefault("typer", typer)
    target = getattr(module, attribute)
    if isinstance(target, typer.Typer):
        return get_command(target)
    settings = getattr(target, "context_settings", None)
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command(name=name, context_settings=settings)(target)
    return get_command(app)


def _invoke(command: Callable[..., object], name: str, arguments: list[str]) -> int:
    from typer import Abort, Exit, TyperException

    from devtools import console

    try:
        status = command(arguments, prog_name=f"devtools {name}", standalone_mode=False)
    except TyperException as fault:
        console.error(fault.format_message(), f"devtools {name} --help")
        return fault.exit_code
    except Exit as stop:
        return stop.exit_code
    except Abort:
        return 130
    return status if isinstance(status, int) else 0


def _of_the_workspace(name: str, arguments: list[str]) -> int:
    """Become the workspace's own command of this name, in the environment of its services."""
    from devtools.workspace import locate

    if locate(required=False).file is None:
        return _unknown(name, {})
    from devtools.cli import exec as running
    from devtools.session import open_session

    session = open_session()
    commands = session.files[1].commands
    if name not in commands:
        return _unknown(name, commands)
    from devtools.cli.agree import agree

    agree(session, "up --no-validate")
    return running.become(session, [*commands[name].words, *arguments])


def _unknown(name: str, commands: dict[str, Command]) -> int:
    import difflib

    from devtools import console

    close = difflib.get_close_matches(name, [*COMMANDS, *commands], n=1)
    hint = f"did you mean `devtools {close[0]}`?" if close else "devtools --help lists the commands"
    console.error(f"no such command: {name}", hint)
    return 2


def _print_help() -> None:
    from devtools import console

    console.out("Usage: devtools COMMAND [ARGUMENTS]\n")
    console.out("Opens, runs and proves a workspace from its automations.yaml.\n\nCommands:")
    shown = {name: entry.summary for name, entry in COMMANDS.items() if not entry.hidden}
    own = {name: f"Runs `{' '.join(command.words)}`." for name, command in _commands_here().items()}
    width = max(map(len, (*shown, *own)))
    for name, summary in shown.items():
        console.out(f"  {name.ljust(width)}  {summary}")
    if own:
        console.out("\nOf this workspace, in the environment of its services:")
    for name, summary in own.items():
        console.out(f"  {name.ljust(width)}  {summary}")
    console.out(
        "\ndevtools COMMAND --help says more. Exit codes: 0 ok, 1 it failed, 2 wrong use or bad file,"
    )
    console.out("3 blocked by another holder (named), 130 interrupted.")


def _commands_here() -> dict[str, Command]:
    """The workspace's own commands; none outside of one, and none where its files are bad."""
    from devtools.errors import DevtoolsError
    from devtools.session import open_session

    try:
        return open_session().files[1].commands
    except DevtoolsError:
        return {}


def _print_version() -> None:
    from importlib.metadata import version

    from devtools import console

    console.out(f"devtools {version('devtools')}")


def _close_quietly() -> None:
    """Flush what is left; a reader that went away is no error."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (BrokenPipeError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def run() -> None:
    """For `python -m devtools`."""
    raise SystemExit(main())


if __name__ == "__main__":
    run()
