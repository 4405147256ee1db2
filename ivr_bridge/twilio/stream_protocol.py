"""Media Streams without I/O: Twilio's text to events, our audio to text.

One `MediaStream` is one WebSocket of Twilio, from its opening to its end. There is no reconnecting and no resuming: a
new stream of the same call is a new socket, a new `streamSid` and a new `MediaStream`.

The rules. A stream is CONNECTING until Twilio says `connected`, which carries nothing that we need, so that a `start`
without it is accepted. `start` comes exactly once and names the stream; before it Twilio has nothing to say about
audio and we may send nothing, and after it the stream is STARTED. `stop` makes it STOPPED: nothing more may be sent,
while what was already on its way (a last frame, the echo of a mark) is no fault; marks are still reported, since they
say what the caller heard; frames and digits are counted as late. A kind that we do not know changes nothing. The
socket's end makes any stream CLOSED. Whatever has no arrow below is a fault of Twilio's side and makes the stream
FAILED, which reads nothing more; asking a CLOSED or FAILED stream for anything is a fault of ours.

    CONNECTING --connected--> CONNECTED
    CONNECTING --start--> STARTED
    CONNECTING --unknown--> CONNECTING
    CONNECTING --close--> CLOSED
    CONNECTED --start--> STARTED
    CONNECTED --unknown--> CONNECTED
    CONNECTED --close--> CLOSED
    STARTED --media--> STARTED
    STARTED --dtmf--> STARTED
    STARTED --mark--> STARTED
    STARTED --unknown--> STARTED
    STARTED --stop--> STOPPED
    STARTED --close--> CLOSED
    STOPPED --media--> STOPPED
    STOPPED --dtmf--> STOPPED
    STOPPED --mark--> STOPPED
    STOPPED --stop--> STOPPED
    STOPPED --unknown--> STOPPED
    STOPPED --close--> CLOSED
    FAILED --close--> CLOSED

Source: https://www.twilio.com/docs/voice/media-streams/websocket-messages
"""

import enum
import re
from typing import Any

import orjson

from ivr_bridge.errors import LocalProtocolError, RemoteProtocolError
from ivr_bridge.twilio.stream_events import (
    CallerAudio,
    DtmfPressed,
    MarkReached,
    StreamClosed,
    StreamConnected,
    StreamEvent,
    StreamStarted,
    StreamStopped,
    UnknownStreamMessage,
)

MAX_TEXT_BYTES = 64 * 1024
"""The largest message taken; a frame's is about 385 bytes."""

ENCODING, SAMPLE_RATE_HZ, CHANNELS = "audio/x-mulaw", 8000, 1
"""The only format that Twilio documents, and the only one accepted."""

JITTER_MS = 20
"""A timestamp that is late by less is no gap."""

MAX_GAP_MS = 2000
"""More than this is not asked to be filled: the agent shall not listen to a minute of silence made by us."""

MAX_NUMBER = 1 << 53
"""Beyond this a number is no count of milliseconds or chunks."""

BYTES_PER_MS = SAMPLE_RATE_HZ // 1000

INBOUND_TRACKS = ("inbound", "inbound_track")
"""The caller's voice; Twilio spells it in both ways."""

DIGITS = frozenset("0123456789*#ABCD")

_BASE64_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_PADDINGS = (b"", b"=", b"==")
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")


class StreamState(enum.Enum):
    """Where a stream is in its life; the module's docstring tells it."""

    CONNECTING = "CONNECTING"
    CONNECTED = "CONNECTED"
    STARTED = "STARTED"
    STOPPED = "STOPPED"
    CLOSED = "CLOSED"
    FAILED = "FAILED"


CONNECTING, CONNECTED, STARTED, STOPPED, CLOSED, FAILED = StreamState

ARROWS: dict[StreamState, dict[str, StreamState]] = {
    CONNECTING: {"connected": CONNECTED, "start": STARTED, "unknown": CONNECTING, "close": CLOSED},
    CONNECTED: {"start": STARTED, "unknown": CONNECTED, "close": CLOSED},
    STARTED: {
        "media": STARTED, "dtmf": STARTED, "mark": STARTED, "unknown": STARTED, "stop": STOPPED, "close": CLOSED,
    },
    STOPPED: {
        "media": STOPPED, "dtmf": STOPPED, "mark": STOPPED, "stop": STOPPED, "unknown": STOPPED, "close": CLOSED,
    },
    CLOSED: {},
    FAILED: {"close": CLOSED},
}  # fmt: skip
"""STATE x EVENT -> STATE."""

MESSAGE_KINDS = frozenset(("connected", "start", "media", "dtmf", "mark", "stop"))


class MediaStream:
    """One stream: give it Twilio's text, act on its events; ask it for the text of what is to be sent.

    It keeps count: `frames_in` and `bytes_in` (mu-law), `gaps` and `gap_ms` (as reported in `CallerAudio`),
    `disordered` (chunk numbers that did not grow), `late` (audio or digits after `stop`), `unknown`.
    """

    __slots__ = (
        "_clear_text",
        "_expected_ms",
        "_last_chunk",
        "_mark_head",
        "_media_head",
        "_state",
        "_stream_sid",
        "bytes_in",
        "disordered",
        "frames_in",
        "gap_ms",
        "gaps",
        "late",
        "started",
        "unknown",
    )

    def __init__(self) -> None:
        self._state = CONNECTING
        self._stream_sid = ""
        self._expected_ms: float | None = None
        self._last_chunk = 0
        self._media_head = self._mark_head = self._clear_text = ""
        self.started: StreamStarted | None = None
        self.frames_in = 0
        self.bytes_in = 0
        self.gaps = 0
        self.gap_ms = 0.0
        self.disordered = 0
        self.late = 0
        self.unknown = 0

    @property
    def state(self) -> StreamState:
        """Where the stream is."""
        return self._state

    @property
    def can_send(self) -> bool:
        """Whether `media`, `mark` and `clear` are allowed now."""
        return self._state is STARTED

    def receive_text(self, text: str) -> list[StreamEvent]:
        """Read one WebSocket text message from Twilio.

        Call it once for each message, in order; then act on the events, in order.

        Args:
            text: one JSON object, at most 64 KiB.

        Returns:
            Zero or more events. `CallerAudio.payload` is 160 bytes mu-law (20 ms at 8 kHz) for a live call, but any
            length from 1 byte up is passed on.

        Raises:
            RemoteProtocolError: not JSON, no `event`, a message that lacks what it is for, or one that the state does
                not allow (`media` before `start`). The stream is then FAILED and reads nothing more.
            LocalProtocolError: the stream is FAILED or CLOSED.

        Source: https://www.twilio.com/docs/voice/media-streams/websocket-messages
        """
        if self._state is FAILED or self._state is CLOSED:
            raise LocalProtocolError(f"a stream that is {self._state.value} reads nothing more")
        if len(text) > MAX_TEXT_BYTES:
            raise self.fault(f"a message of {len(text)} characters")
        try:
            message = orjson.loads(text)
        except ValueError as error:
            raise self.fault("a message that is not JSON") from error
        if type(message) is not dict:
            raise self.fault("a message that is not an object")
        kind = message.get("event")
        if kind == "media" and self._state is STARTED:
            return [self._caller_audio(message)]
        if not isinstance(kind, str):
            raise self.fault("a message without `event`")
        return self._other(kind, message)

    def receive_close(self, close_code: int) -> list[StreamEvent]:
        """The socket is gone: 1005 for a close frame without a code, 1006 for none at all.

        Returns:
            One `StreamClosed`.

        Raises:
            LocalProtocolError: it was CLOSED already.
        """
        if self._state is CLOSED:
            raise LocalProtocolError("a stream closes once")
        self._state = ARROWS[self._state]["close"]
        return [StreamClosed(close_code)]

    def fault(self, what: str) -> RemoteProtocolError:
        """Make the stream FAILED; returns the error to raise. For what only the socket sees: a binary message."""
        self._state = FAILED
        return RemoteProtocolError(f"Twilio's stream: {what}")

    def media(self, payload: str) -> str:
        """The text that plays audio to the caller, after whatever is queued.

        Args:
            payload: base64 of mu-law at 8 kHz, any length, no file header.

        Raises:
            LocalProtocolError: the stream is not STARTED, or this is not base64.
        """
        self._may_send()
        if len(payload) & 3 or not _BASE64.fullmatch(payload):
            raise LocalProtocolError("audio for Twilio must be base64 of mu-law")
        return self._media_head + payload + '"}}'

    def mark(self, name: str) -> str:
        """The text that asks Twilio to say when everything queued so far has been played.

        Raises:
            LocalProtocolError: the stream is not STARTED, or the name is empty.
        """
        self._may_send()
        if not name:
            raise LocalProtocolError("a mark needs a name")
        return self._mark_head + orjson.dumps(name).decode() + "}}"

    def clear(self) -> str:
        """The text that drops what is queued; Twilio then echoes every mark still out.

        Raises:
            LocalProtocolError: the stream is not STARTED.
        """
        self._may_send()
        return self._clear_text

    def _may_send(self) -> None:
        if self._state is not STARTED:
            raise LocalProtocolError(f"nothing can be sent while the stream is {self._state.value}")

    def _other(self, kind: str, message: dict[str, Any]) -> list[StreamEvent]:
        step = kind if kind in MESSAGE_KINDS else "unknown"
        following = ARROWS[self._state].get(step)
        if following is None:
            raise self.fault(f"`{step}` while {self._state.value}")
        if step not in ("connected", "unknown", "start"):
            self._check_stream_sid(message)
        events = self._read(step, kind, message)
        self._state = following
        return events

    def _read(self, step: str, kind: str, message: dict[str, Any]) -> list[StreamEvent]:
        if step == "connected":
            return [StreamConnected()]
        if step == "start":
            return [self._start(message)]
        if step == "mark":
            return [MarkReached(self._word(message, "mark", "name"))]
        if step == "stop":
            return [StreamStopped()]
        if step == "unknown":
            self.unknown += 1
            return [UnknownStreamMessage(kind[:60])]
        if self._state is STOPPED:
            self.late += 1
            return []
        digit = self._word(message, "dtmf", "digit")
        if digit not in DIGITS:
            raise self.fault("a `dtmf` that is no key of a phone")
        return [DtmfPressed(digit)]

    def _word(self, message: dict[str, Any], part: str, name: str) -> str:
        inner = message.get(part)
        word = inner.get(name) if isinstance(inner, dict) else None
        if not isinstance(word, str) or not word:
            raise self.fault(f"`{part}` without `{name}`")
        return word

    def _check_stream_sid(self, message: dict[str, Any]) -> None:
        if message.get("streamSid", self._stream_sid) != self._stream_sid:
            raise self.fault("a message of another stream")

    def _start(self, message: dict[str, Any]) -> StreamStarted:
        start = message.get("start")
        if not isinstance(start, dict):
            raise self.fault("`start` without `start`")
        stream_sid = self._word({"start": {"streamSid": message.get("streamSid"), **start}}, "start", "streamSid")
        if message.get("streamSid", stream_sid) != stream_sid:
            raise self.fault("`start` with two stream sids")
        audio = start.get("mediaFormat")
        audio = audio if isinstance(audio, dict) else {}
        announced = (audio.get("encoding"), _number(audio.get("sampleRate")), _number(audio.get("channels")))
        if announced != (ENCODING, SAMPLE_RATE_HZ, CHANNELS):
            raise self.fault(f"audio other than {ENCODING}, {SAMPLE_RATE_HZ} Hz, {CHANNELS} channel")
        given = start.get("customParameters")
        given = given if isinstance(given, dict) else {}
        self.started = StreamStarted(
            stream_sid=stream_sid,
            call_sid=self._word(message, "start", "callSid"),
            account_sid=self._word(message, "start", "accountSid"),
            encoding=ENCODING,
            sample_rate_hz=SAMPLE_RATE_HZ,
            channels=CHANNELS,
            custom_parameters={name: value for name, value in given.items() if isinstance(value, str)},
        )
        self._stream_sid = stream_sid
        sid = orjson.dumps(stream_sid).decode()
        self._media_head = f'{{"event":"media","streamSid":{sid},"media":{{"payload":"'
        self._mark_head = f'{{"event":"mark","streamSid":{sid},"mark":{{"name":'
        self._clear_text = f'{{"event":"clear","streamSid":{sid}}}'
        return self.started

    def _caller_audio(self, message: dict[str, Any]) -> CallerAudio | UnknownStreamMessage:
        media = message.get("media")
        if type(media) is not dict:
            raise self.fault("`media` without `media`")
        payload = media.get("payload")
        if type(payload) is not str or not payload or len(payload) & 3:
            raise self.fault("`media` without base64 audio")
        padding = payload.encode().translate(None, _BASE64_ALPHABET)
        if padding and (padding not in _PADDINGS or not payload.endswith(padding.decode())):
            raise self.fault("`media` without base64 audio")
        if message.get("streamSid", self._stream_sid) != self._stream_sid:
            raise self.fault("a message of another stream")
        if media.get("track", "inbound") not in INBOUND_TRACKS:
            self.unknown += 1
            return UnknownStreamMessage("media of another track")
        n_bytes = len(payload) // 4 * 3 - len(padding)
        self.frames_in += 1
        self.bytes_in += n_bytes
        at_ms, gap_ms = self._place(media, n_bytes / BYTES_PER_MS)
        return CallerAudio(payload, at_ms, gap_ms)

    def _place(self, media: dict[str, Any], audio_ms: float) -> tuple[int, float]:
        """Place the audio in time: its timestamp and what is missing before it.

        The clock runs by the audio that came: so the loss of pieces shorter than the jitter adds up to a gap, while
        a piece that is early or late by less moves nothing. A timestamp far behind sets the clock anew.
        """
        chunk, at_ms = _number(media.get("chunk")), _number(media.get("timestamp"))
        if chunk is not None:
            if chunk <= self._last_chunk:
                self.disordered += 1
                return at_ms or 0, 0.0
            self._last_chunk = chunk
        if self._expected_ms is None:
            self._expected_ms = float(at_ms or 0)
        missing_ms = 0.0 if at_ms is None else at_ms - self._expected_ms
        self._expected_ms += audio_ms
        if -JITTER_MS < missing_ms < JITTER_MS:
            return round(self._expected_ms - audio_ms) if at_ms is None else at_ms, 0.0
        self._expected_ms += missing_ms
        gap_ms = min(max(missing_ms, 0.0), MAX_GAP_MS)
        self.gaps += gap_ms > 0
        self.gap_ms += gap_ms
        return at_ms or 0, gap_ms


def _number(value: object) -> int | None:
    """Twilio's numbers are text, but not all; None for what is no number, or absurd."""
    try:
        number = int(value)  # type: ignore[call-overload]
    except (TypeError, ValueError, OverflowError):
        return None
    return number if -MAX_NUMBER < number < MAX_NUMBER else None
