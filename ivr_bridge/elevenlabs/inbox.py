"""What has arrived on a WebSocket and was not received yet: bounded, and the end told last.

Past the bounds the network is asked to stop, so the vendor's own buffers fill and not ours; it goes on when half has
been received. One read of the network can still add its 256 KiB above the bound.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from ivr_bridge.errors import BridgeError, LocalProtocolError

MAX_QUEUED_MESSAGES = 1024
"""A reply of a minute in chunks of 60 ms: the vendor sends it faster than it is played."""

MAX_QUEUED_BYTES = 4 * 1024 * 1024
"""The same in bytes: half a minute at 48 kHz, six minutes of mu-law."""

T = TypeVar("T")


class WebSocketClosed(BridgeError):
    """Nothing more comes: `close_code` 1006 means that there was no close frame."""

    code = "websocket_closed"
    fault = "theirs"

    def __init__(self, close_code: int, reason: str) -> None:
        """Keep the close code and its reason."""
        super().__init__(f"closed with {close_code}: {reason or 'no reason given'}")
        self.close_code = close_code
        self.reason = reason


class Inbox(Generic[T]):
    """Messages in order, for one receiver.

    Args:
        pause: asks the network to stop; called once until `resume`.
        resume: asks it to go on.
    """

    __slots__ = ("_close", "_n_bytes", "_pause", "_queue", "_resume", "_waiter", "paused")

    def __init__(self, pause: Callable[[], None], resume: Callable[[], None]) -> None:
        self._pause = pause
        self._resume = resume
        self._queue: deque[tuple[T, int]] = deque()
        self._n_bytes = 0
        self._waiter: asyncio.Future[None] | None = None
        self._close: tuple[int, str] | None = None
        self.paused = False

    @property
    def closed(self) -> bool:
        """Whether the end is known; messages may still wait before it."""
        return self._close is not None

    def put(self, message: T, n_bytes: int) -> None:
        """Append a message that was `n_bytes` long on the wire."""
        self._queue.append((message, n_bytes))
        self._n_bytes += n_bytes
        self._wake()
        if not self.paused and (len(self._queue) >= MAX_QUEUED_MESSAGES or self._n_bytes >= MAX_QUEUED_BYTES):
            self.paused = True
            self._pause()

    def close(self, close_code: int, reason: str) -> None:
        """Nothing more comes; the first reason given stays."""
        if self._close is None:
            self._close = (close_code, reason)
            self._wake()

    def clear(self) -> None:
        """Drop what waits and let the network go on."""
        self._queue.clear()
        self._n_bytes = 0
        self._resume_if_half_empty()

    def take_all(self) -> list[T]:
        """All that waits, oldest first."""
        messages = [message for message, _ in self._queue]
        self.clear()
        return messages

    async def get(self) -> T:
        """The oldest message, waited for. Cancelling loses nothing.

        Raises:
            WebSocketClosed: after the last message; again each time.
            LocalProtocolError: another task waits here.
        """
        while not self._queue:
            if self._close is not None:
                raise WebSocketClosed(*self._close)
            if self._waiter is not None:
                raise LocalProtocolError("two tasks receive from one WebSocket")
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        message, n_bytes = self._queue.popleft()
        self._n_bytes -= n_bytes
        if self.paused:
            self._resume_if_half_empty()
        return message

    def _resume_if_half_empty(self) -> None:
        half_empty = len(self._queue) <= MAX_QUEUED_MESSAGES // 2 and self._n_bytes <= MAX_QUEUED_BYTES // 2
        if self.paused and half_empty:
            self.paused = False
            self._resume()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
