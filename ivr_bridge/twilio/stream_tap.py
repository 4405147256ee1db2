"""A WebSocket response whose text messages are read the moment they arrive, before any task wakes.

A caller sends 50 frames a second: to queue each and wake a task for it costs more than all that is done with it.
Known to fit aiohttp 3.14, whose inside it replaces in one place; any other version gets the ordinary response, and
`StreamSocket.receive` reads the messages as they come out of the queue.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import aiohttp
from aiohttp import WSMsgType, web
from aiohttp.http import WebSocketReader

FITS = aiohttp.__version__.startswith("3.14.")
QUEUE_BYTES = 64 * 1024

Read = Callable[[str], Any]
"""Gets a message; gives what `receive` shall find in its place, or None when it is dealt with. It must not raise."""

if FITS:
    from aiohttp._websocket.reader import WebSocketDataQueue

    class _Tap(WebSocketDataQueue):
        """The library's queue, with an ear at its mouth."""

        hand_over: Read

        def feed_data(self, data: Any, size: int) -> None:
            if data.type is WSMsgType.TEXT:
                left = self.hand_over(data.data)
                if left is None:
                    return
                data = data._replace(data=left)
            super().feed_data(data, size)

    class TappedResponse(web.WebSocketResponse):
        """Hands each text message to `read`; what comes back waits in the queue in its place.

        Args:
            read: see `Read`.
            max_msg_size: of a message, in bytes.
            options: as for the library's.
        """

        def __init__(self, read: Read, *, max_msg_size: int, **options: Any) -> None:
            super().__init__(max_msg_size=max_msg_size, **options)
            self._read = read
            self._max_bytes = max_msg_size

        def _post_start(self, request: web.BaseRequest, protocol: str | None, writer: Any) -> None:
            """As the library does it, but for the queue."""
            self._ws_protocol = protocol
            self._writer = writer
            tap = _Tap(request.protocol, QUEUE_BYTES, loop=asyncio.get_running_loop())
            tap.hand_over = self._read
            self._reader = tap
            self._parser = WebSocketReader(tap, self._max_bytes, compress=False, decode_text=True)
            request.protocol.set_parser(self._parser)
            request.protocol.keep_alive(False)

else:

    class TappedResponse(web.WebSocketResponse):  # type: ignore[no-redef]
        """The library's own: messages come out of its queue as text."""

        def __init__(self, read: Read, *, max_msg_size: int, **options: Any) -> None:
            super().__init__(max_msg_size=max_msg_size, **options)
