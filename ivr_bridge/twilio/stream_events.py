"""What Twilio can say on a media stream, in our words.

Source: https://www.twilio.com/docs/voice/media-streams/websocket-messages
"""

from dataclasses import dataclass, field

CLEAN_CLOSE_CODES = (1000, 1001, 1005)
"""Normal, going away, and a close frame that names no code."""


@dataclass(frozen=True, slots=True)
class StreamConnected:
    """The first message: the WebSocket is up. No ids yet."""


@dataclass(frozen=True, slots=True)
class StreamStarted:
    """Whose stream it is and what it carries: always mu-law, 8000 Hz, one channel (anything else is refused).

    `custom_parameters` are those of our TwiML.
    """

    stream_sid: str
    call_sid: str
    account_sid: str
    encoding: str
    sample_rate_hz: int
    channels: int
    custom_parameters: dict[str, str] = field(repr=False)

    @property
    def token(self) -> str:
        """The one-time token; empty when there is none."""
        return self.custom_parameters.get("token", "")


@dataclass(slots=True)
class CallerAudio:
    """A piece of the caller's voice, in order. Not frozen: there are 50 a second of each call.

    `payload` is base64 of mu-law at 8 kHz as Twilio sent it, usually 20 ms (160 bytes, 216 characters), but any length.
    `timestamp_ms` counts from the stream's start and need not be a multiple of 20.
    `gap_ms` is audio missing before this piece, 0 to 2000: fill it with silence.
    """

    payload: str
    timestamp_ms: int
    gap_ms: float


@dataclass(frozen=True, slots=True)
class DtmfPressed:
    """The caller pressed a key: one of 0-9, *, #, A-D. The digit stays out of `repr`."""

    digit: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class MarkReached:
    """A mark of ours came back: played to its end, or flushed by `clear`. Only the ledger can tell which."""

    name: str


@dataclass(frozen=True, slots=True)
class StreamStopped:
    """No more audio will come. Not a hang-up: a call that is redirected stops its stream as well."""


@dataclass(frozen=True, slots=True)
class StreamClosed:
    """The socket is gone; always the last event.

    `close_code` is the WebSocket's; 1005 when the close frame named none, 1006 when there was no close frame.
    """

    close_code: int

    @property
    def clean(self) -> bool:
        """Closed on purpose, as the protocol wants it."""
        return self.close_code in CLEAN_CLOSE_CODES


@dataclass(frozen=True, slots=True)
class UnknownStreamMessage:
    """A message of a kind that this bridge does not know; `kind` is its name, at most 60 characters."""

    kind: str


StreamEvent = (
    StreamConnected
    | StreamStarted
    | CallerAudio
    | DtmfPressed
    | MarkReached
    | StreamStopped
    | StreamClosed
    | UnknownStreamMessage
)
"""Everything that `MediaStream.receive_text` and `StreamSocket.receive` can return."""
