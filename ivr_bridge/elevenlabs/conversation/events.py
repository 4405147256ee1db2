"""What the vendor can say in a conversation: one small frozen dataclass for each message the bridge acts on.

Every other documented message becomes a `NotedEvent`, an undocumented or malformed one an `UnknownMessage`; both are
counted, neither ends a call. `event_id` is the vendor's counter of turns: all audio of one reply carries the reply's
id. It tells old audio from new after an interruption and nothing else: the order of messages is their order on the
socket.

Source: https://elevenlabs.io/docs/api-reference/conversation-websocket
"""

from dataclasses import dataclass
from typing import Any

from ivr_bridge.audio.formats import AudioFormat


@dataclass(frozen=True, slots=True)
class ConversationStarted:
    """The vendor accepted the conversation (`conversation_initiation_metadata`); once, before any audio.

    `input_format` is what the agent hears, `output_format` what it speaks; they are announced here and nowhere else.
    """

    conversation_id: str
    output_format: AudioFormat
    input_format: AudioFormat


@dataclass(frozen=True, slots=True)
class Alignment:
    """When each character of a chunk is spoken.

    The three tuples are of one length; `start_ms` counts from the first sample of this chunk.
    """

    chars: tuple[str, ...]
    start_ms: tuple[int, ...]
    duration_ms: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class AgentAudio:
    """A chunk of the agent's voice in `output_format`, sent faster than real time.

    `payload` is the vendor's base64, untouched: only base64 characters, a multiple of four, never empty; its bytes
    may be of any number (half a frame, half a sample).
    """

    payload: str
    event_id: int
    alignment: Alignment | None = None


@dataclass(frozen=True, slots=True)
class AgentResponded:
    """The text of a reply; usually before the last of its audio."""

    text: str
    event_id: int


@dataclass(frozen=True, slots=True)
class AgentResponseCorrected:
    """What the vendor believes was spoken of an interrupted reply, by its own clock and not the phone's.

    Match it by `original`: it may belong to an earlier reply than its `event_id` says.
    """

    original: str
    corrected: str
    event_id: int


@dataclass(frozen=True, slots=True)
class AgentResponseCompleted:
    """The reply is generated to its end: no more audio of `event_id` comes."""

    event_id: int


@dataclass(frozen=True, slots=True)
class CallerTranscribed:
    """What the agent understood of a finished utterance of the caller."""

    text: str
    event_id: int


@dataclass(frozen=True, slots=True)
class CallerTentative:
    """What the agent understands so far; the next one replaces it."""

    text: str
    event_id: int


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The caller spoke over the agent: everything not yet heard is void.

    Audio with a smaller `event_id` is dropped from here on; `reason` is mostly empty.
    """

    event_id: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ToolRequested:
    """The agent asks for a client tool; exactly one result with this `tool_call_id` goes back.

    `parameters` is `{}` when the vendor sent none or no object.
    """

    tool_name: str
    tool_call_id: str
    parameters: dict[str, Any]
    event_id: int


@dataclass(frozen=True, slots=True)
class ToolReported:
    """The vendor ran a tool (`agent_tool_response`); `end_call` means that the agent hangs up after its last words."""

    tool_name: str
    tool_call_id: str
    tool_type: str
    is_error: bool

    @property
    def ends_call(self) -> bool:
        """Whether the agent is hanging up: a close with 1000 follows."""
        return self.tool_name == "end_call" and not self.is_error


@dataclass(frozen=True, slots=True)
class Pinged:
    """The vendor asks for a sign of life, answered at once; `ping_ms` is its estimate of the round trip, if any."""

    event_id: int
    ping_ms: int | None


@dataclass(frozen=True, slots=True)
class VendorFaulted:
    """The vendor reports an error; it may close the conversation next, or go on.

    `code` is the close code it announces (0: none), `error_type` its own word, such as `override_error`.
    """

    code: int
    error_type: str
    message: str


@dataclass(frozen=True, slots=True)
class NotedEvent:
    """A documented message that changes nothing here; `event_id` is None where the vendor gives none."""

    kind: str
    event_id: int | None


@dataclass(frozen=True, slots=True)
class UnknownMessage:
    """A message that is not documented, or documented and malformed.

    `kind` is its `type` (at most 60 characters), with ` malformed` after it where the type is known, or `not_json`,
    `not_an_object`, `no_type`.
    """

    kind: str


@dataclass(frozen=True, slots=True)
class ConversationClosed:
    """The end: always the last event, and repeated to whoever asks again.

    `close_code` is the WebSocket's; 1006 when there was no close frame. 1000 is the agent's own hanging up, or ours.
    """

    close_code: int
    reason: str


AgentEvent = (
    ConversationStarted
    | AgentAudio
    | AgentResponded
    | AgentResponseCorrected
    | AgentResponseCompleted
    | CallerTranscribed
    | CallerTentative
    | Interrupted
    | ToolRequested
    | ToolReported
    | Pinged
    | VendorFaulted
    | NotedEvent
    | UnknownMessage
    | ConversationClosed
)
"""Whatever `receive` can give."""
