"""The catalogue of events as documents: a page for people, a JSON Schema for each topic, OpenAPI's webhooks.

Must not know a topic that wire.catalogue does not.
"""

from __future__ import annotations

import json
from typing import Any, cast

from payments_schema.wire.catalogue import TOPICS, message_of

HEAD = """\
# What the platform tells

Every fact below is recorded in the transaction that makes it true. `GET /api/v1/events` lists them in an
order on which readers may rely, and `POST /api/v1/webhooks/subscriptions` has them sent, signed after
[Standard Webhooks](https://www.standardwebhooks.com): `webhook-id` is the event's id and stays the same when
it is sent again, `webhook-timestamp` is when it was sent, `webhook-signature` holds one signature for each
secret in force. `docs/examples/webhook_receiver.py` shows what a receiver does with them.

Events of one subject come one after the other, in order; an event may come more than once; a member that you
do not know is no mistake. Amounts named `…_cents`, `…_minor`, and those of cards are whole minor units.

This page and the files beside it are made from `payments_schema/wire/catalogue.py`; a test says whether they
are current (`PAYMENTS_GOLDEN=write` makes them anew).

| member | meaning |
|---|---|
| `id` | `evt_…`, unique; the order to rely on is that of the list |
| `type` | the topic, as below |
| `version` | of the shape of `data` |
| `timestamp` | when it was recorded, UTC |
| `subject` | the id of what it happened to |
| `data` | as below |
"""


def page() -> str:
    """The catalogue as Markdown."""
    parts = [HEAD]
    family = ""
    for name, topic in TOPICS.items():
        if name.split(".")[0] != family:
            family = name.split(".")[0]
            parts.append(f"\n## {family}\n")
        schema = f"{name}.v{topic.version}.schema.json"
        parts.append(f"\n### {name}\n\n{topic.meaning} Subject: the {topic.subject}. [Schema]({schema})\n")
        parts.append("\n| data | type |\n|---|---|\n")
        shape = topic.data.model_json_schema()
        required = set(shape.get("required", ()))
        for member, told in cast("dict[str, dict[str, Any]]", shape["properties"]).items():
            absent = "" if member in required else ", may be absent"
            parts.append(f"| `{member}` | {_type(told)}{absent} |\n")
    return "".join(parts)


def schemas() -> dict[str, str]:
    """File names, and the JSON Schema of what a receiver gets."""
    return {
        f"{name}.v{topic.version}.schema.json": json.dumps(_schema(name), indent=2, ensure_ascii=False) + "\n"
        for name, topic in TOPICS.items()
    }


def openapi_webhooks() -> tuple[dict[str, Any], dict[str, Any]]:
    """The `webhooks` section of an OpenAPI document, and the component schemas that it refers to."""
    webhooks: dict[str, Any] = {}
    components: dict[str, Any] = {}
    headers = [
        {"name": name, "in": "header", "required": True, "schema": {"type": "string"}}
        for name in ("webhook-id", "webhook-timestamp", "webhook-signature")
    ]
    for name, topic in TOPICS.items():
        model = message_of(name)
        schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
        components |= schema.pop("$defs", {})
        components[model.__name__] = schema
        body = {"schema": {"$ref": f"#/components/schemas/{model.__name__}"}}
        webhooks[name] = {
            "post": {
                "summary": topic.meaning,
                "operationId": f"told_{name.replace('.', '_')}",
                "tags": ["webhooks"],
                "parameters": headers,
                "requestBody": {"required": True, "content": {"application/json": body}},
                "responses": {
                    "2XX": {"description": "Taken; anything else is tried again."},
                    "410": {"description": "Tell me nothing more: the subscription is disabled."},
                },
            }
        }
    return webhooks, components


def _schema(name: str) -> dict[str, Any]:
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **message_of(name).model_json_schema()}


def _type(told: dict[str, Any]) -> str:
    if "anyOf" in told:
        return " or ".join(_type(one) for one in told["anyOf"])
    if "enum" in told or "const" in told:
        return " or ".join(f"`{value}`" for value in told.get("enum", [told.get("const")]))
    if "$ref" in told:
        return str(told["$ref"]).rpartition("/")[2]
    if told.get("type") == "array":
        return f"list of {_type(told['items'])}"
    return str(told.get("type"))
