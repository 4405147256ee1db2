"""Objects that come one a line (NDJSON), cut out of pieces of any size."""

from collections.abc import AsyncGenerator, AsyncIterable
from typing import Any

import orjson

from ivr_bridge.errors import VendorFailed

MAX_LINE_BYTES = 8 * 1024 * 1024


async def json_lines(pieces: AsyncIterable[bytes], what: str) -> AsyncGenerator[Any, None]:
    """Each line, decoded, as soon as it is whole; empty lines are passed over.

    Args:
        pieces: of the body, in order.
        what: the request, for errors.

    Raises:
        VendorFailed: a line that is no JSON, or longer than `MAX_LINE_BYTES`.
    """
    rest = bytearray()
    async for piece in pieces:
        rest += piece
        if b"\n" not in piece:
            if len(rest) > MAX_LINE_BYTES:
                raise VendorFailed(f"{what}: a line is longer than {MAX_LINE_BYTES} bytes", status=200)
            continue
        *lines, rest = rest.split(b"\n")
        for line in lines:
            if line.strip():
                yield _decoded(line, what)
    if rest.strip():
        yield _decoded(rest, what)


def _decoded(line: bytearray, what: str) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise VendorFailed(f"{what}: a line is no JSON", status=200) from error
