"""A Unix socket on which somebody answers as a supervisor does. It must not judge what it is asked."""

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

NOW = 1_790_000_000.0


def a_node(name: str, **more: Any) -> dict[str, Any]:
    """A service that is ready, as `GET /v1/status` tells it."""
    shown: dict[str, Any] = {
        "id": name,
        "kind": "service",
        "name": name.title(),
        "phase": "running",
        "reason": "",
        "ready": True,
        "since": NOW,
        "pid": 4711,
        "ports": [],
        "restarts": 0,
        "waits_for": [],
        "depends_on": [],
        "probe": "",
        "deadline": None,
        "exit_code": None,
        "requested_at": NOW,
        "started_at": NOW,
        "ready_at": NOW,
        "ended_at": None,
        "stale": False,
        "cpu": 3.25,
        "memory_bytes": 52_428_800,
        "processes": 1,
    }
    return shown | more


def a_task(name: str, **more: Any) -> dict[str, Any]:
    """A task that nobody asked for yet."""
    idle = {"kind": "task", "phase": "pending", "ready": False, "pid": None, "requested_at": None}
    return a_node(
        name, **{**idle, "started_at": None, "ready_at": None, "cpu": None, "memory_bytes": None, **more}
    )


def a_step(name: str, phase: str = "passed", **more: Any) -> dict[str, Any]:
    """A step of a validation."""
    shown = {"id": name, "name": name, "phase": phase, "passed": phase == "passed", "seconds": 0.0131}
    return {**shown, "evidence": {}, "error": None, "log_tail": [], **more}


def a_verdict(*steps: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A validation that passed."""
    told = {"run": "r1", "target": "http://127.0.0.1:3001", "started_at": NOW, "ended_at": NOW + 1}
    return {"verdict": {**told, "passed": True, "at_work": False, "steps": list(steps), **more}}


def a_bar(name: str, begins: float, ready: float, *, critical: bool = False) -> dict[str, Any]:
    """A node of a start that was asked for at once."""
    seconds = {"requested_s": 0.0, "started_s": begins, "ready_s": ready}
    return {
        **{"id": name, "kind": "service", **seconds, "waited_s": begins, "starting_s": ready - begins},
        **{"depends_on": [], "is_critical": critical},
    }


def a_start(*bars: dict[str, Any], not_ready: tuple[str, ...] = ()) -> dict[str, Any]:
    """A start."""
    return {
        "began_at": NOW,
        "total_s": max((bar["ready_s"] for bar in bars), default=0.0),
        "critical_path": [bar["id"] for bar in bars if bar["is_critical"]],
        "not_ready": list(not_ready),
        "nodes": list(bars),
    }


def a_status(*nodes: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A workspace; its database's address holds what no page may show."""
    told = {"name": "payments", "root": "/home/ama/payments", "nodes": list(nodes), "urls": {}, "ports": {}}
    return {**told, "database_url": "postgresql://a:secret@h/d", "pid": 1, "closing": False, **more}


def some_lines(*texts: str, left_out: int = 0) -> dict[str, Any]:
    """Lines of one log."""
    lines = [{"at": NOW + at, "source": "api", "text": text} for at, text in enumerate(texts)]
    return {"lines": lines, "left_out": left_out, "looked_at_bytes": 524_288}


class Supervised:
    """What is answered, by method and path; `asked` is what came, with its body."""

    def __init__(self, socket: Path) -> None:
        self.socket = socket
        self.asked: list[tuple[str, Any]] = []
        self.answers: dict[str, tuple[int, Any]] = {
            "GET /v1/status": (200, a_status(a_node("api"), a_task("validate"))),
            "GET /v1/timeline": (200, a_start(a_bar("api", 0.5, 2.0, critical=True))),
            "GET /v1/verdict": (200, {"verdict": None}),
            "GET /v1/logs": (200, some_lines("listens")),
            "POST /v1/run": (200, {"begun": ["validate"]}),
        }


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


@contextmanager
def answering(socket: Path) -> Iterator[Supervised]:
    """Answer on a private socket until the end."""
    told = Supervised(socket)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            told.asked.append((f"GET {self.path}", None))
            self._answer("GET")

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            told.asked.append((f"POST {self.path}", body))
            self._answer("POST")

        def _answer(self, method: str) -> None:
            path = self.path.partition("?")[0]
            status, body = told.answers.get(f"{method} {path}", (404, {"error": f"no route {method} {path}"}))
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with _Server(str(socket), Handler) as server:
        socket.chmod(0o600)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield told
        finally:
            server.shutdown()
            thread.join()
    socket.unlink()
