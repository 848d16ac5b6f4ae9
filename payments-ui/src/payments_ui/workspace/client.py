"""The workspace's supervisor as the page sees it: HTTP over its Unix socket, four questions and one act.

It must not stop, restart or plan anything, though the supervisor would: whoever holds the socket may do all
that its owner may, so this is the one way to it, and it is narrow on purpose.
"""

import os
import socket
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import httpx
from pydantic import TypeAdapter, ValidationError

from payments_ui.api_client import ApiError, ApiRefused
from payments_ui.workspace.wire import Begun, LastVerdict, Logged, Status, Timeline, Verdict

VALIDATION = "validate"
"""The task that proves the workspace, by its id in automations.yaml."""
ANSWER_TIMEOUT_S = 10.0

Answer = TypeVar("Answer")


class SupervisorAway(ApiError):
    """Nobody answers for the workspace; what runs in it may go on without."""

    way_out = (
        "Services go on without it. `./dev up` brings it back and takes over what still runs; "
        "`.devtools/logs/supervisor.log` has its last words."
    )


class SupervisorStrange(ApiError):
    """It answered something that this version of the pages cannot read."""

    way_out = "Its version is another than that of these pages: `./dev down` and `./dev up` renew it."


class Supervisor:
    """One workspace's supervisor; one instance serves every session of the process."""

    def __init__(self, path: str) -> None:
        """path: where its Unix socket is, which must be this user's own."""
        self._socket = Path(path)
        self._http = httpx.Client(
            transport=httpx.HTTPTransport(uds=path),
            base_url="http://supervisor",
            timeout=ANSWER_TIMEOUT_S,
            trust_env=False,
        )

    def status(self) -> Status:
        """Read every service and task as it is now."""
        return self._ask(Status, "GET", "/v1/status")

    def timeline(self) -> Timeline:
        """Read where the time of the last start went."""
        return self._ask(Timeline, "GET", "/v1/timeline")

    def verdict(self) -> Verdict | None:
        """Read the last validation, which may be at work."""
        return self._ask(LastVerdict, "GET", "/v1/verdict").verdict

    def logs(self, name: str, *, text: str = "", since_s: str = "", lines: int = 200) -> Logged:
        """Read the end of one log, or of all where `name` is empty."""
        asked = {"ids": name, "text": text, "since": since_s, "lines": str(lines)}
        return self._ask(
            Logged, "GET", "/v1/logs", params={key: value for key, value in asked.items() if value}
        )

    def validate(self) -> Begun:
        """Begin a validation; raises ApiRefused where one is at work."""
        return self._ask(Begun, "POST", "/v1/run", body={"id": VALIDATION})

    def _ask(
        self,
        shape: type[Answer],
        method: str,
        path: str,
        params: Mapping[str, str] | None = None,
        body: Mapping[str, str] | None = None,
    ) -> Answer:
        self._must_be_ours()
        try:
            answer = self._http.request(method, path, params=params, json=body)
        except httpx.TimeoutException as error:
            raise SupervisorAway("The supervisor of this workspace does not answer in time.") from error
        except httpx.TransportError as error:
            raise SupervisorAway("The supervisor of this workspace does not answer.") from error
        try:
            if answer.is_success:
                return TypeAdapter(shape).validate_json(answer.content)
            said = str(answer.json()["error"])
        except (ValidationError, ValueError, KeyError, TypeError) as error:
            raise SupervisorStrange("The supervisor's answer makes no sense to these pages.") from error
        if said.startswith("no route"):
            raise SupervisorStrange("The supervisor does not know what these pages ask.")
        raise ApiRefused(f"The supervisor refused: {said}.", code="refused", status=answer.status_code)

    def _must_be_ours(self) -> None:
        """Refuse a socket that another user has put there, or may speak to, or on which nobody listens."""
        try:
            found = self._socket.stat()
        except OSError as error:
            raise SupervisorAway("The supervisor of this workspace is not there.") from error
        if found.st_uid != os.getuid() or stat.S_IMODE(found.st_mode) & 0o077:
            raise SupervisorAway("The supervisor's socket is not this user's own, so it is not spoken to.")
        # Tried before httpx does, which leaves a socket that could not connect to the garbage collector.
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as door:
            door.settimeout(ANSWER_TIMEOUT_S)
            try:
                door.connect(str(self._socket))
            except OSError as error:
                raise SupervisorAway("The supervisor of this workspace does not answer.") from error
