"""One JSON object of the vendor -> one event: the only place where the vendor's field names are read.

Unknown keys are ignored and the order of keys means nothing. A field that an event cannot do without and that is
missing or of another type makes the message `UnknownMessage("... malformed")`: the vendor's odd message must not cost
a caller the call.

Source: https://elevenlabs.io/docs/api-reference/conversation-websocket
"""

import string
from collections.abc import Callable
from typing import Any

from ivr_bridge.audio.formats import AudioFormat
from ivr_bridge.elevenlabs.conversation.events import (
    AgentAudio,
    AgentEvent,
    AgentResponded,
    AgentResponseCompleted,
    AgentResponseCorrected,
    Alignment,
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

METADATA = "conversation_initiation_metadata"

DEFAULT_INPUT_FORMAT = "pcm_16000"
"""What the agent hears when the metadata does not say; the vendor's own client assumes the same."""

_KIND_CHARS = 60
_BASE64_ALPHABET = (string.ascii_letters + string.digits + "+/=").encode()


class _Malformed(Exception):
    """A field that the event needs is missing or of another type."""


def read_message(message: object) -> AgentEvent:
    """The event of one decoded message.

    Raises:
        AudioFormatError: the metadata announces a format that nobody here can speak.
    """
    if not isinstance(message, dict):
        return UnknownMessage("not_an_object")
    kind = message.get("type")
    if not isinstance(kind, str):
        return UnknownMessage("no_type")
    reader = _READERS.get(kind)
    if reader is None:
        inner_key = _NOTED.get(kind)
        if inner_key is None:
            return UnknownMessage(kind[:_KIND_CHARS])
        return NotedEvent(kind, _optional_id(message.get(inner_key)))
    inner_key, read = reader
    inner = message.get(inner_key)
    if not isinstance(inner, dict):
        return UnknownMessage(f"{kind} malformed")
    try:
        return read(inner)
    except _Malformed:
        return UnknownMessage(f"{kind} malformed")


def _text(inner: dict[str, Any], key: str) -> str:
    value = inner.get(key)
    if not isinstance(value, str):
        raise _Malformed
    return value


def _id(inner: dict[str, Any]) -> int:
    value = inner.get("event_id")
    if type(value) is not int:  # a bool is an int too
        raise _Malformed
    return value


def _optional_id(inner: object) -> int | None:
    value = inner.get("event_id") if isinstance(inner, dict) else None
    if isinstance(value, str) and value.isdecimal() and len(value) < 20:
        return int(value)  # agent_reasoning_response_part spells it as a string
    return value if type(value) is int else None


def _words(inner: dict[str, Any], key: str) -> str:
    value = inner.get(key)
    return value if isinstance(value, str) else ""


def _metadata(inner: dict[str, Any]) -> AgentEvent:
    heard = inner.get("user_input_audio_format")
    return ConversationStarted(
        conversation_id=_text(inner, "conversation_id"),
        output_format=AudioFormat.parse(_text(inner, "agent_output_audio_format")),
        input_format=AudioFormat.parse(DEFAULT_INPUT_FORMAT if heard is None else str(heard)),
    )


def _audio(inner: dict[str, Any]) -> AgentEvent:
    payload, event_id = _text(inner, "audio_base_64"), _id(inner)
    if not payload:
        return NotedEvent("audio", event_id)
    if not is_base64(payload):
        raise _Malformed
    alignment = inner.get("alignment")
    return AgentAudio(payload, event_id, _alignment(alignment) if isinstance(alignment, dict) else None)


def is_base64(payload: str) -> bool:
    """Whether text is whole base64, and nothing else."""
    # It is passed on to the phone as it stands, so it is looked at here; decoding it would cost twice as much.
    if len(payload) % 4 or payload.encode(errors="replace").translate(None, _BASE64_ALPHABET):
        return False
    bare = payload.rstrip("=")
    return "=" not in bare and len(payload) - len(bare) <= 2


def _alignment(inner: dict[str, Any]) -> Alignment | None:
    chars, starts, durations = (inner.get(key) for key in ("chars", "char_start_times_ms", "char_durations_ms"))
    if not (isinstance(chars, list) and isinstance(starts, list) and isinstance(durations, list)):
        return None
    if not len(chars) == len(starts) == len(durations):
        return None
    if not all(isinstance(char, str) for char in chars):
        return None
    if not all(isinstance(ms, int | float) for ms in (*starts, *durations)):
        return None
    return Alignment(tuple(chars), tuple(map(int, starts)), tuple(map(int, durations)))


def _agent_response(inner: dict[str, Any]) -> AgentEvent:
    return AgentResponded(_text(inner, "agent_response"), _id(inner))


def _correction(inner: dict[str, Any]) -> AgentEvent:
    return AgentResponseCorrected(
        _text(inner, "original_agent_response"), _text(inner, "corrected_agent_response"), _id(inner)
    )


def _complete(inner: dict[str, Any]) -> AgentEvent:
    return AgentResponseCompleted(_id(inner))


def _transcript(inner: dict[str, Any]) -> AgentEvent:
    return CallerTranscribed(_text(inner, "user_transcript"), _id(inner))


def _tentative(inner: dict[str, Any]) -> AgentEvent:
    return CallerTentative(_text(inner, "user_transcript"), _id(inner))


def _interruption(inner: dict[str, Any]) -> AgentEvent:
    return Interrupted(_id(inner), _words(inner, "reason"))


def _tool_call(inner: dict[str, Any]) -> AgentEvent:
    # Wrong parameters are left to the tool's own check, so that the agent gets its one answer.
    parameters = inner.get("parameters")
    return ToolRequested(
        _text(inner, "tool_name"),
        _text(inner, "tool_call_id"),
        parameters if isinstance(parameters, dict) else {},
        _optional_id(inner) or 0,
    )


def _tool_response(inner: dict[str, Any]) -> AgentEvent:
    return ToolReported(
        _text(inner, "tool_name"),
        _words(inner, "tool_call_id"),
        _words(inner, "tool_type"),
        inner.get("is_error") is True,
    )


def _ping(inner: dict[str, Any]) -> AgentEvent:
    ping_ms = inner.get("ping_ms")
    return Pinged(_id(inner), ping_ms if type(ping_ms) is int else None)


def _error(inner: dict[str, Any]) -> AgentEvent:
    code = inner.get("code")
    return VendorFaulted(
        code if type(code) is int else 0,
        _words(inner, "error_type"),
        _words(inner, "message") or _words(inner, "reason"),
    )


_READERS: dict[str, tuple[str, Callable[[dict[str, Any]], AgentEvent]]] = {
    "audio": ("audio_event", _audio),
    "ping": ("ping_event", _ping),
    METADATA: ("conversation_initiation_metadata_event", _metadata),
    "agent_response": ("agent_response_event", _agent_response),
    "agent_response_correction": ("agent_response_correction_event", _correction),
    "agent_response_complete": ("agent_response_complete_event", _complete),
    "user_transcript": ("user_transcription_event", _transcript),
    "tentative_user_transcript": ("tentative_user_transcription_event", _tentative),
    "interruption": ("interruption_event", _interruption),
    "client_tool_call": ("client_tool_call", _tool_call),
    "agent_tool_response": ("agent_tool_response", _tool_response),
    "error": ("error_event", _error),
}
"""`type` -> the key of its object (the vendor's names follow no rule) and what reads it."""

_NOTED: dict[str, str] = {
    "agent_chat_response_part": "text_response_part",
    "agent_reasoning_response_part": "reasoning_response_part",
    "agent_response_metadata": "agent_response_metadata_event",
    "agent_tool_request": "agent_tool_request",
    "agent_tool_response_full_payload": "agent_tool_response_full_payload",
    "agent_typing": "agent_typing_event",
    "asr_initiation_metadata": "asr_initiation_metadata_event",
    "client_error": "client_error_event",
    "context_usage": "context_usage_event",
    "dtmf_request": "dtmf_request_event",
    "external_agent_connected": "external_agent_connected_event",
    "external_agent_disconnected": "external_agent_disconnected_event",
    "guardrail_triggered": "guardrail_triggered_event",
    "internal_tentative_agent_response": "tentative_agent_response_internal_event",
    "internal_turn_probability": "turn_probability_internal_event",
    "mcp_connection_status": "mcp_connection_status",
    "mcp_tool_call": "mcp_tool_call",
    "rich_content": "rich_content",
    "vad_score": "vad_score_event",
}
"""Documented messages that change nothing in a phone call: `type` -> where its `event_id` would stand."""
