"""What the server tells of a call while it goes on: its server-sent events."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson

PATH = "/api/v1/calls/{call_sid}/events"
EVENT_MAX_BYTES = 4 * 1024 * 1024
"""A tool's result may be long."""
QUIET_S = 60.0
"""The server sends a comment every 15 s; after this long without a byte it is gone."""


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One event of the catalogue, with its fields."""

    name: str
    fields: dict[str, Any]


async def follow_call(server_url: str, call_sid: str, api_key: str) -> AsyncGenerator[ServerEvent, None]:
    """The events of a call from its first to `call.ended`.

    Raises:
        PermissionError: the key is not accepted.
        LookupError: the server does not know the call, or tells it in a way that cannot be read.
        aiohttp.ClientError: the connection broke.
    """
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=QUIET_S)
    headers = {"Authorization": f"Bearer {api_key}", "Accept": "text/event-stream"}
    async with (
        aiohttp.ClientSession(timeout=timeout) as session,
        session.get(
            server_url + PATH.format(call_sid=call_sid), headers=headers, read_bufsize=EVENT_MAX_BYTES // 2
        ) as response,
    ):
        if response.status in (401, 403):
            raise PermissionError("the API key is not accepted")
        if response.status != 200:
            raise LookupError(f"no events of this call: HTTP {response.status}")
        data = b""
        async for line in response.content:
            if line.startswith(b"data:"):
                data += line[5:].strip()
            elif not line.strip() and data:
                yield _read(data)
                data = b""


def _read(data: bytes) -> ServerEvent:
    try:
        fields = orjson.loads(data)
        return ServerEvent(str(fields.pop("event", "")), fields)
    except (ValueError, AttributeError, TypeError) as error:
        raise LookupError(f"an event that cannot be read: {data[:80]!r}") from error
