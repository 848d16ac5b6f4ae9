"""Runs the simulator as the service `provider-simulator` on loopback, port 3002 unless PORT says else.

Must not listen beyond loopback: its control API needs no key.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

from starlette.applications import Starlette
from starlette.routing import Mount

from devtools.simulators import airteltigo, control, mtn, telecel
from devtools.simulators.callbacks import deliver_forever
from devtools.simulators.journal import Journal
from devtools.simulators.world import World

LOOPBACK = ("127.0.0.1", "::1", "localhost")


def create_app(world: World | None = None, journal: Journal | None = None) -> Starlette:
    """The simulator as an ASGI app; without its lifespan no callback is sent and none is lost."""
    known = world or World()
    if journal is not None:
        journal.attach(known.books)

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncGenerator[None]:
        task = asyncio.create_task(deliver_forever(known))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            if journal is not None:
                journal.close()

    routes = [
        Mount("/mtn", routes=mtn.ROUTES),
        Mount("/telecel", routes=telecel.ROUTES),
        Mount("/airteltigo", routes=airteltigo.ROUTES),
        *control.ROUTES,
    ]
    app = Starlette(routes=routes, lifespan=lifespan)
    app.state.world = known
    app.state.journal = journal
    return app


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="provider-simulator",
        description="Simulates the MTN, Telecel and AirtelTigo mobile-money APIs, with faults on request.",
    )
    parser.add_argument("--host", default=os.environ.get("HOST", "127.0.0.1"), help="a loopback address")
    parser.add_argument("--port", type=int, default=int(os.environ.get("PORT", "3002")))
    parser.add_argument("--seed", type=int, default=int(os.environ.get("SIMULATOR_SEED", "1")))
    parser.add_argument(
        "--journal",
        type=Path,
        default=_default_journal(),
        help="where transfers are remembered over a restart (default: the workspace's state folder, if any)",
    )
    return parser.parse_args(arguments)


def _default_journal() -> Path | None:
    state = os.environ.get("DEVTOOLS_STATE_DIR")
    return Path(state) / "simulator" / "transfers.jsonl" if state else None


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until told to stop. Exit 2 for an address beyond loopback."""
    options = _arguments(arguments)
    if options.host not in LOOPBACK:
        raise SystemExit(_refuse(f"the simulator listens on loopback only, not on {options.host}"))
    try:
        import uvicorn
        from uvicorn.config import STARTUP_FAILURE

        from devtools.simulators.resting import RestingServer
    except ModuleNotFoundError:
        raise SystemExit(
            _refuse("the simulator needs the extra: pip install 'devtools[simulators]'")
        ) from None
    world = World(seed=options.seed)
    world.books.seed = options.seed
    journal = Journal(options.journal) if options.journal else None
    config = uvicorn.Config(
        create_app(world, journal),
        host=options.host,
        port=options.port,
        log_level=os.environ.get("LOG_LEVEL", "warning").lower(),
        access_log=False,
        timeout_keep_alive=120,
        timeout_graceful_shutdown=2,
    )
    served = RestingServer(config)
    with contextlib.suppress(KeyboardInterrupt):  # repeated by uvicorn once it has stopped
        served.run()
    return 0 if served.started else STARTUP_FAILURE


def _refuse(message: str) -> int:
    os.write(2, f"error: {message}\n".encode())
    return 2


if __name__ == "__main__":
    raise SystemExit(main())
