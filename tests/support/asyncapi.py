"""Validators made from the vendor's AsyncAPI file, which lies beside the checkout and is not part of it."""

import os
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

CONVERSATION = Path(__file__).resolve().parents[3] / "shared" / "specs" / "elevenlabs-conversation.asyncapi.yaml"


@cache
def conversation_spec() -> dict[str, Any]:
    """The AsyncAPI document; without it the test fails where CI=true, and is skipped elsewhere."""
    if not CONVERSATION.exists():
        if os.environ.get("CI") == "true":
            pytest.fail("the vendor's AsyncAPI file is missing: no message was validated")
        pytest.skip("the vendor's AsyncAPI file is missing: no message was validated")
    document: dict[str, Any] = yaml.safe_load(CONVERSATION.read_text("utf-8"))
    return _nullable(document)


def validator_for(name: str) -> jsonschema.Draft7Validator:
    """The validator of a message (`Audio`) or a schema (`AudioPayload`) of the conversation."""
    components = conversation_spec()["components"]
    if name in components["messages"]:
        schema = components["messages"][name]["payload"]
    else:
        schema = {"$ref": f"#/components/schemas/{name}"}
    return jsonschema.Draft7Validator({**schema, "components": components})


def messages_of(direction: str) -> list[str]:
    """Names of the messages that the service sends (`publish`) or receives (`subscribe`)."""
    channel = conversation_spec()["channels"]["AgentMessages"][direction]
    return [entry["$ref"].rpartition("/")[2] for entry in channel["message"]["oneOf"]]


def name_of(message: dict[str, Any], direction: str = "publish") -> str | None:
    """The name of the message whose `type` is that of `message`; None if the file has no such type."""
    schemas = conversation_spec()["components"]
    for name in messages_of(direction):
        payload = schemas["schemas"][schemas["messages"][name]["payload"]["$ref"].rpartition("/")[2]]
        if "type" in message and payload["properties"].get("type", {}).get("const") == message["type"]:
            return name
        if "type" not in message and "type" not in payload["properties"] and set(payload["required"]) <= set(message):
            return name
    return None


def problems_of(message: dict[str, Any], direction: str = "publish") -> list[str]:
    """What is wrong with a message by the file; empty when it is right. An unknown type is a problem."""
    name = name_of(message, direction)
    if name is None:
        return [f"{message.get('type')}: not a message of the file"]
    return [f"{name}: {error.json_path}: {error.message}" for error in validator_for(name).iter_errors(message)]


def _nullable(node: Any) -> Any:
    """`nullable: true` (OpenAPI's word) in JSON Schema's: a schema that null satisfies as well."""
    if isinstance(node, list):
        return [_nullable(entry) for entry in node]
    if not isinstance(node, dict):
        return node
    copy = {key: _nullable(value) for key, value in node.items()}
    if copy.pop("nullable", False) is True:
        return {"anyOf": [copy, {"type": "null"}]}
    return copy
