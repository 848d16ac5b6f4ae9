"""`devtools service …`, also as `devtools automations service …`.

It must keep the words and flags of `ona automations service`.
"""

from __future__ import annotations

from typing import Annotated

import typer

from devtools.cli import nodes
from devtools.cli.logs import DEFAULT_LINES, show
from devtools.cli.shapes import service_shape
from devtools.session import open_session

app = typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode=None)

Reference = Annotated[str, typer.Argument(metavar="REF", help="The id in automations.yaml.")]
Output = Annotated[str, typer.Option("--output", "-o", help="json or yaml")]


@app.command("list")
def list_(output: Output = "") -> int:
    """List the services."""
    found = nodes.known(open_session(), "service")
    return nodes.listing(found, [service_shape(node) for node in found], output)


@app.command()
def start(reference: Reference) -> int:
    """Start a service and what it depends on; wait until it is ready."""
    session = open_session()
    nodes.check(session, [reference], "service")
    nodes.start(session, [reference], rerun=False)
    return 0


@app.command()
def stop(reference: Reference) -> int:
    """Stop a service."""
    session = open_session()
    nodes.check(session, [reference], "service")
    nodes.stop(session, [reference])
    return 0


@app.command()
def restart(reference: Reference) -> int:
    """Stop and start a service."""
    from devtools.cli.restart import command

    nodes.check(open_session(), [reference], "service")
    return command([reference])


@app.command()
def logs(
    reference: Reference,
    no_follow: Annotated[bool, typer.Option("--no-follow", help="Do not go on with what comes.")] = False,
    lines: Annotated[int, typer.Option("-n", "--lines", min=0)] = DEFAULT_LINES,
) -> int:
    """Show and follow a service's log."""
    session = open_session()
    nodes.check(session, [reference], "service")
    return show(session, [reference], follow=not no_follow, lines=lines)
