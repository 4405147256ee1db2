import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr_bridge.audio.formats import AudioFormat
from ivr_bridge.elevenlabs.conversation.events import (
    AgentAudio,
    AgentResponded,
    CallerTranscribed,
    ConversationClosed,
    ConversationStarted,
    Interrupted,
    Pinged,
    ToolRequested,
    UnknownMessage,
    VendorFaulted,
)
from ivr_bridge.elevenlabs.conversation.legacy_protocol import LegacyProtocol
from ivr_bridge.elevenlabs.conversation.protocol import ConversationState
from ivr_bridge.errors import LocalProtocolError

MULAW = AudioFormat.parse("ulaw_8000")
FRAME = "/" * 212 + "/w=="


def opened() -> LegacyProtocol:
    protocol = LegacyProtocol(MULAW)
    protocol.opened()
    return protocol


def read(protocol: LegacyProtocol, **message: Any) -> list[Any]:
    return list(protocol.receive_text(json.dumps(message)))


def test_it_is_open_when_the_socket_is_and_says_nothing_first() -> None:
    protocol = LegacyProtocol(MULAW)
    assert protocol.initiation(overrides={"agent": {}}) is None
    assert protocol.opened() == [ConversationStarted("", MULAW, MULAW)]
    assert protocol.state is ConversationState.OPEN


def test_the_messages_of_the_description() -> None:
    protocol = opened()
    assert read(protocol, type="agent_response", data="Hello.") == [AgentResponded("Hello.", 1)]
    assert read(protocol, type="audio", data=FRAME) == [AgentAudio(FRAME, 1)]
    call = {"name": "tool_name", "parameters": {"param1": "value1", "param2": "value2"}}
    assert read(protocol, type="client_tool_call", data=call) == [
        ToolRequested("tool_name", "legacy-1", call["parameters"], 1)  # type: ignore[arg-type]
    ]
    assert read(protocol, type="error", data="no credit") == [VendorFaulted(0, "error", "no credit")]
    assert protocol.user_audio(FRAME) == json.dumps({"type": "audio", "data": FRAME}, separators=(",", ":"))


def test_a_transcript_while_it_speaks_interrupts_and_the_server_is_told() -> None:
    protocol = opened()
    read(protocol, type="audio", data=FRAME)
    interrupted, heard = read(protocol, type="user_transcript", data=" wait ")
    assert (interrupted, heard) == (Interrupted(2), CallerTranscribed("wait", 1))
    assert protocol.answer(interrupted) == '{"type":"interruption"}'
    assert protocol.answer(heard) is None
    assert read(protocol, type="audio", data=FRAME) == [AgentAudio(FRAME, 2)]


def test_a_transcript_after_its_silence_interrupts_nothing() -> None:
    protocol = opened()
    assert read(protocol, type="user_transcript", data="hello") == [CallerTranscribed("hello", 1)]
    assert read(protocol, type="user_transcript", data="again") == [CallerTranscribed("again", 2)]


def test_a_transcript_after_the_replys_end_interrupts_nothing() -> None:
    """The caller's voice is the clock: as much of it went out as the reply was long."""
    protocol = opened()
    for _ in range(3):
        read(protocol, type="audio", data=FRAME)
    for _ in range(2):
        protocol.user_audio(FRAME)
    assert len(read(protocol, type="user_transcript", data="too early")) == 2
    read(protocol, type="audio", data=FRAME)
    for _ in range(5):
        protocol.user_audio(FRAME)
    assert read(protocol, type="user_transcript", data="well done") == [CallerTranscribed("well done", 2)]
    read(protocol, type="audio", data=FRAME)
    assert len(read(protocol, type="user_transcript", data="silence before a reply is not owed to it")) == 2


@pytest.mark.parametrize("data", [{"text": "Hi"}, {"agent_response": "Hi"}, "Hi"])
def test_text_is_found_wherever_it_stands(data: object) -> None:
    assert read(opened(), type="agent_response", data=data) == [AgentResponded("Hi", 1)]
    assert read(opened(), type="agent_response", text="Hi") == [AgentResponded("Hi", 1)]


def test_todays_fields_are_read_as_todays() -> None:
    protocol = opened()
    todays = {"type": "audio", "audio_event": {"audio_base_64": FRAME, "event_id": 7}}
    assert protocol.receive_text(json.dumps(todays)) == [AgentAudio(FRAME, 7)]
    (ping,) = read(protocol, type="ping", ping_event={"event_id": 3, "ping_ms": None})
    assert isinstance(ping, Pinged)
    assert protocol.answer(ping) == '{"type":"pong","event_id":3}'


def test_a_tools_result_mirrors_its_call() -> None:
    protocol = opened()
    for _ in range(2):
        read(protocol, type="client_tool_call", data={"name": "book", "parameters": {}})
    assert json.loads(protocol.tool_result("legacy-2", {"ok": True}, is_error=False)) == {
        "type": "client_tool_result",
        "data": {"name": "book", "result": '{"ok":true}', "is_error": False},
    }
    (third,) = read(protocol, type="client_tool_call", data={"name": "book"})
    assert third.tool_call_id == "legacy-3"
    read(protocol, type="client_tool_call", data={"name": "look", "tool_call_id": "their-own"})
    assert json.loads(protocol.tool_result("their-own", "x", is_error=True))["data"] == {
        "name": "look",
        "result": "x",
        "is_error": True,
        "tool_call_id": "their-own",
    }


def test_what_it_has_no_message_for() -> None:
    protocol = opened()
    assert protocol.contextual_update("x", "y") is None
    assert protocol.user_message("x") is None
    assert protocol.user_activity() is None


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("{", "not_json"),
        ("[]", "not_an_object"),
        ("{}", "no_type"),
        ('{"type":"audio","data":"*"}', "audio malformed"),
        ('{"type":"audio","data":""}', "audio malformed"),
        ('{"type":"client_tool_call","data":{}}', "client_tool_call malformed"),
        ('{"type":"agent_response","data":4}', "agent_response malformed"),
        ('{"type":"mystery"}', "mystery"),
    ],
)
def test_what_is_not_understood_is_counted(text: str, kind: str) -> None:
    protocol = opened()
    assert protocol.receive_text(text) == [UnknownMessage(kind)]
    assert protocol.unknown_messages == 1


def test_nothing_is_said_or_read_outside_an_open_conversation() -> None:
    protocol = LegacyProtocol(MULAW)
    for act in (
        lambda: protocol.receive_text("{}"),
        lambda: protocol.user_audio(FRAME),
        lambda: protocol.tool_result("x", "y", is_error=False),
        protocol.user_activity,
    ):
        with pytest.raises(LocalProtocolError):
            act()
    protocol.opened()
    with pytest.raises(LocalProtocolError):
        protocol.opened()
    assert protocol.close(1000, "bye") == ConversationClosed(1000, "bye")
    with pytest.raises(LocalProtocolError):
        protocol.user_audio(FRAME)


@given(st.recursive(st.none() | st.text() | st.integers(), lambda each: st.dictionaries(st.text(), each), max_leaves=9))
def test_anything_gives_an_event(message: object) -> None:
    kinds = ("audio", "agent_response", "user_transcript", "client_tool_call", "error", "ping")
    for kind in kinds:
        assert opened().receive_text(json.dumps({"type": kind, "data": message}))
