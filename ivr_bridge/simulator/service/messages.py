"""Messages that the service sends on a conversation socket, in the vendor's words.

Source: the vendor's AsyncAPI of the conversation; `agent_response_complete` is only in its list of client events.
"""

from typing import Any

ERROR_CODES = {
    "invalid_message": 1008,
    "missing_fields": 1008,
    "override_error": 1008,
    "missing_dynamic_variable": 1008,
    "value_error": 1008,
    "transport_receive_timeout": 1002,
    "llm_timeout": 1002,
    "max_duration_exceeded": 1000,
    "unknown_websocket_crash": 1011,
}
"""Kind of error -> close code."""
QUOTA = "quota"

Message = dict[str, Any]


def metadata(conversation_id: str, output_format: str, input_format: str) -> Message:
    """The first message: which conversation, which audio formats."""
    return {
        "type": "conversation_initiation_metadata",
        "conversation_initiation_metadata_event": {
            "conversation_id": conversation_id,
            "agent_output_audio_format": output_format,
            "user_input_audio_format": input_format,
        },
    }


def ping(event_id: int, ping_ms: int | None) -> Message:
    """Asks for a pong; `ping_ms` is the last round trip, None at first."""
    return {"type": "ping", "ping_event": {"event_id": event_id, "ping_ms": ping_ms}}


def audio(audio_base_64: str, event_id: int, alignment: Message | None) -> Message:
    """A piece of a reply; `alignment` says when its characters begin, counted from the piece's start."""
    event: Message = {"audio_base_64": audio_base_64, "event_id": event_id}
    if alignment is not None:
        event["alignment"] = alignment
    return {"type": "audio", "audio_event": event}


def agent_response(text: str, event_id: int) -> Message:
    """The whole text of a reply."""
    return {"type": "agent_response", "agent_response_event": {"agent_response": text, "event_id": event_id}}


def agent_response_correction(original: str, corrected: str, event_id: int) -> Message:
    """What of an interrupted reply was said."""
    return {
        "type": "agent_response_correction",
        "agent_response_correction_event": {
            "original_agent_response": original,
            "corrected_agent_response": corrected,
            "event_id": event_id,
        },
    }


def agent_response_complete(event_id: int) -> Message:
    """All audio of the reply has been sent."""
    return {"type": "agent_response_complete", "agent_response_complete_event": {"event_id": event_id}}


def user_transcript(text: str, event_id: int) -> Message:
    """What was understood."""
    return {"type": "user_transcript", "user_transcription_event": {"user_transcript": text, "event_id": event_id}}


def interruption(event_id: int) -> Message:
    """The caller spoke over the reply."""
    return {"type": "interruption", "interruption_event": {"event_id": event_id}}


def client_tool_call(tool_name: str, tool_call_id: str, parameters: Message, event_id: int) -> Message:
    """Asks the client to run a tool."""
    return {
        "type": "client_tool_call",
        "client_tool_call": {
            "tool_name": tool_name,
            "tool_call_id": tool_call_id,
            "parameters": parameters,
            "event_id": event_id,
        },
    }


def agent_tool_response(tool_name: str, tool_call_id: str, tool_type: str, event_id: int, *, is_error: bool) -> Message:
    """A tool has run; `tool_name` end_call means that the agent hangs up."""
    return {
        "type": "agent_tool_response",
        "agent_tool_response": {
            "tool_name": tool_name,
            "tool_call_id": tool_call_id,
            "tool_type": tool_type,
            "is_error": is_error,
            "is_called": True,
            "event_id": event_id,
        },
    }


def error(error_type: str, text: str) -> Message:
    """Said just before a close; `error_type` is a key of ERROR_CODES, or QUOTA, which comes in a shape of its own.

    Source: for QUOTA https://github.com/elevenlabs/packages/issues/911
    """
    if error_type == QUOTA:
        return {"type": "error", "message": f"received 1002 (protocol error) {text}"}
    return {
        "type": "error",
        "error_event": {"code": ERROR_CODES[error_type], "error_type": error_type, "message": text, "reason": text},
    }
