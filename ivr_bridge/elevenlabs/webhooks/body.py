"""Reading the body of a webhook: of any length, little of it in memory, verified while it comes."""

import asyncio
from typing import IO

from aiohttp import StreamReader

from ivr_bridge.elevenlabs.webhooks.disk_work import on_disk
from ivr_bridge.elevenlabs.webhooks.signature import BodyVerifier

MAX_BODY_BYTES = 200 * 1024 * 1024
"""Base64 of about two and a half hours of MP3 at 128 kbit/s."""
BODY_TIMEOUT_S = 120.0
PIECE_TIMEOUT_S = 15.0
"""Without a single byte."""
WRITTEN_AT_ONCE = 256 * 1024


class BodyTooLarge(ValueError):
    """More than `MAX_BODY_BYTES`."""


async def receive_body(
    content: StreamReader,
    into: IO[bytes],
    verifier: BodyVerifier,
    *,
    max_bytes: int = MAX_BODY_BYTES,
    timeout_s: float = BODY_TIMEOUT_S,
    piece_timeout_s: float = PIECE_TIMEOUT_S,
) -> None:
    """Write a body into a file and through the verifier; the loop never waits for the disk.

    Args:
        content: of the request.
        into: open for writing; at its end afterwards.
        verifier: is told every byte.
        max_bytes: beyond it nothing more is read.
        timeout_s: for the whole body.
        piece_timeout_s: for the next bytes of it.

    Raises:
        BodyTooLarge: it is.
        TimeoutError: it came too slowly.
        OSError: the file cannot be written; `ConnectionError`: the sender is gone.
        aiohttp.ClientPayloadError: the body breaks off.
    """
    size = 0
    unwritten = bytearray()
    async with asyncio.timeout(timeout_s):
        while piece := await _next(content, piece_timeout_s):
            size += len(piece)
            if size > max_bytes:
                raise BodyTooLarge(f"more than {max_bytes} bytes")
            verifier.update(piece)
            unwritten += piece
            if len(unwritten) >= WRITTEN_AT_ONCE:
                await on_disk(into.write, bytes(unwritten))
                unwritten.clear()
        await on_disk(into.write, bytes(unwritten))


async def _next(content: StreamReader, timeout_s: float) -> bytes:
    async with asyncio.timeout(timeout_s):
        return await content.readany()
