"""The published JSON Schemas and the checks agree about every file that either can judge."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from devtools.manifest.load import judge

AUTOMATIONS = {
    "services": {"a": {"name": "A", "commands": {"start": "x"}}},
    "tasks": {"t": {"name": "T", "command": "x"}},
}


def schema(name: str) -> Draft202012Validator:
    """A published schema."""
    text = files("devtools.manifest").joinpath(f"schemas/{name}.schema.json").read_text()
    Draft202012Validator.check_schema(json.loads(text))
    return Draft202012Validator(json.loads(text))


def service(**keys: object) -> dict[str, object]:
    """A file with one service."""
    return {"services": {"a": {"name": "A", "commands": {"start": "x"}, **keys}}}


def task(**keys: object) -> dict[str, object]:
    """A file with one task."""
    return {"tasks": {"t": {"name": "T", "command": "x", **keys}}}


@pytest.mark.parametrize(
    "document",
    [
        {},
        AUTOMATIONS,
        service(role="editor", readinessTimeout="1.5s", triggeredBy=["prebuild"], runsOn={"machine": {}}),
        service(runsOn={"docker": {"image": "x", "environment": ["A=1", "B"]}}),
        service(runsOn={"docker": {"image": "x", "environment": ["1A"]}}),
        service(runsOn={"docker": {"image": "x"}, "machine": {}}),
        service(role="owner"),
        service(readinessTimeout="5m"),
        service(triggeredBy=["beforeSnapshot"]),
        service(commands={"start": " "}),
        service(commands={"ready": "x"}),
        service(env={}),
        service(name=1),
        task(triggeredBy=["beforeSnapshot"], prebuildRequiresSuccess=True),
        task(prebuildRequiresSuccess="yes"),
        task(command=""),
        task(dependsOn="t"),
        {"tasks": {"a b": {"command": "x"}}},
        {"other": {}},
        [],
    ],
)
def test_automations(tmp_path: Path, document: object):
    file = tmp_path / "automations.yaml"
    file.write_text(json.dumps(document))
    assert judge(file).valid == schema("automations").is_valid(document)


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"workspace": "w", "ports": {"web": 3000}},
        {"ports": {"web": "3000"}},
        {"ports": {"web": 0}},
        {"services": {"a": {"dependsOn": {"t": "completed"}, "restart": "always", "replicas": 2}}},
        {
            "services": {
                "a": {"dependsOn": ["t"], "restart": {"policy": "on-failure", "backoff": "1s", "max": 3}}
            }
        },
        {"services": {"a": {"dependsOn": {"t": "done"}}}},
        {"services": {"a": {"restart": {"policy": "maybe"}}}},
        {"services": {"a": {"ready": {"http": {"port": 1, "status": "200-299"}, "timeout": "5s"}}}},
        {"services": {"a": {"ready": {"http": {"path": "/"}}}}},
        {"services": {"a": {"ready": {"tcp": 1}, "live": {"exec": "x"}}}},
        {"services": {"a": {"ready": {"log": "x", "tcp": 1}}}},
        {"services": {"a": {"ready": {"notify": None}, "stop": {"signal": "INT", "grace": 5}}}},
        {"services": {"a": {"stop": {"grace": "soon"}}}},
        {"services": {"a": {"env": {"A": 1, "B": "x"}, "envFile": ".env", "watch": ["src"]}}},
        {"services": {"a": {"env": {"A-B": "x"}}}},
        {"services": {"a": {"colour": "red"}}},
        {"tasks": {"t": {"dependsOn": {"a": "ready"}, "env": {"X": True}}}},
        {"tasks": {"t": {"ports": []}}},
        {"repositories": {"r": {"path": "r", "url": "u", "ref": "main", "group": "g"}}},
        {"repositories": {"r": {"branch": "main"}}},
        {"repositories": {"r": {"sources": ["lib", "*.sql"]}, "s": {"dependsOn": "r"}}},
        {"repositories": {"r": {"sources": 1}}},
        {"repositories": {"r": {}}, "services": {"a": {"repository": ["r"], "restartWith": "a"}}},
        {"repositories": {"r": {}}, "tasks": {"t": {"repository": "r"}}},
        {"tasks": {"t": {"restartWith": "a"}}},
        {"database": {"service": "a", "port": "1", "name": "n", "owner": "o", "user": "u"}},
        {"database": {"service": "a"}},
        {"commands": {"books": "program books", "b-2": "x"}},
        {"commands": {"Books": "x"}},
        {"commands": {"books": " "}},
        {"commands": {"books": ["x"]}},
        {"commands": None},
    ],
)
def test_workspace(tmp_path: Path, document: object):
    (tmp_path / "automations.yaml").write_text(json.dumps(AUTOMATIONS))
    (tmp_path / "workspace.yaml").write_text(json.dumps(document))
    verdict = judge(tmp_path / "automations.yaml", with_overlay=True)
    assert verdict.valid == schema("workspace").is_valid(document), verdict.errors
