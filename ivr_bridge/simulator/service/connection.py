"""The TCP connection under a request, for faults that a polite server cannot have."""

import asyncio
import socket
import struct

from aiohttp import web

_POLL_S = 0.1
_ABORTED_AT_CLOSE = struct.pack("ii", 1, 0)


def reset(request: web.Request) -> None:
    """Reset the connection (TCP RST); nothing that was written before need arrive."""
    transport = request.transport
    if transport is None:
        return
    plain = transport.get_extra_info("socket")
    if plain is not None:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORTED_AT_CLOSE)
    transport.abort()


async def wait_until_gone(request: web.Request, at_most_s: float) -> None:
    """Wait until the client has closed the connection; after `at_most_s` it is reset. Cancelling it is safe."""
    try:
        async with asyncio.timeout(at_most_s):
            while request.transport is not None and not request.transport.is_closing():  # noqa: ASYNC110 - no event tells
                await asyncio.sleep(_POLL_S)
    except TimeoutError:
        reset(request)
