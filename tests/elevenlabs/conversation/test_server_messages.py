import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr_bridge.audio.formats import AudioFormat
from ivr_bridge.elevenlabs.conversation import server_messages
from ivr_bridge.elevenlabs.conversation.events import (
    AgentAudio,
    Alignment,
    ConversationStarted,
    NotedEvent,
    Pinged,
    ToolRequested,
    UnknownMessage,
    VendorFaulted,
)
from ivr_bridge.elevenlabs.conversation.server_messages import read_message
from ivr_bridge.errors import AudioFormatError
from tests.elevenlabs.fixtures import fixture

MESSAGES = fixture("server_messages.json")


def _audio(**inner: Any) -> dict[str, Any]:
    return {"type": "audio", "audio_event": {"audio_base_64": "AAAA", "event_id": 2} | inner}


@pytest.mark.parametrize("entry", MESSAGES, ids=[entry["name"] for entry in MESSAGES])
def test_each_fixture_becomes_its_event(entry: dict[str, Any]):
    event = read_message(entry["message"])
    assert type(event).__name__ == entry["event"]


@pytest.mark.parametrize("entry", MESSAGES, ids=[entry["name"] for entry in MESSAGES])
def test_the_order_of_keys_and_unknown_keys_mean_nothing(entry: dict[str, Any]):
    def turned(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {"new_key": [1]} | {key: turned(value[key]) for key in reversed(value)}

    message = entry["message"]
    if message["type"] == "client_tool_call":  # what stands in its parameters is the tool's own
        return
    assert read_message(turned(message)) == read_message(message)


def test_what_the_bridge_acts_on_keeps_every_field():
    assert [
        read_message(entry["message"]) for entry in MESSAGES if entry["event"] in ("ConversationStarted", "Pinged")
    ] == [
        ConversationStarted("conv_0001", AudioFormat("ulaw", 8000), AudioFormat("ulaw", 8000)),
        ConversationStarted("conv_0002", AudioFormat("pcm", 16000), AudioFormat("pcm", 16000)),
        Pinged(1, None),
        Pinged(12, 48),
    ]
    by_name = {entry["name"]: read_message(entry["message"]) for entry in MESSAGES}
    assert by_name["audio with alignment"] == AgentAudio("fn5+fn5+fn4=", 2, Alignment(("H", "i"), (0, 60), (60, 80)))
    assert by_name["tool call"] == ToolRequested("lookup_account", "call_1", {"number": 2}, 6)
    assert by_name["tool call without parameters"] == ToolRequested("hang_up", "call_2", {}, 6)
    assert by_name["override refused"] == VendorFaulted(
        1008, "override_error", "Override for field 'voice_id' is not allowed by config"
    )
    assert by_name["part of a thought"] == NotedEvent("agent_reasoning_response_part", 2)


@pytest.mark.parametrize("name", ["mp3_44100", "ulaw_16000", "", "pcm_12345"])
@pytest.mark.parametrize("key", ["agent_output_audio_format", "user_input_audio_format"])
def test_a_format_that_nobody_speaks_is_an_error(key: str, name: str):
    inner = {"conversation_id": "c", "agent_output_audio_format": "pcm_16000", key: name}
    with pytest.raises(AudioFormatError):
        read_message({"type": server_messages.METADATA, "conversation_initiation_metadata_event": inner})


@pytest.mark.parametrize(
    "payload",
    ["AAA", "AA=A", 'AA"}', "AA\\n", "AAA\n", "ééé=", "A=AAAAAA", "\ud800AAA", "----", "AA==AA==", "====", "A==="],
)
def test_audio_that_is_no_base64_goes_nowhere(payload: str):
    assert read_message(_audio(audio_base_64=payload)) == UnknownMessage("audio malformed")


@pytest.mark.parametrize(
    "inner",
    [{"audio_base_64": None}, {"event_id": None}, {"event_id": "2"}, {"event_id": True}, {"event_id": 2.0}],
)
def test_audio_without_its_fields_is_malformed(inner: dict[str, Any]):
    assert read_message(_audio(**inner)) == UnknownMessage("audio malformed")


@pytest.mark.parametrize(
    "alignment",
    [
        None,
        [],
        {},
        {"chars": ["a"], "char_start_times_ms": [0], "char_durations_ms": []},
        {"chars": [1], "char_start_times_ms": [0], "char_durations_ms": [1]},
        {"chars": ["a"], "char_start_times_ms": ["0"], "char_durations_ms": [1]},
        {"chars": "a", "char_start_times_ms": [0], "char_durations_ms": [1]},
    ],
)
def test_a_bad_alignment_costs_no_audio(alignment: object):
    assert read_message(_audio(alignment=alignment)) == AgentAudio("AAAA", 2, None)


def test_a_fractional_alignment_is_cut_to_ms():
    aligned = {"chars": ["a"], "char_start_times_ms": [0.9], "char_durations_ms": [60.5]}
    assert read_message(_audio(alignment=aligned)) == AgentAudio("AAAA", 2, Alignment(("a",), (0,), (60,)))


@pytest.mark.parametrize("parameters", [None, [], "x", 1])
def test_a_tool_call_with_odd_parameters_still_asks_for_its_answer(parameters: object):
    call = {"tool_name": "t", "tool_call_id": "c", "parameters": parameters}
    assert read_message({"type": "client_tool_call", "client_tool_call": call}) == ToolRequested("t", "c", {}, 0)


@pytest.mark.parametrize("kind", server_messages._READERS)
@pytest.mark.parametrize("inner", [None, [], "x", {}])
def test_a_documented_kind_without_its_object_is_malformed(kind: str, inner: object):
    key = server_messages._READERS[kind][0]
    event = read_message({"type": kind, key: inner})
    if kind == "error" and inner == {}:
        assert event == VendorFaulted(0, "", "")
    else:
        assert event == UnknownMessage(f"{kind} malformed")


@pytest.mark.parametrize(
    ("message", "kind"),
    [([], "not_an_object"), (None, "not_an_object"), ({}, "no_type"), ({"type": 3}, "no_type"),
     ({"type": "x" * 500}, "x" * 60)],
)  # fmt: skip
def test_what_is_no_message_is_named_and_short(message: object, kind: str):
    assert read_message(message) == UnknownMessage(kind)


def test_the_seeds_old_dialect_is_malformed_and_not_fatal():
    assert read_message({"type": "audio", "data": "AAAA"}) == UnknownMessage("audio malformed")
    old = {"type": "client_tool_call", "data": {"name": "t", "parameters": {}}}
    assert read_message(old) == UnknownMessage("client_tool_call malformed")


def _json_values() -> st.SearchStrategy[Any]:
    leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
    return st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8)


FIELDS = ["audio_base_64", "event_id", "alignment", "agent_response", "user_transcript", "tool_name", "tool_call_id",
          "parameters", "ping_ms", "code", "reason", "chars", "char_start_times_ms", "char_durations_ms"]  # fmt: skip


@settings(deadline=None)
@given(
    kind=st.sampled_from([*server_messages._READERS, *server_messages._NOTED]) | st.text(),
    inner=st.dictionaries(st.sampled_from(FIELDS), _json_values()) | _json_values(),
)
def test_no_shape_of_a_message_raises(kind: str, inner: object):
    key = (
        server_messages._READERS[kind][0] if kind in server_messages._READERS else server_messages._NOTED.get(kind, "x")
    )
    message = json.loads(json.dumps({"type": kind, key: inner}))
    assert read_message(message) is not None
