"""What is read of a conversation."""

import pytest

from ivr_bridge.elevenlabs.rest.conversation_record import Conversation

SPARE = {"conversation_id": "c1", "agent_id": "a", "status": "processing"}


def test_a_conversation_with_much_in_it():
    conversation = Conversation.model_validate(
        {
            **SPARE,
            "transcript": [
                {"role": "agent", "message": "Hello", "time_in_call_secs": 0},
                {"role": "user", "message": None, "interrupted": False, "tool_calls": [{"tool_name": "x"}], "new": 1},
            ],
            "metadata": {"call_duration_secs": 12, "phone_call": {"type": "twilio", "call_sid": "CA1"}, "cost": None},
            "analysis": {"call_successful": "success", "transcript_summary": "Short."},
            "has_audio": True,
        }
    )
    assert [turn.role for turn in conversation.transcript] == ["agent", "user"]
    assert conversation.transcript[1].tool_calls == ({"tool_name": "x"},)
    assert conversation.metadata.phone_call == {"type": "twilio", "call_sid": "CA1"}
    assert conversation.analysis is not None
    assert conversation.analysis.call_successful == "success"


@pytest.mark.parametrize(
    ("status", "finished"),
    [("initiated", False), ("in-progress", False), ("processing", False), ("done", True), ("failed", True)],
)
def test_when_nothing_more_comes(status: str, finished: bool):
    assert Conversation.model_validate({**SPARE, "status": status}).finished is finished
