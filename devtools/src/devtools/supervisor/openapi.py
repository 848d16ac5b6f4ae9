"""The OpenAPI document of the supervisor's API.

It must list exactly the routes of `server.py` and the keys of its answers; a test compares both.
"""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_FLAG: Schema = {"type": "boolean"}
_COUNT: Schema = {"type": "integer"}
_IDS: Schema = {"type": "array", "items": _TEXT, "description": "Ids of automations.yaml."}
_PLAN: Schema = {"type": "object", "description": "A resolved workspace, as `devtools` sends it."}
_GRACE: Schema = {"type": ["number", "null"], "description": "Cuts every service's own grace, in seconds."}
_PHASES = ("pending", "starting", "running", "stopping", "stopped", "succeeded", "failed")


def _or_null(schema: Schema, description: str) -> Schema:
    return {**schema, "type": [schema["type"], "null"], "description": description}


def _moment(description: str) -> Schema:
    return _or_null({"type": "number"}, f"{description}, in seconds since 1970.")


def _object(properties: dict[str, Schema], *, optional: tuple[str, ...] = ()) -> Schema:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required}


_NODE = _object(
    {
        "id": _TEXT,
        "kind": {"type": "string", "enum": ["service", "task"]},
        "name": _TEXT,
        "phase": {"type": "string", "enum": list(_PHASES)},
        "reason": {"type": "string", "description": "Why it is in this phase; empty where that is plain."},
        "ready": _FLAG,
        "since": {"type": "number", "description": "When the phase began, in seconds since 1970."},
        "pid": _or_null(_COUNT, "The leader of its session."),
        "ports": {"type": "array", "items": _COUNT},
        "restarts": _COUNT,
        "waits_for": _IDS,
        "depends_on": _IDS,
        "probe": {"type": "string", "description": "The last answer of its probe."},
        "deadline": _moment("When it has to be ready"),
        "exit_code": _or_null(_COUNT, "Negative: the signal that ended it."),
        "requested_at": _moment("When it was asked for"),
        "started_at": _moment("When its process began"),
        "ready_at": _moment("When it was ready; a task: when it had succeeded"),
        "ended_at": _moment("When its last process was gone"),
        "stale": {"type": "boolean", "description": "It runs by an older definition than the plan's."},
        "cpu": _or_null({"type": "number"}, "Percent of one core since the last question, its whole tree."),
        "memory_bytes": _or_null(_COUNT, "Resident memory of its whole tree."),
        "processes": {"type": "integer", "description": "How many processes its tree has."},
    },
    optional=("cpu", "memory_bytes", "processes"),
)
_STATUS = _object(
    {
        "name": _TEXT,
        "root": {"type": "string", "description": "The workspace's folder."},
        "nodes": {"type": "array", "items": {"$ref": "#/components/schemas/Node"}},
        "urls": {"type": "object", "additionalProperties": _TEXT},
        "ports": {"type": "object", "additionalProperties": _COUNT},
        "database_url": _or_null(_TEXT, "Where the workspace has a database."),
        "pid": {"type": "integer", "description": "The supervisor's own."},
        "closing": {"type": "boolean", "description": "Everything is being stopped."},
        "watches": {
            "type": "object",
            "additionalProperties": _TEXT,
            "description": "Where saves are followed: by repository, what one restarts, in words.",
        },
    }
)
_WAITED = _object({"ok": _FLAG, "reason": _TEXT, "timed_out": _FLAG}, optional=("reason", "timed_out"))
_OK = _object({"ok": _FLAG})
_SECONDS: Schema = {"type": "number", "description": "Seconds since the start began."}
_BAR = _object(
    {
        "id": _TEXT,
        "kind": {"type": "string", "enum": ["service", "task"]},
        "requested_s": _SECONDS,
        "started_s": _SECONDS,
        "ready_s": _SECONDS,
        "waited_s": {"type": "number", "description": "How long it stood in line for its dependencies."},
        "starting_s": {"type": "number", "description": "How long it took itself."},
        "depends_on": _IDS,
        "is_critical": {"type": "boolean", "description": "Its time made the whole start longer."},
    }
)
_TIMELINE = _object(
    {
        "began_at": _moment("When the start began"),
        "total_s": _SECONDS,
        "critical_path": _IDS,
        "not_ready": _IDS,
        "nodes": {"type": "array", "items": _BAR},
    }
)
_LINE = _object(
    {
        "at": {"type": "number", "description": "When it was written, to 50 ms, in seconds since 1970."},
        "source": _TEXT,
        "text": {"type": "string", "description": "At most 2000 characters of it."},
    }
)
_LOGGED = _object(
    {
        "lines": {"type": "array", "items": _LINE},
        "left_out": {"type": "integer", "description": "Older lines that fit the question as well."},
        "looked_at_bytes": {"type": "integer", "description": "How far back each log was read."},
    }
)
_STEP = _object(
    {
        "id": _TEXT,
        "name": _TEXT,
        "phase": {"type": "string", "enum": ["pending", "running", "passed", "failed", "skipped"]},
        "passed": _FLAG,
        "seconds": {"type": "number"},
        "evidence": {"type": "object"},
        "error": _or_null(_TEXT, "What was expected and what was seen."),
        "log_tail": {"type": "array", "items": _TEXT, "description": "The log of the service to blame."},
    }
)
_RECORD = _object(
    {
        "run": _TEXT,
        "target": {"type": "string", "description": "The API that was asked."},
        "started_at": {"type": "number"},
        "ended_at": _moment("When it was over"),
        "passed": {"type": ["boolean", "null"], "description": "Null until it is over."},
        "at_work": {"type": "boolean", "description": "False without an end: it broke off."},
        "steps": {"type": "array", "items": _STEP},
    }
)
_VERDICT = _object({"verdict": {"anyOf": [_RECORD, {"type": "null"}], "description": "Null before any."}})
_BEGUN = _object({"begun": _IDS})
_ERROR = _object({"error": _TEXT, "known": _IDS}, optional=("known",))
_NODES: Schema = {"type": "array", "items": {"$ref": "#/components/schemas/Node"}}
_EVENT: Schema = {
    "type": "object",
    "description": "One line of a stream; it has exactly one of these keys.",
    "properties": {
        "node": {"$ref": "#/components/schemas/Node"},
        "leftovers": _object({"adopted": _IDS, "ended": _COUNT}),
        "begun": _IDS,
        "result": _object({"begun": _IDS, "nodes": _NODES}, optional=("begun",)),
    },
    "minProperties": 1,
    "maxProperties": 1,
}


def _answers(schema: str, *refusals: tuple[str, str], stream: bool = False) -> Schema:
    kind = "application/x-ndjson" if stream else "application/json"
    told = "JSON lines, each an Event: a node at every change, the result last." if stream else "The answer."
    content = {kind: {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    answers: Schema = {"200": {"description": told, "content": content}}
    for status, description in refusals:
        error = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
        answers[status] = {"description": description, "content": error}
    return answers


_BAD = ("400", "The request cannot be read.")
_UNKNOWN = ("404", "Nothing has this id; `known` lists what there is.")
_CLOSING = ("409", "Everything is being stopped.")
_LARGE = ("413", "The body is larger than 16 MiB.")


def _get(name: str, summary: str, schema: str, *refusals: tuple[str, str], **query: Schema) -> Schema:
    stream = schema == "Event"
    operation: Schema = {"operationId": name, "summary": summary}
    operation["responses"] = _answers(schema, *refusals, stream=stream)
    if query:
        operation["parameters"] = [
            {"name": key, "in": "query", "required": False, "schema": value} for key, value in query.items()
        ]
    return {"get": operation}


def _post(
    name: str, summary: str, schema: str, *refusals: tuple[str, str], needs: str = "", **body: Schema
) -> Schema:
    operation: Schema = {"operationId": name, "summary": summary}
    operation["responses"] = _answers(schema, _BAD, *refusals, _LARGE, stream=schema == "Event")
    if body:
        described = {"type": "object", "properties": body, "required": needs.split()}
        operation["requestBody"] = {
            "required": bool(needs),
            "content": {"application/json": {"schema": described}},
        }
    return {"post": operation}


_TETHER: Schema = {"type": "string", "description": "Set: when this connection ends, everything is stopped."}
_TIMEOUT: Schema = {"type": "number", "default": 60, "description": "Seconds."}
_NAMES: Schema = {"type": "string", "description": "Ids, with commas between them."}
_RERUN: Schema = {"type": "boolean", "description": "Every task on the way runs again."}
_WATCH: Schema = {
    "type": ["boolean", "null"],
    "description": "Follow saves in the repositories from now on, or not any more; null: as it was.",
}

_FILLED: Schema = {
    "type": "object",
    "additionalProperties": _TEXT,
    "description": "Tasks that need not run before they are asked for by name, and why.",
}

DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {
        "title": "devtools supervisor",
        "version": "1",
        "description": "Over the Unix socket that `.devtools/supervisor.json` names; its owner only.",
    },
    "paths": {
        "/v1/status": _get("status", "Every node, with ports, processor and memory.", "Status"),
        "/v1/events": _get("events", "Every node, then every change.", "Event", tether=_TETHER),
        "/v1/wait": _get(
            "wait", "Wait until nodes are ready.", "Waited", _BAD, _UNKNOWN, ids=_NAMES, timeout=_TIMEOUT
        ),
        "/v1/timeline": _get("timeline", "Where the time of the last start went.", "Timeline"),
        "/v1/logs": _get(
            "logs",
            "The last lines of logs.",
            "Logged",
            _BAD,
            _UNKNOWN,
            ids=_NAMES,
            lines={"type": "integer", "default": 200, "maximum": 1000},
            since={"type": "integer", "description": "Only what is younger, in seconds."},
            text={"type": "string", "maxLength": 200, "description": "Only lines that contain it."},
        ),
        "/v1/verdict": _get("verdict", "The last validation, step by step as it comes.", "Verdict"),
        "/v1/run": _post(
            "run",
            "Begin a task anew, and what it depends on where that is not there; returns at once.",
            "Begun",
            _UNKNOWN,
            ("409", "It is at work already, or everything is being stopped."),
            needs="id",
            id=_TEXT,
        ),
        "/v1/plan": _post("plan", "Take a plan without starting anything.", "Ok", needs="plan", plan=_PLAN),
        "/v1/up": _post(
            "up",
            "Take a plan, then start the roots and what they depend on.",
            "Event",
            _UNKNOWN,
            _CLOSING,
            needs="plan roots",
            plan=_PLAN,
            roots=_IDS,
            watch=_WATCH,
            filled=_FILLED,
        ),
        "/v1/start": _post(
            "start",
            "Start nodes and what they depend on.",
            "Event",
            _UNKNOWN,
            _CLOSING,
            needs="ids",
            plan=_PLAN,
            ids=_IDS,
            rerun=_RERUN,
        ),
        "/v1/stop": _post(
            "stop", "Stop nodes.", "Event", _UNKNOWN, needs="ids", plan=_PLAN, ids=_IDS, grace_s=_GRACE
        ),
        "/v1/restart": _post(
            "restart", "Stop and start nodes.", "Event", _UNKNOWN, _CLOSING, needs="ids", plan=_PLAN, ids=_IDS
        ),
        "/v1/down": _post("down", "Stop everything and end the supervisor.", "Event", grace_s=_GRACE),
        "/v1/kill": _post("kill", "SIGKILL to everything that runs.", "Ok"),
        "/openapi.json": _get("openapi", "This document.", "Document"),
    },
    "components": {
        "schemas": {
            "Node": _NODE,
            "Status": _STATUS,
            "Event": _EVENT,
            "Waited": _WAITED,
            "Timeline": _TIMELINE,
            "Logged": _LOGGED,
            "Verdict": _VERDICT,
            "Begun": _BEGUN,
            "Ok": _OK,
            "Error": _ERROR,
            "Document": {"type": "object"},
        }
    },
}
