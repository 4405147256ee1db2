import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr_bridge.elevenlabs.conversation import protocol as module
from ivr_bridge.elevenlabs.conversation.events import (
    AgentAudio,
    ConversationClosed,
    ConversationStarted,
    Interrupted,
    UnknownMessage,
)
from ivr_bridge.elevenlabs.conversation.protocol import (
    TRANSITIONS,
    ConversationProtocol,
    ConversationState,
    Move,
    is_stale,
)
from ivr_bridge.errors import AudioFormatError, LocalProtocolError
from tests.elevenlabs.fixtures import fixture

NEW, INITIATED, OPEN, CLOSED = ConversationState
METADATA = json.dumps(fixture("server_messages.json")[0]["message"])
PING = json.dumps(fixture("server_messages.json")[2]["message"])


def _audio(event_id: int) -> str:
    return json.dumps({"type": "audio", "audio_event": {"audio_base_64": "AAAA", "event_id": event_id}})


def _interruption(event_id: int) -> str:
    return json.dumps({"type": "interruption", "interruption_event": {"event_id": event_id}})


def _in(state: ConversationState) -> ConversationProtocol:
    protocol = ConversationProtocol()
    if state in (INITIATED, OPEN):
        protocol.initiation()
    if state is OPEN:
        protocol.receive_text(METADATA)
    if state is CLOSED:
        protocol.close(1000, "")
    assert protocol.state is state
    return protocol


MOVES: dict[Move, Any] = {
    Move.INITIATE: lambda protocol: protocol.initiation(),
    Move.METADATA: lambda protocol: protocol.receive_text(METADATA),
    Move.MESSAGE: lambda protocol: protocol.receive_text(PING),
    Move.PONG: lambda protocol: protocol.pong(1),
    Move.SAY: lambda protocol: protocol.user_audio("AAAA"),
    Move.CLOSE: lambda protocol: protocol.close(1000, ""),
}


@pytest.mark.parametrize("arrow", TRANSITIONS, ids=str)
def test_each_arrow_of_the_table(arrow: tuple[ConversationState, Move]):
    state, move = arrow
    protocol = _in(state)
    MOVES[move](protocol)
    assert protocol.state is TRANSITIONS[arrow]


@pytest.mark.parametrize(
    "arrow", [(s, m) for s in ConversationState for m in Move if (s, m) not in TRANSITIONS], ids=str
)
def test_each_missing_arrow_is_a_bug_of_ours(arrow: tuple[ConversationState, Move]):
    state, move = arrow
    if arrow == (OPEN, Move.METADATA):  # the vendor's doing, not ours: read, and no arrow taken
        assert _in(OPEN).receive_text(METADATA) == [UnknownMessage("conversation_initiation_metadata repeated")]
        return
    protocol = _in(state)
    with pytest.raises(LocalProtocolError, match=state.name):
        MOVES[move](protocol)
    assert protocol.state is state


def test_the_essay_draws_the_table_as_it_is():
    drawn = [line.strip() for line in (module.__doc__ or "").splitlines() if " -> " in line and " + " in line]
    assert drawn == [f"{s.name} + {m.name.lower()} -> {to.name}" for (s, m), to in TRANSITIONS.items()]


@pytest.mark.parametrize(
    "say",
    [
        lambda protocol: protocol.user_audio("AAAA"),
        lambda protocol: protocol.tool_result("c", "r", is_error=False),
        lambda protocol: protocol.contextual_update("t"),
        lambda protocol: protocol.user_message("t"),
        lambda protocol: protocol.user_activity(),
    ],
)
@pytest.mark.parametrize("state", [NEW, INITIATED, CLOSED])
def test_nothing_is_said_before_the_formats_are_known_or_after_the_end(state: ConversationState, say: Any):
    with pytest.raises(LocalProtocolError):
        say(_in(state))


def test_the_initiation_leaves_out_what_is_empty():
    assert json.loads(ConversationProtocol().initiation(overrides={}, dynamic_variables={}, user_id="")) == {
        "type": "conversation_initiation_client_data"
    }


def test_what_we_send_is_what_the_official_client_sends():
    sent = {entry["name"]: entry["message"] for entry in fixture("client_messages.json")}
    initiation = sent["initiation"]
    protocol = ConversationProtocol()
    ours = protocol.initiation(
        overrides=initiation["conversation_config_override"],
        dynamic_variables=initiation["dynamic_variables"],
        user_id=initiation["user_id"],
        source_info=initiation["source_info"],
    )
    protocol.receive_text(METADATA)
    assert json.loads(ours) == initiation
    assert json.loads(protocol.user_audio("/////w==")) == sent["caller audio"]
    assert json.loads(protocol.pong(1)) == sent["pong"]
    assert json.loads(protocol.tool_result("call_1", "42", is_error=False)) == sent["tool result"]
    assert json.loads(protocol.tool_result("call_2", "division by zero", is_error=True)) == sent["tool failed"]
    assert json.loads(protocol.contextual_update("ctx")) == sent["fact"]
    assert json.loads(protocol.contextual_update("caller pressed 2", "dtmf")) == sent["fact with an id"]
    assert json.loads(protocol.user_message("um")) == sent["words"]
    assert json.loads(protocol.user_activity()) == sent["activity"]


@pytest.mark.parametrize(
    ("result", "text"),
    [({"a": 1}, '{"a":1}'), ([1], "[1]"), (None, "null"), (3, "3"), ({1: "x"}, '{"1":"x"}'), ("s", "s")],
)
def test_a_tool_result_is_always_a_string(result: object, text: str):
    assert json.loads(_in(OPEN).tool_result("c", result, is_error=False))["result"] == text


def test_a_tool_result_that_json_cannot_hold_is_a_type_error():
    with pytest.raises(TypeError):
        _in(OPEN).tool_result("c", object(), is_error=False)


def test_quotes_and_line_ends_in_texts_are_escaped():
    assert json.loads(_in(OPEN).user_message('he said "no"\n\\'))["text"] == 'he said "no"\n\\'


@pytest.mark.parametrize(
    ("event_id", "interrupted_at", "stale"), [(2, 3, True), (3, 3, False), (4, 3, False), (0, 1, True)]
)
def test_the_rule_is_smaller_and_never_smaller_or_equal(event_id: int, interrupted_at: int, stale: bool):
    assert is_stale(event_id, interrupted_at) is stale


def test_pitfall_6_the_reply_to_the_interrupting_words_is_heard():
    """One id for a reply: the reply that the interruption itself caused carries the interruption's id."""
    protocol = _in(OPEN)
    assert protocol.receive_text(_audio(2)) == [AgentAudio("AAAA", 2)]
    assert protocol.receive_text(_interruption(3)) == [Interrupted(3)]
    assert protocol.receive_text(_audio(2)) == []
    assert protocol.receive_text(_audio(3)) == [AgentAudio("AAAA", 3)]
    assert protocol.receive_text(_audio(3)) == [AgentAudio("AAAA", 3)]
    assert protocol.stale_audio == 1


def test_an_id_for_every_chunk_works_as_well():
    protocol = _in(OPEN)
    for event_id in (1, 2, 3):
        assert protocol.receive_text(_audio(event_id)) == [AgentAudio("AAAA", event_id)]
    protocol.receive_text(_interruption(4))
    assert [protocol.receive_text(_audio(event_id)) for event_id in (3, 4, 5)] == [
        [], [AgentAudio("AAAA", 4)], [AgentAudio("AAAA", 5)],
    ]  # fmt: skip


def test_ids_order_nothing():
    protocol = _in(OPEN)
    for event_id in (9, 4, 4, 7):
        assert protocol.receive_text(_audio(event_id)) == [AgentAudio("AAAA", event_id)]


def test_only_audio_is_dropped_after_an_interruption():
    protocol = _in(OPEN)
    protocol.receive_text(_interruption(5))
    reply = {"type": "agent_response", "agent_response_event": {"agent_response": "old", "event_id": 2}}
    assert len(protocol.receive_text(json.dumps(reply))) == 1


def test_the_barge_in_fixture_runs_through():
    protocol = _in(INITIATED)
    for step in fixture("barge_in.json"):
        events = protocol.receive_text(json.dumps(step["message"]))
        assert [type(event).__name__ for event in events] == ([step["event"]] if step["event"] else [])


def test_pitfall_1_formats_come_from_the_metadata_and_from_nowhere_else():
    protocol = _in(INITIATED)
    metadata = json.loads(METADATA)
    metadata["conversation_initiation_metadata_event"] |= {
        "agent_output_audio_format": "pcm_24000",
        "user_input_audio_format": "pcm_8000",
    }
    (started,) = protocol.receive_text(json.dumps(metadata))
    assert isinstance(started, ConversationStarted)
    assert (str(started.output_format), str(started.input_format)) == ("pcm_24000", "pcm_8000")


def test_a_format_nobody_speaks_is_an_error_and_the_conversation_does_not_open():
    protocol = _in(INITIATED)
    with pytest.raises(AudioFormatError):
        protocol.receive_text(METADATA.replace("ulaw_8000", "opus_48000"))
    assert protocol.state is INITIATED


def test_messages_before_the_metadata_are_read():
    protocol = _in(INITIATED)
    assert len(protocol.receive_text(PING)) == 1
    assert protocol.receive_text(_audio(1)) == [AgentAudio("AAAA", 1)]
    assert protocol.state is INITIATED


def test_everything_odd_is_counted():
    protocol = _in(OPEN)
    for text in ("", "{", "nonsense", "\ud800", "[" * 2000, "[]", "{}", '{"type":"new"}', '{"type":"audio"}', METADATA):
        (event,) = protocol.receive_text(text)
        assert isinstance(event, UnknownMessage)
    assert protocol.unknown_messages == 10
    protocol.receive_text('{"type":"vad_score","vad_score_event":{"vad_score":0.5}}')
    assert protocol.noted_messages == 1
    assert protocol.unknown_messages == 10


def test_closing_gives_the_last_event_again_and_again():
    protocol = _in(OPEN)
    assert protocol.close(1011, "x") == ConversationClosed(1011, "x")
    assert protocol.close(1011, "x") == ConversationClosed(1011, "x")


@settings(deadline=None)
@given(st.text() | st.binary().map(lambda raw: raw.decode("utf-8", "replace")))
def test_no_text_raises(text: str):
    for state in (INITIATED, OPEN):
        assert len(_in(state).receive_text(text)) == 1


@settings(deadline=None)
@given(st.data())
def test_no_damage_to_a_real_message_raises_anything_but_a_format_error(data: st.DataObject):
    text = json.dumps(data.draw(st.sampled_from([entry["message"] for entry in fixture("server_messages.json")])))
    at = data.draw(st.integers(0, len(text)))
    damaged = text[:at] + data.draw(st.text(max_size=3)) + text[at + data.draw(st.integers(0, 5)) :]
    try:
        _in(OPEN).receive_text(damaged)
    except AudioFormatError:
        assert "audio_format" in text
