"""Messages of the client: read and checked. Pure, but for the library's message type."""

import base64
import binascii
import json
from typing import Any

from aiohttp import WSMessage, WSMsgType

_FIELDS: dict[str, dict[str, tuple[type, ...]]] = {
    "conversation_initiation_client_data": {},
    "pong": {"event_id": (int,)},
    "user_message": {},
    "user_activity": {},
    "feedback": {"event_id": (int,)},
    "client_tool_result": {"tool_call_id": (str,), "result": (str, dict, list), "is_error": (bool,)},
    "mcp_tool_approval_result": {"tool_call_id": (str,), "is_approved": (bool,)},
    "contextual_update": {"text": (str,)},
    "multimodal_message": {},
}


class BadMessage(Exception):
    """The client broke the protocol: `error_type` is invalid_message or missing_fields; it is closed with 1008."""

    def __init__(self, error_type: str, reason: str) -> None:
        super().__init__(reason)
        self.error_type = error_type


def read_message(received: WSMessage) -> dict[str, Any]:
    """One checked message.

    Returns:
        The object; `user_audio_chunk` is bytes, a tool's `result` a string, a multimodal message a `user_message`.

    Raises:
        BadMessage: not text, not JSON, no object, an unknown type, a field missing or of the wrong type.
    """
    if received.type is not WSMsgType.TEXT:
        raise BadMessage("invalid_message", "Only text messages are allowed")
    try:
        message = json.loads(received.data)
    except ValueError as error:
        raise BadMessage("invalid_message", "Message is not JSON") from error
    if not isinstance(message, dict):
        raise BadMessage("invalid_message", "Message is not an object")
    if "user_audio_chunk" in message:
        return {"user_audio_chunk": _decode(message["user_audio_chunk"])}
    kind = message.get("type")
    if not isinstance(kind, str) or kind not in _FIELDS:
        raise BadMessage("invalid_message", f"Unknown message type: {str(kind)[:40]}")
    for name, types in _FIELDS[kind].items():
        if name not in message:
            raise BadMessage("missing_fields", f"Field '{name}' is missing in {kind}")
        if not isinstance(message[name], types) or (types == (int,) and isinstance(message[name], bool)):
            raise BadMessage("invalid_message", f"Field '{name}' of {kind} has the wrong type")
    if kind == "client_tool_result" and not isinstance(message["result"], str):
        # the schema says string; the vendor's own client passes objects on as they are
        message["result"] = json.dumps(message["result"])
    if kind == "multimodal_message" and isinstance(message.get("text"), dict):
        return {"type": "user_message", "text": message["text"].get("text")}
    return message


def _decode(text: Any) -> bytes:
    """Base64 audio."""
    if not isinstance(text, str):
        raise BadMessage("invalid_message", "user_audio_chunk must be a string")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadMessage("invalid_message", "user_audio_chunk is not base64") from error
