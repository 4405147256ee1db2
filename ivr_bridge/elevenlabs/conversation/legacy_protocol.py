"""The older dialect of `/v1/convai/stream`, for servers that still speak it; text in, events or text out.

Every message has a `type`, and what it says stands under `data`: base64 for `audio`, `name` and `parameters` for
`client_tool_call`. There is no initiation and no metadata: the conversation is open when the socket is, its format is
what both sides agreed on beforehand, and nothing can be overridden. There are no ids: turns are counted here, from one
transcript of the caller to the next, and so are tool calls. There are no pings.

The side that interrupts is ours: the server says nothing, so a transcript that comes while it is heard is the sign, and
`answer` tells the server to stop. A reply comes faster than it is heard; how much of it is left is told without a
clock, by the caller's voice, which goes out as time passes. An `interruption` after the reply's end is not said: it
could only meet the next one. What the description of this dialect leaves open is read generously: a message with the
fields of today's wire is read as one of today's.

    NEW + open -> OPEN
    NEW + close -> CLOSED
    OPEN + close -> CLOSED
    CLOSED + close -> CLOSED

Source: none of the vendor's; docs/decisions/0015
"""

from collections.abc import Mapping
from typing import Any

import orjson

from ivr_bridge.audio.formats import AudioFormat
from ivr_bridge.elevenlabs.conversation.events import (
    AgentAudio,
    AgentEvent,
    AgentResponded,
    CallerTranscribed,
    ConversationClosed,
    ConversationStarted,
    Interrupted,
    NotedEvent,
    Pinged,
    ToolRequested,
    UnknownMessage,
    VendorFaulted,
)
from ivr_bridge.elevenlabs.conversation.protocol import ConversationState, DynamicVariable
from ivr_bridge.elevenlabs.conversation.server_messages import is_base64, read_message
from ivr_bridge.errors import LocalProtocolError

_TODAYS_KEYS = (
    "agent_response_event",
    "audio_event",
    "error_event",
    "interruption_event",
    "ping_event",
    "user_transcription_event",
)
_TEXT_KEYS = ("text", "agent_response", "user_transcript", "message", "transcript")
_KIND_CHARS = 60
_MOST_OPEN_TOOLS = 256


class LegacyProtocol:
    """The codec of one conversation in the older dialect; as `ConversationProtocol`, without I/O.

    Args:
        audio_format: of both directions; nobody announces it.

    What this dialect has no message for (`contextual_update`, `user_message`, `user_activity`) is None.
    """

    __slots__ = (
        "_audio_format", "_n_tools", "_state", "_tools", "_turn", "_unheard_bytes", "noted_messages", "stale_audio",
        "unknown_messages",
    )  # fmt: skip

    def __init__(self, audio_format: AudioFormat) -> None:
        self._audio_format = audio_format
        self._state = ConversationState.NEW
        self._turn = 1
        self._unheard_bytes = 0
        self._tools: dict[str, str] = {}
        self._n_tools = 0
        self.noted_messages = 0
        self.stale_audio = 0
        self.unknown_messages = 0

    @property
    def state(self) -> ConversationState:
        """NEW, OPEN or CLOSED."""
        return self._state

    def initiation(
        self,
        *,
        overrides: Mapping[str, object] | None = None,
        dynamic_variables: Mapping[str, DynamicVariable] | None = None,
        user_id: str | None = None,
        source_info: Mapping[str, str] | None = None,
    ) -> None:
        """Nothing is said first: what is given here has no place in this dialect."""
        if self._state is not ConversationState.NEW:
            raise LocalProtocolError(f"a conversation that is {self._state.name} does not allow initiate")

    def opened(self) -> list[AgentEvent]:
        """The socket is open, and with it the conversation; call it once."""
        self.initiation()
        self._state = ConversationState.OPEN
        return [ConversationStarted("", self._audio_format, self._audio_format)]

    def receive_text(self, text: str) -> list[AgentEvent]:
        """Read one message; events in order, at least one. Hand each to `answer`, at once.

        Raises:
            LocalProtocolError: not OPEN.
        """
        self._check_open("message")
        try:
            message = orjson.loads(text)
        except orjson.JSONDecodeError:
            return [self._unknown("not_json")]
        if not isinstance(message, dict):
            return [self._unknown("not_an_object")]
        kind = message.get("type")
        if not isinstance(kind, str):
            return [self._unknown("no_type")]
        if any(key in message for key in _TODAYS_KEYS) or isinstance(message.get("client_tool_call"), dict):
            return self._counted(read_message(message))
        return self._read(kind, message)

    def answer(self, event: AgentEvent) -> str | None:
        """What goes back at once: an `interruption` for the one that we noticed."""
        if isinstance(event, Interrupted):
            return '{"type":"interruption"}'
        return f'{{"type":"pong","event_id":{event.event_id}}}' if isinstance(event, Pinged) else None

    def user_audio(self, payload: str) -> str:
        """A piece of the caller's voice, base64 in the agreed format; 50 times a second.

        Raises:
            LocalProtocolError: not OPEN.
        """
        if self._state is not ConversationState.OPEN:
            self._check_open("say")
        if self._unheard_bytes > 0:
            self._unheard_bytes -= _n_bytes(payload)
        return '{"type":"audio","data":"' + payload + '"}'

    def tool_result(self, tool_call_id: str, result: object, *, is_error: bool) -> str:
        """The one answer to a `ToolRequested`; its form mirrors that of the call.

        Raises:
            LocalProtocolError: not OPEN.
            TypeError: `result` cannot be put into JSON.
        """
        self._check_open("say")
        text = result if isinstance(result, str) else orjson.dumps(result, option=orjson.OPT_NON_STR_KEYS).decode()
        data = {"name": self._tools.pop(tool_call_id, ""), "result": text, "is_error": is_error}
        if not tool_call_id.startswith(_OWN_ID):
            data["tool_call_id"] = tool_call_id
        return orjson.dumps({"type": "client_tool_result", "data": data}).decode()

    def contextual_update(self, text: str, context_id: str | None = None) -> None:
        """This dialect has no such message."""
        self._check_open("say")

    def user_message(self, text: str) -> None:
        """This dialect has no such message."""
        self._check_open("say")

    def user_activity(self) -> None:
        """This dialect has no such message."""
        self._check_open("say")

    def close(self, close_code: int, reason: str) -> ConversationClosed:
        """The socket is closed, by either side; nothing is read or said afterwards."""
        self._state = ConversationState.CLOSED
        return ConversationClosed(close_code, reason)

    def _read(self, kind: str, message: dict[str, Any]) -> list[AgentEvent]:
        data = message.get("data")
        if kind == "audio" and isinstance(data, str) and data and is_base64(data):
            self._unheard_bytes = max(self._unheard_bytes, 0) + _n_bytes(data)
            return [AgentAudio(data, self._turn)]
        if kind == "client_tool_call" and isinstance(data, dict) and isinstance(data.get("name"), str):
            return [self._tool(data)]
        if kind == "error":
            code = data.get("code") if isinstance(data, dict) else None
            return [VendorFaulted(code if type(code) is int else 0, "error", _words(message) or "")]
        if (words := _words(message)) is not None:
            if kind == "agent_response":
                return [AgentResponded(words.strip(), self._turn)]
            if kind == "user_transcript":
                return self._transcribed(words.strip())
        known = kind in ("audio", "client_tool_call", "agent_response", "user_transcript")
        return [self._unknown(f"{kind} malformed" if known else kind[:_KIND_CHARS])]

    def _transcribed(self, words: str) -> list[AgentEvent]:
        spoke, self._unheard_bytes = self._unheard_bytes > 0, 0
        heard = CallerTranscribed(words, self._turn)
        self._turn += 1
        return [Interrupted(self._turn), heard] if spoke else [heard]

    def _tool(self, data: dict[str, Any]) -> AgentEvent:
        given, parameters = data.get("tool_call_id"), data.get("parameters")
        self._n_tools += 1
        call_id = given if isinstance(given, str) and given else f"{_OWN_ID}{self._n_tools}"
        if len(self._tools) < _MOST_OPEN_TOOLS:
            self._tools[call_id] = data["name"]
        return ToolRequested(data["name"], call_id, parameters if isinstance(parameters, dict) else {}, self._turn)

    def _counted(self, event: AgentEvent) -> list[AgentEvent]:
        if isinstance(event, NotedEvent):
            self.noted_messages += 1
        elif isinstance(event, UnknownMessage):
            self.unknown_messages += 1
        return [event]

    def _unknown(self, kind: str) -> UnknownMessage:
        self.unknown_messages += 1
        return UnknownMessage(kind)

    def _check_open(self, move: str) -> None:
        if self._state is not ConversationState.OPEN:
            raise LocalProtocolError(f"a conversation that is {self._state.name} does not allow {move}")


_OWN_ID = "legacy-"
"""Begins the ids that we give to tool calls which came without one."""


def _n_bytes(payload: str) -> int:
    """The length of what is in base64; both directions have one format, so bytes are compared as time."""
    return len(payload) * 3 // 4 - payload.count("=", -2)


def _words(message: dict[str, Any]) -> str | None:
    """The text of a message, wherever it stands."""
    data = message.get("data")
    if isinstance(data, str):
        return data
    for place in (data, message):
        if isinstance(place, dict):
            for key in _TEXT_KEYS:
                if isinstance(place.get(key), str):
                    return str(place[key])
    return None
