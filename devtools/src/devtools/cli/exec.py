"""`devtools exec -- CMD`: a command in the environment that the workspace's services have.

It must become the command: its exit status and signals are its own.
"""

from __future__ import annotations

import os
from typing import Annotated

import typer

from devtools.errors import WrongUse
from devtools.session import Session, open_session

_NOT_FOR_PEOPLE = ("DEVTOOLS_ORDERED",)


def command(
    words: Annotated[list[str], typer.Argument(metavar="-- COMMAND...")],
    service: Annotated[str, typer.Option(help="Also the variables of this service.")] = "",
) -> int:
    """Run a command with the workspace's DATABASE_URL, ports and PATH."""
    return become(open_session(), words, service)


def become(session: Session, words: list[str], service: str = "") -> int:
    """Turn into the command `words` in the workspace's environment; WrongUse where it cannot be."""
    plan = session.plan()
    environment = dict(plan.environment)
    if service:
        if service not in plan.definitions:
            raise WrongUse(f"nothing is called `{service}`", hint=f"known: {', '.join(plan.definitions)}")
        environment.update(plan.definitions[service].env)
    for name in _NOT_FOR_PEOPLE:
        environment.pop(name, None)
    try:
        os.execvpe(words[0], words, environment)  # noqa: S606 (to become the command is what is asked)
    except OSError as fault:
        raise WrongUse(f"{words[0]}: {fault.strerror}") from None


command.context_settings = {"ignore_unknown_options": True, "allow_interspersed_args": False}  # pyright: ignore[reportFunctionMemberAccess]
