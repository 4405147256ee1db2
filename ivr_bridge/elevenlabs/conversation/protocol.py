"""What may be said in a conversation, and when; text in, events or text out.

A conversation begins NEW. We speak first, exactly once, with the initiation data; then it is INITIATED. The vendor
answers with its metadata, which alone tells the audio formats, and the conversation is OPEN: audio goes both ways.
Whatever else the vendor says before its metadata is read like any other message, and a ping is answered, but the
caller's audio waits: its format is not known yet. A second metadata changes nothing, the chains are built: it is an
`UnknownMessage`. When the socket is closed, by either side, the conversation is CLOSED for good: there is no resuming,
a new one starts without any memory of the old.

    NEW + initiate -> INITIATED
    INITIATED + message -> INITIATED
    INITIATED + metadata -> OPEN
    INITIATED + pong -> INITIATED
    OPEN + message -> OPEN
    OPEN + pong -> OPEN
    OPEN + say -> OPEN
    NEW + close -> CLOSED
    INITIATED + close -> CLOSED
    OPEN + close -> CLOSED
    CLOSED + close -> CLOSED

Every other pair is a bug of ours and raises `LocalProtocolError`.

After `Interrupted` with id N the vendor may still send audio of the reply that is void. It is told by `is_stale`: a
smaller id than N. The reply to the very words that interrupted may carry N itself, so N is kept. (The vendor's Python
client drops N too and loses such replies; its JavaScript client keeps them.)

Source: https://elevenlabs.io/docs/api-reference/conversation-websocket
"""

from collections.abc import Mapping
from enum import Enum, auto
from typing import Any

import orjson

from ivr_bridge.elevenlabs.conversation.events import (
    AgentAudio,
    AgentEvent,
    ConversationClosed,
    ConversationStarted,
    Interrupted,
    NotedEvent,
    Pinged,
    UnknownMessage,
)
from ivr_bridge.elevenlabs.conversation.server_messages import METADATA, read_message
from ivr_bridge.errors import LocalProtocolError

DynamicVariable = str | int | float | bool


class ConversationState(Enum):
    """Where a conversation stands; the essay above tells the rules."""

    NEW = auto()
    INITIATED = auto()
    OPEN = auto()
    CLOSED = auto()


class Move(Enum):
    """What moves a conversation; `SAY` is everything we send but the initiation and pongs."""

    INITIATE = auto()
    METADATA = auto()
    MESSAGE = auto()
    PONG = auto()
    SAY = auto()
    CLOSE = auto()


_NEW, _INITIATED, _OPEN, _CLOSED = ConversationState

TRANSITIONS: dict[tuple[ConversationState, Move], ConversationState] = {
    (_NEW, Move.INITIATE): _INITIATED,
    (_INITIATED, Move.MESSAGE): _INITIATED,
    (_INITIATED, Move.METADATA): _OPEN,
    (_INITIATED, Move.PONG): _INITIATED,
    (_OPEN, Move.MESSAGE): _OPEN,
    (_OPEN, Move.PONG): _OPEN,
    (_OPEN, Move.SAY): _OPEN,
    (_NEW, Move.CLOSE): _CLOSED,
    (_INITIATED, Move.CLOSE): _CLOSED,
    (_OPEN, Move.CLOSE): _CLOSED,
    (_CLOSED, Move.CLOSE): _CLOSED,
}
"""STATE x MOVE -> STATE; a pair that is not here is an error of ours."""

_NO_INTERRUPTION = -(2**63)


def is_stale(event_id: int, interrupted_at: int) -> bool:
    """Whether audio is void after an interruption with id `interrupted_at`: `<`, never `<=`."""
    return event_id < interrupted_at


class ConversationProtocol:
    """The codec of one conversation: no socket, no clock, no log.

    Counts for the call's account: `stale_audio` (chunks dropped after an interruption), `noted_messages`,
    `unknown_messages`.
    """

    __slots__ = ("_interrupted_at", "_state", "noted_messages", "stale_audio", "unknown_messages")

    def __init__(self) -> None:
        self._state = ConversationState.NEW
        self._interrupted_at = _NO_INTERRUPTION
        self.stale_audio = 0
        self.noted_messages = 0
        self.unknown_messages = 0

    @property
    def state(self) -> ConversationState:
        """Where the conversation stands."""
        return self._state

    def initiation(
        self,
        *,
        overrides: Mapping[str, object] | None = None,
        dynamic_variables: Mapping[str, DynamicVariable] | None = None,
        user_id: str | None = None,
        source_info: Mapping[str, str] | None = None,
    ) -> str:
        """The first message of all; send it before anything else, once.

        Args:
            overrides: `conversation_config_override`, as it goes out. The agent must allow each field, or the vendor
                closes with 1008; nothing is sent for what is empty.
            dynamic_variables: every `{{name}}` that the agent uses, or the vendor closes with 1008.
            user_id: the vendor's word for who is calling; no number in clear.
            source_info: `source` and `version` of this program.

        Raises:
            LocalProtocolError: sent before, or closed.
        """
        self._move(Move.INITIATE)
        message: dict[str, object] = {"type": "conversation_initiation_client_data"}
        if overrides:
            message["conversation_config_override"] = overrides
        if dynamic_variables:
            message["dynamic_variables"] = dynamic_variables
        if user_id:
            message["user_id"] = user_id
        if source_info:
            message["source_info"] = source_info
        return _json(message)

    def opened(self) -> list[AgentEvent]:
        """What the open socket alone means: nothing, the vendor's metadata opens the conversation."""
        return []

    def answer(self, event: AgentEvent) -> str | None:
        """What goes back at once, whoever is slow: the pong of a `Pinged`."""
        return self.pong(event.event_id) if type(event) is Pinged else None

    def receive_text(self, text: str) -> list[AgentEvent]:
        """Read one WebSocket message of the vendor.

        Call it once for each message, in order; hand each event to `answer` at once, then act on them, in order.

        Args:
            text: anything; the vendor sends one JSON object.

        Returns:
            One event, or none for stale audio. What is not JSON, not documented or malformed is an `UnknownMessage`.

        Raises:
            AudioFormatError: the metadata announces a format that we cannot speak; close the conversation.
            LocalProtocolError: read before the initiation, or after the close.
        """
        if self._state is not _OPEN:
            self._move(Move.MESSAGE)
        try:
            message = orjson.loads(text)
        except orjson.JSONDecodeError:
            self.unknown_messages += 1
            return [UnknownMessage("not_json")]
        event = read_message(message)
        if type(event) is AgentAudio:
            if is_stale(event.event_id, self._interrupted_at):
                self.stale_audio += 1
                return []
        elif isinstance(event, ConversationStarted):
            if self._state is _OPEN:
                event = UnknownMessage(f"{METADATA} repeated")
                self.unknown_messages += 1
            else:
                self._move(Move.METADATA)
        elif isinstance(event, Interrupted):
            self._interrupted_at = event.event_id
        elif isinstance(event, NotedEvent):
            self.noted_messages += 1
        elif isinstance(event, UnknownMessage):
            self.unknown_messages += 1
        return [event]

    def user_audio(self, payload: str) -> str:
        """A piece of the caller's voice; 50 times a second, so it is put together without a JSON encoder.

        Args:
            payload: base64 of audio in the announced `input_format`, 20-60 ms; base64 alone, which the caller of this
                method vouches for.

        Raises:
            LocalProtocolError: not OPEN.
        """
        if self._state is not _OPEN:
            self._move(Move.SAY)
        return '{"user_audio_chunk":"' + payload + '"}'

    def pong(self, event_id: int) -> str:
        """The answer to a `Pinged`, with its id; never delayed by `ping_ms`."""
        self._move(Move.PONG)
        return f'{{"type":"pong","event_id":{event_id}}}'

    def tool_result(self, tool_call_id: str, result: object, *, is_error: bool) -> str:
        """The one answer to a `ToolRequested`.

        Args:
            tool_call_id: of the request.
            result: the contract wants a string; anything else goes as JSON in a string.
            is_error: then `result` is a short sentence that may be spoken.

        Raises:
            LocalProtocolError: not OPEN.
            TypeError: `result` cannot be put into JSON.
        """
        self._move(Move.SAY)
        text = result if isinstance(result, str) else _json(result)
        return _json({"type": "client_tool_result", "tool_call_id": tool_call_id, "result": text, "is_error": is_error})

    def contextual_update(self, text: str, context_id: str | None = None) -> str:
        """A fact for the agent that starts no turn; of one `context_id` only the newest counts."""
        self._move(Move.SAY)
        message = {"type": "contextual_update", "text": text}
        if context_id is not None:
            message["context_id"] = context_id
        return _json(message)

    def user_message(self, text: str) -> str:
        """Words that the agent takes as spoken by the caller; it answers, and may be interrupted by them."""
        self._move(Move.SAY)
        return _json({"type": "user_message", "text": text})

    def user_activity(self) -> str:
        """A sign that the caller is there and busy: starts the agent's turn timer anew."""
        self._move(Move.SAY)
        return '{"type":"user_activity"}'

    def close(self, close_code: int, reason: str) -> ConversationClosed:
        """The socket is closed, by either side; nothing is read or said afterwards."""
        self._move(Move.CLOSE)
        return ConversationClosed(close_code, reason)

    def _move(self, move: Move) -> None:
        state = TRANSITIONS.get((self._state, move))
        if state is None:
            raise LocalProtocolError(f"a conversation that is {self._state.name} does not allow {move.name.lower()}")
        self._state = state


def _json(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()
