"""Validators made from the vendor's AsyncAPI files, which lie beside the checkout and are not part of it."""

import json
import os
import re
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

SPECS = Path(__file__).resolve().parents[3] / "shared" / "specs"
CONVERSATION = SPECS / "elevenlabs-conversation.asyncapi.yaml"
SPEECH = SPECS / "elevenlabs-tts-websocket.asyncapi.yaml"

_LITERAL = re.compile(r"literal<(.*)>")


@cache
def _spec(path: Path) -> dict[str, Any]:
    """An AsyncAPI document; without it the test fails where CI=true, and is skipped elsewhere."""
    if not path.exists():
        missing = f"the vendor's file {path.name} is missing: no message was validated"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    document: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))
    return _nullable(document)


def conversation_spec() -> dict[str, Any]:
    """The document of the conversation."""
    return _spec(CONVERSATION)


def speech_problems_of(message: dict[str, Any], *, multi: bool, by_client: bool) -> list[str]:
    """What is wrong with a message of a speech socket; empty when it is one of its channel's.

    Each message of the channel is tried, for they have no `type`; told is what the one with the fewest problems lacks.
    A client's message may have no field that the file does not know; the service's own examples have some.
    """
    document = _spec(SPEECH)
    components = document["components"]
    name = "multi-stream-input" if multi else "stream-input"
    channel = document["channels"][f"/v1/text-to-speech/{{voice_id}}/{name}"]
    found: list[list[str]] = []
    for entry in channel["publish" if by_client else "subscribe"]["message"]["oneOf"]:
        kind = entry["$ref"].rpartition("/")[2]
        schema = components["schemas"][components["messages"][kind]["payload"]["$ref"].rpartition("/")[2]]
        known = {**schema, "components": components, "additionalProperties": not by_client}
        if not by_client and "isFinal" in schema["properties"]:
            known["required"] = ["isFinal"]  # without it anything would be a FinalOutput
        faults = jsonschema.Draft7Validator(known).iter_errors(message)
        found.append([f"{kind}: {error.json_path}: {error.message}" for error in faults])
    return min(found, key=len)


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
    if isinstance(fern := node.get("x-fern-type"), str):  # the file's own word for a constant, or a list of numbers
        if literal := _LITERAL.fullmatch(fern):
            copy["const"] = json.loads(literal[1])
        elif fern == "list<integer>":
            copy |= {"type": "array", "items": {"type": "integer"}}
    if copy.pop("nullable", False) is True:
        return {"anyOf": [copy, {"type": "null"}]}
    return copy
