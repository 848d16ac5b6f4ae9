"""The README's requests to the simulator's control API are understood as they stand there."""

from __future__ import annotations

import shlex
from pathlib import Path

import httpx

from devtools.simulators.server import create_app
from devtools.simulators.world import World

README = Path(__file__).parents[3] / "README.md"


async def test_every_request_is_understood():
    lines = README.read_text(encoding="utf-8").splitlines()
    commands = [shlex.split(line, comments=True) for line in lines if "localhost:3002/_control/" in line]
    world = World(seed=1)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(create_app(world)), base_url="http://s"
    ) as http:
        for command in commands:
            method = command[command.index("-X") + 1] if "-X" in command else "GET"
            body = command[command.index("-d") + 1] if "-d" in command else None
            (address,) = [word for word in command if word.startswith("localhost:3002")]
            answer = await http.request(method, address.removeprefix("localhost:3002"), content=body)
            assert answer.status_code == 200, (command, answer.text)
    assert len(commands) == 5
    assert world.seed == 7
