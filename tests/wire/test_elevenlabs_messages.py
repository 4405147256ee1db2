"""Every message of the vendor's AsyncAPI file through our codec, and everything we send against that file."""

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from ivr_bridge.elevenlabs.conversation.events import (
    AgentAudio,
    AgentResponded,
    AgentResponseCorrected,
    CallerTentative,
    CallerTranscribed,
    ConversationStarted,
    Interrupted,
    NotedEvent,
    Pinged,
    ToolReported,
    ToolRequested,
    UnknownMessage,
    VendorFaulted,
)
from ivr_bridge.elevenlabs.conversation.protocol import ConversationProtocol
from ivr_bridge.elevenlabs.conversation.socket import SOURCE_INFO
from tests.elevenlabs.fixtures import fixture

SPEC = Path(__file__).parents[3] / "shared" / "specs" / "elevenlabs-conversation.asyncapi.yaml"

ACTED_ON = {
    "audio": AgentAudio,
    "ping": Pinged,
    "conversation_initiation_metadata": ConversationStarted,
    "agent_response": AgentResponded,
    "agent_response_correction": AgentResponseCorrected,
    "user_transcript": CallerTranscribed,
    "tentative_user_transcript": CallerTentative,
    "interruption": Interrupted,
    "client_tool_call": ToolRequested,
    "agent_tool_response": ToolReported,
    "error": VendorFaulted,
}


@cache
def _spec() -> dict[str, Any]:
    if not SPEC.exists():
        words = f"no {SPEC.name} beside the checkout: ElevenLabs messages are not checked against the vendor's contract"
        if os.environ.get("CI") == "true":
            pytest.fail(words)
        pytest.skip(words)
    spec = yaml.safe_load(SPEC.read_text(encoding="utf-8"))
    assert isinstance(spec, dict)
    return spec


def _resolve(schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        target: Any = _spec()
        for part in schema["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        schema = target
    if "allOf" in schema:
        merged: dict[str, Any] = {"type": "object", "required": [], "properties": {}}
        for part in map(_resolve, schema["allOf"]):
            merged["required"] += part.get("required", [])
            merged["properties"] |= part.get("properties", {})
        return merged
    return schema


def _examples(schema: dict[str, Any], name: str = "") -> list[Any]:
    """One value with the required keys only, and one with every key; more where the contract has a choice."""
    schema = _resolve(schema)
    if "const" in schema:
        return [schema["const"]]
    if "enum" in schema:
        return list(schema["enum"])
    for choice in ("oneOf", "anyOf"):
        if choice in schema:
            return [example for option in schema[choice] for example in _examples(option, name)]
    kind = schema.get("type")
    if kind == "object":
        properties = schema.get("properties", {})
        required = schema.get("required", [])
        small = {key: _examples(properties[key], key)[0] for key in required}
        whole = {key: _examples(value, key)[-1] for key, value in properties.items()}
        variants = [small, whole]
        for key in properties:
            if len(examples := _examples(properties[key], key)) > 2:
                variants += [whole | {key: example} for example in examples]
        return variants
    if kind == "array":
        return [[], _examples(schema["items"])[:1]]
    return [{"string": "AAAA" if "base64" in (name, schema.get("format")) else "2026-01-01T00:00:00Z", "integer": 3,
             "number": 0.5, "boolean": True, "null": None}[str(kind)]]  # fmt: skip


def _messages(direction: str) -> list[tuple[str, dict[str, Any]]]:
    channel = _spec()["channels"]["AgentMessages"][direction]["message"]["oneOf"]
    return [(ref["$ref"].rsplit("/", 1)[1], _resolve(ref)["payload"]) for ref in channel]


def _validator(payload: dict[str, Any]) -> Draft7Validator:
    return Draft7Validator({"allOf": [payload], "components": _spec()["components"]})


def _opened() -> ConversationProtocol:
    protocol = ConversationProtocol()
    protocol.initiation()
    protocol.receive_text(json.dumps(fixture("server_messages.json")[0]["message"]))
    return protocol


def test_every_message_of_the_contract_is_known_to_the_codec():
    seen = set()
    for name, payload in _messages("publish"):
        for message in _examples(payload):
            protocol = ConversationProtocol()
            protocol.initiation()
            (event,) = protocol.receive_text(json.dumps(message))
            assert not isinstance(event, UnknownMessage), (name, message)
            assert isinstance(event, ACTED_ON.get(message["type"], NotedEvent)), (name, message)
            seen.add(message["type"])
    assert len(seen) == len(_messages("publish"))
    assert set(ACTED_ON) <= seen
    assert set(_spec()["components"]["schemas"]["ClientEvent"]["enum"]) <= seen


def test_the_walk_can_fail():
    """An example without its object is told apart, so the walk proves something."""
    (event,) = _opened().receive_text('{"type":"interruption"}')
    assert isinstance(event, UnknownMessage)


def test_every_error_type_of_the_contract_reaches_the_bridge():
    payload = dict(_messages("publish"))["ErrorMessage"]
    for message in _examples(payload):
        (event,) = _opened().receive_text(json.dumps(message))
        assert isinstance(event, VendorFaulted)
        assert event.error_type == message["error_event"].get("error_type", "")


def test_everything_we_send_is_in_the_contract():
    protocol = ConversationProtocol()
    sent = [
        protocol.initiation(
            overrides={
                "agent": {"first_message": "Hola", "language": "es", "prompt": {"prompt": "p"}},
                "tts": {"voice_id": "v", "stability": 0.5},
                "conversation": {"text_only": False},
            },
            dynamic_variables={"caller_number": "+15550100001", "n": 3, "vip": True, "share": 0.5},
            user_id="hash",
            source_info=SOURCE_INFO,
        )
    ]
    protocol.receive_text(json.dumps(fixture("server_messages.json")[0]["message"]))
    sent += [
        ConversationProtocol().initiation(),
        protocol.user_audio("/////w=="),
        protocol.pong(7),
        protocol.tool_result("c", {"a": 1}, is_error=False),
        protocol.tool_result("c", "no such account", is_error=True),
        protocol.contextual_update("t"),
        protocol.contextual_update("t", "heard"),
        protocol.user_message("t"),
        protocol.user_activity(),
    ]
    by_type = {}
    for name, payload in _messages("subscribe"):
        const = _resolve(_resolve(payload)["properties"].get("type", {})).get("const")
        by_type[const] = (name, payload)
    for text in sent:
        message = json.loads(text)
        _, payload = by_type[message.get("type")]
        assert list(_validator(payload).iter_errors(message)) == [], message
        assert set(message) <= set(_resolve(payload)["properties"]), "a key that the contract does not have"


def test_the_contract_can_refuse():
    payload = dict(_messages("subscribe"))["ClientToolResult"]
    message = json.loads(_opened().tool_result("c", "r", is_error=False))
    assert not list(_validator(payload).iter_errors(message))
    assert list(_validator(payload).iter_errors(message | {"result": {"a": 1}}))


CLAIMED = [entry for entry in fixture("server_messages.json") if entry["certainty"] == "contract"]


@pytest.mark.parametrize("entry", CLAIMED, ids=lambda entry: entry["name"])
def test_fixtures_that_claim_the_contract_keep_it(entry: dict[str, Any]):
    of_kind = [
        payload
        for _, payload in _messages("publish")
        if _resolve(_resolve(payload)["properties"]["type"]).get("const") == entry["message"]["type"]
    ]
    assert of_kind
    errors = [
        error
        for error in _validator(of_kind[0]).iter_errors(_without_nulls(entry["message"]))
        if error.validator != "additionalProperties"
    ]
    assert errors == []


def _without_nulls(value: Any) -> Any:
    # The contract says `nullable`, which is OpenAPI's word and not JSON Schema's.
    if isinstance(value, dict):
        return {key: _without_nulls(inner) for key, inner in value.items() if inner is not None}
    return value
