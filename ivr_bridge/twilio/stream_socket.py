"""The WebSocket around a `MediaStream`: letting Twilio in, reading, bounded writing, closing.

The only file of the caller's leg that knows whose WebSocket it stands on. It decides nothing about the protocol.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
import time
from collections.abc import Callable
from typing import Any

from aiohttp import WSMsgType, web

from ivr_bridge.errors import LocalProtocolError
from ivr_bridge.twilio.stream_events import CallerAudio, StreamClosed, StreamEvent, StreamStarted
from ivr_bridge.twilio.stream_protocol import MAX_TEXT_BYTES, MediaStream, StreamState
from ivr_bridge.twilio.stream_tap import TappedResponse

CLOSE_TIMEOUT_S = 2.0
"""How long Twilio may take to answer our close frame."""

PING_S = 25.0
"""Between pings of ours. They keep proxies from reaping a direction in which the agent is silent for a minute; a dead
peer is found by the call's no-media watchdog, long before."""

MAX_BUFFERED_BYTES = 48 * 1024
"""Unsent bytes at which the socket is full: over 4 s of audio, more than a call ever sends ahead."""
ENOUGH_READ_BYTES = MAX_BUFFERED_BYTES // 4
"""Unsent bytes at which a socket that was full takes audio again."""

NO_CLOSE_CODE, NO_CLOSE_FRAME = 1005, 1006
REASON_MAX_BYTES = 123
"""A close frame has room for no more."""

_HEAD_SHORT = struct.Struct("!BB").pack
_HEAD_MEDIUM = struct.Struct("!BBH").pack
_HEAD_LONG = struct.Struct("!BBQ").pack
_FINAL_TEXT = 0x81
_LENGTH_IN_16_BITS, _LENGTH_IN_64_BITS = 126, 127


AudioSink = Callable[[CallerAudio], None]


class _Ear:
    """Reads each message as it arrives: audio goes to the sink at once, all else waits for `receive`."""

    __slots__ = ("sink", "stream")

    def __init__(self) -> None:
        self.stream = MediaStream()
        self.sink: AudioSink | None = None

    def read(self, text: str) -> list[StreamEvent] | Exception | None:
        """What `receive` shall give or raise; None when the sink has it."""
        try:
            events = self.stream.receive_text(text)
            if self.sink is None or not events or type(events[0]) is not CallerAudio:
                return events
            self.sink(events[0])
        except Exception as error:  # noqa: BLE001 - not the network's: `receive` raises it in the call's own task
            return error
        return None


class StreamSocket:
    """The caller's leg of one call: a media stream that has started.

    One task receives; several may send, and sending never waits: who sends audio asks first whether the socket is
    `full`. What is sent when the stream is over is dropped and counted in `unsent`, since only `receive` tells of the
    end. `sent` and `sent_bytes` count WebSocket messages.
    """

    __slots__ = (
        "_closed",
        "_ear",
        "_now",
        "_own_close_code",
        "_ping_s",
        "_ping_task",
        "_ping_timer",
        "_stalled_at",
        "_stream",
        "_transport",
        "_ws",
        "sent",
        "sent_bytes",
        "unsent",
    )

    def __init__(
        self,
        ws: web.WebSocketResponse,
        transport: asyncio.Transport,
        *,
        ear: _Ear | None = None,
        ping_s: float = PING_S,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ws = ws
        self._transport = transport
        self._ear = ear or _Ear()
        self._stream = self._ear.stream
        self._now = now
        self._stalled_at: float | None = None
        self._closed: StreamClosed | None = None
        self._own_close_code = 0
        self._ping_s = ping_s
        self._ping_task: asyncio.Task[None] | None = None
        self._ping_timer = asyncio.get_running_loop().call_later(ping_s, self._ping)
        self.sent = 0
        self.sent_bytes = 0
        self.unsent = 0

    @classmethod
    async def accept(
        cls, request: web.Request, *, close_timeout_s: float = CLOSE_TIMEOUT_S, ping_s: float = PING_S
    ) -> StreamSocket:
        """Answer the upgrade: no compression, messages up to 64 KiB.

        Raises:
            HTTPBadRequest: this is no WebSocket upgrade.
            ConnectionError: the peer is gone already.
        """
        ear = _Ear()
        ws = TappedResponse(
            ear.read,
            timeout=close_timeout_s,
            compress=False,
            max_msg_size=MAX_TEXT_BYTES,
        )
        await ws.prepare(request)
        transport = request.transport
        if transport is None:
            raise ConnectionResetError("the peer left during the upgrade")
        return cls(ws, transport, ear=ear, ping_s=ping_s)

    @property
    def response(self) -> web.StreamResponse:
        """What the route's handler returns when all is over."""
        return self._ws

    @property
    def stream(self) -> MediaStream:
        """The protocol's state and its counts: frames, gaps, late and unknown messages."""
        return self._stream

    @property
    def started(self) -> StreamStarted:
        """Whose stream this is.

        Raises:
            LocalProtocolError: before `start`; nobody but the handler below holds a leg as young as that.
        """
        if self._stream.started is None:
            raise LocalProtocolError("the stream has not started")
        return self._stream.started

    @property
    def stream_sid(self) -> str:
        """Twilio's id of this stream, `MZ...`."""
        return self.started.stream_sid

    @property
    def call_sid(self) -> str:
        """Twilio's id of the call, `CA...`."""
        return self.started.call_sid

    @property
    def buffered_bytes(self) -> int:
        """Bytes that the system has not taken yet."""
        return 0 if self._transport.is_closing() else self._transport.get_write_buffer_size()

    @property
    def full(self) -> bool:
        """Whether Twilio does not read and too much is unsent; False again when most of it was read."""
        if self._stalled_at is not None and self.buffered_bytes <= ENOUGH_READ_BYTES:
            self._stalled_at = None
        return self._stalled_at is not None

    def write_stalled_s(self, now: float) -> float:
        """How long the socket has been full; 0 when it is not.

        Args:
            now: an instant of the monotonic clock.
        """
        return max(0.0, now - self._stalled_at) if self.full and self._stalled_at is not None else 0.0

    def hear(self, sink: AudioSink | None) -> None:
        """Give audio to `sink` the moment it arrives, instead of through `receive`; None: no more.

        `sink` must not wait. What it raises comes out of `receive`.
        """
        self._ear.sink = sink

    async def receive(self) -> list[StreamEvent]:
        """Wait for the next message and read it. Cancelling loses nothing.

        Returns:
            Zero or more events; the last one ever is `StreamClosed`, and it is given again if asked again.

        Raises:
            RemoteProtocolError: a binary message, one over 64 KiB, a broken frame, or what the stream does not allow.
                Close with 1008 then.
        """
        if self._closed is not None:
            return [self._closed]
        message: Any = await self._ws.receive()
        if message.type is WSMsgType.TEXT:
            read = self._ear.read(message.data) if isinstance(message.data, str) else message.data
            if isinstance(read, Exception):
                raise read
            return list(read or ())
        if message.type is WSMsgType.BINARY:
            raise self._stream.fault("a binary message")
        if message.type is WSMsgType.ERROR and not isinstance(message.data, OSError | asyncio.TimeoutError):
            raise self._stream.fault(str(message.data)) from message.data
        return self._ended(message)

    def send_media(self, payload: str) -> None:
        """Play audio to the caller: base64 of mu-law at 8 kHz, any length.

        Raises:
            LocalProtocolError: this is not base64.
        """
        if self._stream.can_send:
            self._send(self._stream.media(payload))
        else:
            self.unsent += 1

    def send_mark(self, name: str) -> None:
        """Ask Twilio to say when what was sent so far has been played."""
        if self._stream.can_send:
            self._send(self._stream.mark(name))
        else:
            self.unsent += 1

    def send_clear(self) -> None:
        """Drop what Twilio has queued; it echoes every mark still out."""
        if self._stream.can_send:
            self._send(self._stream.clear())
        else:
            self.unsent += 1

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """End the stream: 1000 for an intended end, 1008 for a fault of theirs, 1011 for one of ours.

        Bounded: a peer that reads nothing is cut off at once, one that does not answer after `CLOSE_TIMEOUT_S`.
        Calling it again does nothing; `receive` then gives `StreamClosed`.
        """
        self._stop_pings()
        if self._own_close_code:
            return
        self._own_close_code = code
        if not self.full and self._closed is None:
            text = reason.encode()[:REASON_MAX_BYTES].decode(errors="ignore").encode()
            await self._ws.close(code=code, message=text, drain=False)
        if self._transport.get_write_buffer_size():
            self._transport.abort()

    def abort(self) -> None:
        """Cut the connection without a word: nothing is flushed and nothing is waited for."""
        self._stop_pings()
        self._transport.abort()

    def _send(self, text: str) -> None:
        # A frame put together here costs a third of the library's way, and needs no task that may wait.
        transport = self._transport
        if self._own_close_code or self._ws.closed or transport.is_closing():
            self.unsent += 1
            return
        data = text.encode()
        n_bytes = len(data)
        if n_bytes < _LENGTH_IN_16_BITS:
            head = _HEAD_SHORT(_FINAL_TEXT, n_bytes)
        elif n_bytes < 65536:
            head = _HEAD_MEDIUM(_FINAL_TEXT, _LENGTH_IN_16_BITS, n_bytes)
        else:
            head = _HEAD_LONG(_FINAL_TEXT, _LENGTH_IN_64_BITS, n_bytes)
        transport.write(head + data)
        self.sent += 1
        self.sent_bytes += n_bytes
        if self._stalled_at is None and transport.get_write_buffer_size() > MAX_BUFFERED_BYTES:
            self._stalled_at = self._now()

    def _ended(self, message: Any) -> list[StreamEvent]:
        """Name the close code. The library says 1000 when the connection just broke."""
        self._stop_pings()
        if message.type is WSMsgType.CLOSE:
            code = message.data or NO_CLOSE_CODE
        else:
            code = self._own_close_code or NO_CLOSE_FRAME
        self._closed = StreamClosed(int(code))
        if self._stream.state is not StreamState.CLOSED:
            self._stream.receive_close(self._closed.close_code)
        return [self._closed]

    def _ping(self) -> None:
        self._ping_timer = asyncio.get_running_loop().call_later(self._ping_s, self._ping)
        self._ping_task = asyncio.create_task(self._send_ping())

    async def _send_ping(self) -> None:
        with contextlib.suppress(ConnectionError):
            await self._ws.ping()

    def _stop_pings(self) -> None:
        self._ping_timer.cancel()
