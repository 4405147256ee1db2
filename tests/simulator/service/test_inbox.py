import json
from typing import Any

import pytest
from aiohttp import WSMessage, WSMsgType

from ivr_bridge.simulator.service.inbox import BadMessage, read_message
from tests.support.asyncapi import messages_of, validator_for


def text(value: Any) -> WSMessage:
    return WSMessage(WSMsgType.TEXT, value if isinstance(value, str) else json.dumps(value), "")


def test_audio_is_decoded():
    assert read_message(text({"user_audio_chunk": "AAE="})) == {"user_audio_chunk": b"\x00\x01"}


def test_an_object_as_result_becomes_text():
    message = {"type": "client_tool_result", "tool_call_id": "c", "result": {"a": 1}, "is_error": False}
    assert read_message(text(message))["result"] == '{"a": 1}'


def test_a_multimodal_message_is_its_text():
    message = {"type": "multimodal_message", "text": {"type": "user_message", "text": "hi"}}
    assert read_message(text(message)) == {"type": "user_message", "text": "hi"}


def test_every_message_of_the_vendors_file_is_read():
    samples: dict[str, dict[str, Any]] = {
        "UserAudio": {"user_audio_chunk": "AAAA"},
        "Pong": {"type": "pong", "event_id": 1},
        "UserMessage": {"type": "user_message", "text": "hi"},
        "UserActivity": {"type": "user_activity"},
        "UserFeedback": {"type": "feedback", "event_id": 1, "score": None},
        "ClientToolResult": {"type": "client_tool_result", "tool_call_id": "c", "result": "r", "is_error": False},
        "MCPToolApprovalResult": {"type": "mcp_tool_approval_result", "tool_call_id": "c", "is_approved": True},
        "ContextualUpdate": {"type": "contextual_update", "text": "x"},
        "ConversationInitiation": {"type": "conversation_initiation_client_data"},
        "MultimodalMessage": {"type": "multimodal_message", "text": {"type": "user_message", "text": "x"}},
    }
    assert set(samples) == set(messages_of("subscribe"))
    for name, sample in samples.items():
        validator_for(name).validate(sample)
        assert read_message(text(sample))


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("{", "invalid_message"),
        ("3", "invalid_message"),
        ({}, "invalid_message"),
        ({"type": 3}, "invalid_message"),
        ({"type": "interruption"}, "invalid_message"),
        ({"type": "pong", "event_id": True}, "invalid_message"),
        ({"type": "pong", "event_id": "1"}, "invalid_message"),
        ({"type": "contextual_update"}, "missing_fields"),
        ({"user_audio_chunk": 3}, "invalid_message"),
        ({"user_audio_chunk": "A"}, "invalid_message"),
    ],
)
def test_bad(value: Any, kind: str):
    with pytest.raises(BadMessage) as bad:
        read_message(text(value))
    assert bad.value.error_type == kind


def test_only_text():
    with pytest.raises(BadMessage):
        read_message(WSMessage(WSMsgType.BINARY, b"{}", ""))
