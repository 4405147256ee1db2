from typing import Any

import pytest

from ivr_bridge.simulator.service import messages
from tests.support.asyncapi import problems_of

ALIGNMENT = {"chars": ["a"], "char_start_times_ms": [0], "char_durations_ms": [5]}


@pytest.mark.parametrize(
    "message",
    [
        messages.metadata("conv_1", "pcm_16000", "ulaw_8000"),
        messages.ping(1, None),
        messages.ping(2, 30),
        messages.audio("AAAA", 3, None),
        messages.audio("AAAA", 3, ALIGNMENT),
        messages.agent_response("Hello", 3),
        messages.agent_response_correction("Hello there", "Hello...", 3),
        messages.user_transcript("hi", 4),
        messages.interruption(4),
        messages.client_tool_call("t", "c", {"a": 1}, 5),
        messages.agent_tool_response("end_call", "c", "system", 5, is_error=False),
        *(messages.error(kind, "words") for kind in messages.ERROR_CODES),
    ],
    ids=lambda message: str(message["type"]),
)
def test_is_in_the_vendors_file(message: dict[str, Any]):
    assert problems_of(message) == []


def test_the_file_would_object():
    broken = messages.interruption(4)
    del broken["interruption_event"]["event_id"]
    assert problems_of(broken)
    assert problems_of({"type": "mystery"})


def test_complete_is_known_to_the_list_of_events_only():
    assert messages.agent_response_complete(3)["agent_response_complete_event"] == {"event_id": 3}
