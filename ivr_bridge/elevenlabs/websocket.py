"""A WebSocket to the vendor: the one door of the WebSocket client library.

The library's protocol object, which does no I/O, makes the handshake, reads frames and keeps the rules of RFC 6455;
the bytes between it and the event loop are moved here. Only a text frame of ours is put together by hand: it goes out
50 times a second for each call, and the library's way costs four times as much.

Bounds: a message has at most `MAX_MESSAGE_BYTES`; what nobody has received yet is bounded by inbox.py; `offer` writes
nothing while `MAX_WAITING_BYTES` wait for a slow peer; a peer that makes us wait with `MAX_UNSENT_BYTES` is dropped.
Nothing here names a URL or a header in an error: they hold secrets.

Source: https://www.rfc-editor.org/rfc/rfc6455
"""

import asyncio
import functools
import logging
import os
import socket
import ssl
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Generic, TypeVar, cast

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidStatus, InvalidURI
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.typing import Subprotocol
from websockets.uri import WebSocketURI, parse_uri

from ivr_bridge.elevenlabs.inbox import Inbox
from ivr_bridge.errors import BridgeError

try:
    from websockets.speedups import apply_mask
except ImportError:  # no wheel for this platform
    from websockets.utils import apply_mask

MAX_MESSAGE_BYTES = 16 * 1024 * 1024
"""The longest message that is read; the vendor's own client has the same limit."""

MAX_WAITING_BYTES = 24 * 1024
"""About 2 s of frames of mu-law: what is older than that helps no conversation."""

MAX_UNSENT_BYTES = 1024 * 1024
"""More than this waits only for a peer that keeps asking and never reads."""

CLOSE_TIMEOUT_S = 1.0
"""How long the other side may take to close after a close frame."""

KEEPALIVE_S = 20.0
"""How often a ping goes out; two of these without a byte and the connection is taken for dead."""

_KERNEL_UNSENT_BYTES = 16 * 1024
_ABNORMAL = 1006
_NOT_UTF8 = 1007
_REASON_BYTES = 123
_HEAD_SHORT = struct.Struct("!BB").pack
_HEAD_MEDIUM = struct.Struct("!BBH").pack
_FINAL_TEXT, _MASKED, _LENGTH_IN_16_BITS = 0x81, 0x80, 126

# The library logs each frame and the request with its query at debug level: never let that out.
_SILENT = logging.getLogger("ivr_bridge.websocket")
_SILENT.setLevel(logging.ERROR)

T = TypeVar("T")


class WebSocketRefused(BridgeError):
    """The server answered the handshake with an HTTP status instead of 101; `headers` and `body` say why."""

    code = "websocket_refused"
    fault = "theirs"

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Keep the answer; its words are the vendor's, for `rest.errors` to read."""
        super().__init__(f"the WebSocket handshake was answered with HTTP {status}")
        self.status = status
        self.headers = headers
        self.body = body


def _mask_keys() -> Iterator[bytes]:
    # Unforeseeable bytes (RFC 6455 section 5.3), fetched from the system a thousand keys at once.
    while True:
        pool = os.urandom(4096)
        yield from (pool[at : at + 4] for at in range(0, len(pool), 4))


_next_mask_key = _mask_keys().__next__


class WebSocket(asyncio.Protocol, Generic[T]):
    """One open connection; make it with `WebSocket.open`.

    `send`, `offer` and `abort` never wait. One task at a time may `receive`. Methods with the names of
    `asyncio.Protocol` belong to the event loop.
    """

    __slots__ = (
        "_ended", "_handshake", "_heard", "_inbox", "_keepalive_s", "_loop", "_opened", "_partial", "_protocol",
        "_read", "_timer", "_transport",
    )  # fmt: skip

    def __init__(
        self, protocol: ClientProtocol, read: Callable[[str], T | None], opened: Callable[[], None], keepalive_s: float
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._protocol = protocol
        self._read = read
        self._opened = opened
        self._keepalive_s = keepalive_s
        self._transport: asyncio.Transport | None = None
        self._handshake: asyncio.Future[None] = self._loop.create_future()
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._inbox: Inbox[T] = Inbox(self._pause, self._resume)
        self._partial: bytearray | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._heard = True

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        read: Callable[[str], T | None],
        opened: Callable[["WebSocket[T]"], None] | None = None,
        headers: Mapping[str, str] | None = None,
        subprotocols: Sequence[str] = (),
        open_timeout_s: float = 5.0,
        max_message_bytes: int = MAX_MESSAGE_BYTES,
        keepalive_s: float = KEEPALIVE_S,
        tls: ssl.SSLContext | None = None,
    ) -> "WebSocket[T]":
        """Connect and make the handshake, without compression (it costs 60 times what a frame does) or redirects.

        Args:
            url: `ws://` or `wss://`; path and query are sent byte for byte.
            read: makes of each message's text what `receive` gives, at the moment it arrives and however slow the
                receiver is; None keeps it from the receiver. It must be quick and not raise.
            opened: called with the socket when the handshake is done, before any message is read: whatever must be
                said first is sent there.
            headers: of the request, beside the WebSocket's own; they may hold a key.
            subprotocols: offered to the server, if any.
            open_timeout_s: for name, connection, TLS and handshake together.
            max_message_bytes: a longer message closes the connection with 1009.
            keepalive_s: see `KEEPALIVE_S`.
            tls: how to trust a `wss://` server; the system's certificates by default.

        Raises:
            WebSocketRefused: any HTTP status but 101, redirects included.
            TimeoutError: not done in `open_timeout_s`.
            OSError: no such name, no connection, TLS failed, or what answered speaks no WebSocket.
            ValueError: `url` is none.
        """
        uri = _parsed(url)
        offered = [Subprotocol(name) for name in subprotocols] or None
        protocol = ClientProtocol(uri, subprotocols=offered, max_size=max_message_bytes, logger=_SILENT)
        websocket = cls(protocol, read, lambda: opened(websocket) if opened else None, keepalive_s)
        request = protocol.connect()
        request.headers.update(headers or {})
        protocol.send_request(request)
        secure = (tls or _system_tls()) if uri.secure else None
        try:
            async with asyncio.timeout(open_timeout_s):
                await websocket._loop.create_connection(
                    lambda: websocket, uri.host, uri.port, ssl=secure, server_hostname=uri.host if secure else None
                )
                await websocket._handshake
        except BaseException:
            websocket.abort()
            raise
        return websocket

    @property
    def buffered_bytes(self) -> int:
        """Bytes written that the system has not taken yet."""
        return self._transport.get_write_buffer_size() if self._transport is not None else 0

    async def receive(self) -> T:
        """The next message, as `read` made it. Cancelling loses nothing.

        Raises:
            WebSocketClosed: after the last message; again each time.
            LocalProtocolError: another task waits in `receive`.
        """
        return await self._inbox.get()

    def take_all(self) -> list[T]:
        """The messages that have come and were not received, oldest first."""
        return self._inbox.take_all()

    def send(self, text: str) -> bool:
        """Write one text message, however many wait; False when the connection is closed and nothing was written."""
        if (transport := self._transport) is None or self._protocol.state is not State.OPEN or transport.is_closing():
            return False
        data = text.encode()
        if len(data) < _LENGTH_IN_16_BITS:
            head = _HEAD_SHORT(_FINAL_TEXT, _MASKED | len(data))
        elif len(data) < 65536:
            head = _HEAD_MEDIUM(_FINAL_TEXT, _MASKED | _LENGTH_IN_16_BITS, len(data))
        else:
            self._protocol.send_text(data)
            self._flush()
            return True
        key = _next_mask_key()
        transport.write(head + key + apply_mask(data, key))
        if transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
            self._drop("the other side does not read")
        return True

    def offer(self, text: str) -> bool:
        """Write one text message unless the peer is slow; False when nothing was written: drop it and count it."""
        return self.buffered_bytes <= MAX_WAITING_BYTES and self.send(text)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close with a close frame; after `CLOSE_TIMEOUT_S` at the latest the connection is gone.

        Messages that nobody has received are dropped. Call it as often as you like; when cancelled, it aborts.
        """
        self._read = _unread
        self._inbox.clear()
        if self._protocol.state is State.OPEN:
            self._protocol.send_close(code, reason.encode()[:_REASON_BYTES].decode(errors="ignore"))
            self._flush()
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await asyncio.shield(self._ended)
        except TimeoutError:
            self.abort()
            await self._ended
        except asyncio.CancelledError:
            self.abort()
            raise

    def abort(self) -> None:
        """Cut the connection, without a close frame and without waiting."""
        self._drop("aborted")

    # What the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The network is there: send the request of the handshake."""
        self._transport = cast("asyncio.Transport", transport)
        _limit_unsent_in_kernel(transport.get_extra_info("socket"))
        self._flush()

    def data_received(self, data: bytes) -> None:
        """Bytes from the vendor: finish the handshake, or read frames."""
        self._heard = True
        self._protocol.receive_data(data)
        events = self._protocol.events_received()
        if not self._handshake.done():
            self._finish_handshake()
        self._flush()
        for event in events:
            if isinstance(event, Frame):
                self._on_frame(event)
        if self._protocol.parser_exc is not None and (sent := self._protocol.close_sent) is not None:
            self._inbox.close(sent.code, sent.reason)
        if self._protocol.state is State.CLOSING:
            self._stop_timer()
            self._timer = self._loop.call_later(CLOSE_TIMEOUT_S, self.abort)

    def eof_received(self) -> None:
        """The vendor sends nothing more; the transport closes itself."""
        self._protocol.receive_eof()
        if not self._handshake.done():
            self._finish_handshake()

    def connection_lost(self, error: Exception | None) -> None:
        """The network is gone, with or without a closing handshake."""
        self._protocol.receive_eof()
        if not self._handshake.done():
            self._handshake.set_exception(ConnectionError("the connection broke during the WebSocket handshake"))
        if (sent := self._protocol.close_sent) is not None:
            self._inbox.close(sent.code, sent.reason)
        else:
            self._inbox.close(_ABNORMAL, f"connection lost: {type(error).__name__}" if error else "no close frame")
        self._stop_timer()
        self._read = _unread
        if not self._ended.done():
            self._ended.set_result(None)

    # Our part

    def _finish_handshake(self) -> None:
        if (refusal := self._protocol.handshake_exc) is not None:
            self._handshake.set_exception(_handshake_error(refusal))
            self.abort()
        elif self._protocol.state is not State.CONNECTING:  # a close may have come along with the handshake
            self._handshake.set_result(None)
            self._timer = self._loop.call_later(self._keepalive_s, self._keep_alive)
            self._opened()

    def _on_frame(self, frame: Frame) -> None:
        if frame.opcode is Opcode.TEXT or frame.opcode is Opcode.BINARY:
            if frame.fin:
                self._deliver(frame.data, "strict" if frame.opcode is Opcode.TEXT else "replace")
            else:
                self._partial = bytearray(frame.data)
        elif frame.opcode is Opcode.CONT and self._partial is not None:
            self._partial += frame.data
            if frame.fin:
                whole, self._partial = self._partial, None
                self._deliver(whole, "strict")
        elif frame.opcode is Opcode.CLOSE and (received := self._protocol.close_rcvd) is not None:
            self._inbox.close(received.code, received.reason)

    def _deliver(self, data: bytes | bytearray | memoryview, errors: str) -> None:
        if self._inbox.closed:
            return
        try:
            text = bytes(data).decode(errors=errors)
        except UnicodeDecodeError:
            self._protocol.fail(_NOT_UTF8, "text that is not UTF-8")
            self._flush()
            self._inbox.close(_NOT_UTF8, "text that is not UTF-8")
            return
        if (message := self._read(text)) is not None:
            self._inbox.put(message, len(text))

    def _pause(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def _resume(self) -> None:
        self._heard = True
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def _drop(self, reason: str) -> None:
        self._inbox.close(_ABNORMAL, reason)
        if self._transport is not None:
            self._transport.abort()

    def _keep_alive(self) -> None:
        if not self._heard and not self._inbox.paused:
            self._drop(f"nothing heard for {self._keepalive_s:g} s after a ping")
            return
        self._heard = False
        if self._protocol.state is State.OPEN:
            self._protocol.send_ping(b"")
            self._flush()
        self._timer = self._loop.call_later(self._keepalive_s, self._keep_alive)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None

    def _flush(self) -> None:
        if (transport := self._transport) is None:
            return
        for data in self._protocol.data_to_send():
            if transport.is_closing():
                return
            if data:
                transport.write(data)
            elif transport.can_write_eof():
                with suppress(OSError, RuntimeError):  # the network may be gone already
                    transport.write_eof()
            else:
                transport.close()
        if transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
            self._drop("the other side does not read")


def _unread(_text: str) -> None: ...


def _parsed(url: str) -> WebSocketURI:
    try:
        return parse_uri(url)
    except (InvalidURI, ValueError):
        # Not chained: the library's message holds the URL, and that may be a signed one.
        raise ValueError("not a ws:// or wss:// URL") from None


def _handshake_error(refusal: Exception) -> Exception:
    if isinstance(refusal, InvalidStatus):
        response = refusal.response
        headers = {name.lower(): value for name, value in response.headers.raw_items()}
        return WebSocketRefused(response.status_code, headers, bytes(response.body or b""))
    return ConnectionError(f"what answered speaks no WebSocket ({type(refusal).__name__})")


@functools.cache
def _system_tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def _limit_unsent_in_kernel(sock: socket.socket | None) -> None:
    # Without this, megabytes of a slow peer's audio wait in the kernel, where no limit of ours sees them.
    option = getattr(socket, "TCP_NOTSENT_LOWAT", None)
    if sock is not None and option is not None:
        with suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, option, _KERNEL_UNSENT_BYTES)
