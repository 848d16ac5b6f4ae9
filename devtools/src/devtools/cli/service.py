"""`devtools service …`, also as `devtools automations service …`.

It must keep the words and flags of `ona automations service`.
"""

from __future__ import annotations

from typing import Annotated

import typer

from devtools.cli import nodes
from devtools.cli.logs import DEFAULT_LINES, show
from devtools.cli.shapes import service_shape
from devtools.errors import FAILED
from devtools.session import open_session
from devtools.verbs import TRUST

app = typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode=None)

Reference = Annotated[str, typer.Argument(metavar="REF", help="The id in automations.yaml.")]
References = Annotated[list[str], typer.Argument(metavar="REF...", help="Ids in automations.yaml.")]
Output = Annotated[str, typer.Option("--output", "-o", help="json or yaml")]
Trust = Annotated[bool, typer.Option("--trust", help=TRUST)]


@app.command("list")
def list_(output: Output = "") -> int:
    """List the services."""
    found = nodes.known(open_session(), "service")
    return nodes.listing(found, [service_shape(node) for node in found], output)


@app.command()
def status(reference: Reference, output: Output = "") -> int:
    """Show one service; exit 1 where it neither runs nor starts."""
    session = open_session()
    nodes.check(session, [reference], "service")
    found = [node for node in nodes.known(session, "service") if node["id"] == reference]
    nodes.listing(found, [service_shape(node) for node in found], output)
    return 0 if found and found[0]["phase"] in ("running", "starting") else FAILED


@app.command()
def start(references: References, trust: Trust = False) -> int:
    """Start services and what they depend on; wait until they are ready."""
    session = open_session()
    nodes.check(session, references, "service")
    nodes.start(session, references, f"service start {' '.join(references)}", rerun=False, trusted=trust)
    return 0


@app.command()
def stop(references: References) -> int:
    """Stop services; what depends on them stays as it is."""
    session = open_session()
    nodes.check(session, references, "service")
    nodes.stop(session, references)
    return 0


@app.command()
def restart(references: References, trust: Trust = False) -> int:
    """Stop and start services."""
    from devtools.cli.restart import command

    nodes.check(open_session(), references, "service")
    return command(references, trust)


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
