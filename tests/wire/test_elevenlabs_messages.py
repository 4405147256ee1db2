"""Every message of the vendor's AsyncAPI file through our codec, and everything we send against that file."""

import json
from typing import Any

import pytest

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
from tests.support.asyncapi import conversation_spec, messages_of, name_of, problems_of

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


def _resolve(schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        target: Any = conversation_spec()
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
    messages = conversation_spec()["components"]["messages"]
    return [(name, messages[name]["payload"]) for name in messages_of(direction)]


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
    assert set(conversation_spec()["components"]["schemas"]["ClientEvent"]["enum"]) <= seen


def test_the_walk_can_fail():
    """An example without its object is told apart, so the walk proves something."""
    (event,) = _opened().receive_text('{"type":"interruption"}')
    assert isinstance(event, UnknownMessage)


def test_every_error_type_of_the_contract_reaches_the_bridge():
    payload = dict(_messages("publish"))["ErrorMessage"]
    seen = set()
    for message in _examples(payload):
        (event,) = _opened().receive_text(json.dumps(message))
        assert isinstance(event, VendorFaulted)
        assert event.error_type == (message["error_event"].get("error_type") or "")
        seen.add(event.error_type)
    assert {"override_error", "transport_receive_timeout", "max_duration_exceeded", "llm_timeout"} <= seen


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
    payloads = dict(_messages("subscribe"))
    for text in sent:
        message = json.loads(text)
        assert problems_of(message, "subscribe") == []
        payload = payloads[str(name_of(message, "subscribe"))]
        assert set(message) <= set(_resolve(payload)["properties"]), "a key that the contract does not have"


def test_the_contract_can_refuse():
    message = json.loads(_opened().tool_result("c", "r", is_error=False))
    assert problems_of(message, "subscribe") == []
    assert problems_of(message | {"result": {"a": 1}}, "subscribe")


CLAIMED = [entry for entry in fixture("server_messages.json") if entry["certainty"] == "contract"]


@pytest.mark.parametrize("entry", CLAIMED, ids=lambda entry: entry["name"])
def test_fixtures_that_claim_the_contract_keep_it(entry: dict[str, Any]):
    assert problems_of(entry["message"]) == []
