"""The older dialect of `/v1/convai/stream`: every message has a `type` and its `data`; no ids, no pings, no beginning.

The client says when the caller interrupts. What its description leaves open is decided here: a text stands under
`data.text`, a tool's result comes as `client_tool_result` with `data.name`, `data.result` and `data.is_error`.
"""

import base64
import binascii
import json
from typing import Any

from aiohttp import WSMessage, WSMsgType

from ivr_bridge.simulator.service.dialect import Dialect
from ivr_bridge.simulator.service.inbox import BadMessage

INTERRUPTION = "interruption"


class LegacyDialect(Dialect):
    """Written and read in today's words."""

    begins_with_client_data = False
    interrupts_by_itself = False

    def read(self, received: WSMessage) -> dict[str, Any]:
        """One message; a tool's result has its `tool_name`, and an empty `tool_call_id` unless it tells one."""
        if received.type is not WSMsgType.TEXT:
            raise BadMessage("invalid_message", "Only text messages are allowed")
        try:
            message = json.loads(received.data)
        except ValueError as error:
            raise BadMessage("invalid_message", "Message is not JSON") from error
        kind = message.get("type") if isinstance(message, dict) else None
        if kind == "audio":
            return {"user_audio_chunk": _decoded(message.get("data"))}
        if kind == INTERRUPTION:
            return {"type": INTERRUPTION}
        if kind == "client_tool_result":
            return _result(message.get("data"))
        raise BadMessage("invalid_message", f"Unknown message type: {str(kind)[:40]}")

    def write(self, message: dict[str, Any]) -> dict[str, Any] | None:
        """The few messages that this dialect has."""
        kind = message["type"]
        if kind == "audio":
            return {"type": kind, "data": message["audio_event"]["audio_base_64"]}
        if kind == "agent_response":
            return {"type": kind, "data": {"text": message["agent_response_event"]["agent_response"]}}
        if kind == "user_transcript":
            return {"type": kind, "data": {"text": message["user_transcription_event"]["user_transcript"]}}
        if kind == "client_tool_call":
            call = message["client_tool_call"]
            return {"type": kind, "data": {"name": call["tool_name"], "parameters": call["parameters"]}}
        if kind == "error":
            event = message.get("error_event", {"code": 1002, "message": message.get("message", "")})
            return {"type": kind, "data": {"code": event["code"], "message": event["message"]}}
        return None


def _decoded(text: Any) -> bytes:
    """Base64 audio."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError, TypeError) as error:
        raise BadMessage("invalid_message", "data is not base64") from error


def _result(data: Any) -> dict[str, Any]:
    """What a tool has given."""
    if not isinstance(data, dict) or "result" not in data:
        raise BadMessage("missing_fields", "Field 'data.result' is missing in client_tool_result")
    result = data["result"]
    return {
        "type": "client_tool_result",
        "tool_call_id": str(data.get("tool_call_id") or ""),
        "tool_name": str(data.get("name") or ""),
        "result": result if isinstance(result, str) else json.dumps(result),
        "is_error": data.get("is_error") is True,
    }
