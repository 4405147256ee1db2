"""A whole call against the vendor's own contract: every message that the bridge or the sandbox sends validates."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ivr_bridge.simulator.phone.caller import Digits, Say
from ivr_bridge.simulator.phone.voices import speak
from tests.calls.house import PlacedCall, house, sandbox
from tests.support.asyncapi import conversation_spec, name_of, problems_of
from tests.support.vendor_tap import TappedConversation, VendorTap

pytestmark = pytest.mark.timeout(120)

NOT_IN_THE_FILE = {"agent_response_complete"}
"""The vendor documents it as a client event, but its file has no message of that type."""


def say(text: str, **how: object) -> Say:
    return Say(speak(text), text, **how)  # type: ignore[arg-type]


@pytest.fixture
async def tapped(tmp_path: Path) -> AsyncIterator[tuple[PlacedCall, TappedConversation]]:
    """A call with digits, a tool, an interruption and its contextual update, and a goodbye; and what passed."""
    conversation_spec()  # without the contract nothing is checked: say so before a call is placed
    config = {
        "tell_agent_what_was_heard": True,
        "dynamic_variables": {"who": "caller", "where": "called", "which": "call_sid"},
        "overrides": {"agent": {"language": "en"}},
    }
    async with (
        sandbox() as service_url,
        VendorTap(service_url).run() as tap,
        house(tmp_path, tap.url, config=config) as here,
    ):
        call = await here.call(
            Digits("42#"),
            say("what are your opening hours"),
            say("what is my number", barge_in=True, after_ms=1500),
            say("no thank you goodbye"),
        )
        yield call, tap.conversations[0]


async def test_every_message_of_a_whole_call_is_in_the_contract(tapped: tuple[PlacedCall, TappedConversation]):
    call, conversation = tapped
    assert call.reason == "agent_hung_up", call.events
    assert call.report.violations == []

    wanted = {"conversation_initiation_client_data", "user_audio_chunk", "pong", "client_tool_result"}
    assert wanted | {"contextual_update", "user_message"} <= conversation.kinds(), "else the call proves too little"
    for message in conversation.from_bridge:
        assert problems_of(message, "subscribe") == [], message
    updates = [message["text"] for message in conversation.from_bridge if message.get("type") == "contextual_update"]
    assert any("We are open" in text for text in updates), "what was heard of the interrupted reply"
    keyed = [message["text"] for message in conversation.from_bridge if message.get("type") == "user_message"]
    assert any("4 2" in text for text in keyed), "the keys"

    sent = [message for message in conversation.from_service if message["type"] not in NOT_IN_THE_FILE]
    kinds = {message["type"] for message in sent}
    assert {"audio", "ping", "interruption", "client_tool_call", "user_transcript", "agent_response"} <= kinds
    for message in sent:
        assert problems_of(message) == [], message

    pings = [message["ping_event"]["event_id"] for message in sent if message["type"] == "ping"]
    pongs = [message["event_id"] for message in conversation.from_bridge if message.get("type") == "pong"]
    assert pings[: len(pongs)] == pongs
    assert len(pings) - len(pongs) <= 1, "the last one may meet the end"


def test_the_contract_can_refuse():
    assert problems_of({"type": "pong"}, "subscribe")
    assert problems_of({"type": "user_audio", "user_audio_chunk": "AAAA"}, "subscribe")
    assert problems_of({"user_audio_chunk": 7}, "subscribe")
    assert name_of({"user_audio_chunk": "AAAA"}, "subscribe") is not None
