"""Small servers on port 0 that play the vendor for one test: an aiohttp one, and a raw one for what aiohttp forbids."""

import asyncio
import base64
import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from aiohttp import web

METADATA = {
    "type": "conversation_initiation_metadata",
    "conversation_initiation_metadata_event": {
        "conversation_id": "conv_1",
        "agent_output_audio_format": "ulaw_8000",
        "user_input_audio_format": "ulaw_8000",
    },
}

Script = Callable[["Vendor", web.WebSocketResponse], Awaitable[None]]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Vendor:
    """What the server saw: requests in order, WebSocket texts in order, and the close code that came back."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        self.received: list[Any] = []
        self.close_code: int | None = None
        self.port = 0

    @property
    def http_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/v1/convai/conversation"

    async def read(self, ws: web.WebSocketResponse) -> Any:
        message = json.loads(await ws.receive_str())
        self.received.append(message)
        return message

    async def read_all(self, ws: web.WebSocketResponse) -> None:
        async for message in ws:
            self.received.append(json.loads(message.data))

    async def begin(self, ws: web.WebSocketResponse, **formats: str) -> None:
        """Initiation in, metadata out."""
        await self.read(ws)
        event = METADATA["conversation_initiation_metadata_event"] | formats  # type: ignore[operator]
        await ws.send_json(METADATA | {"conversation_initiation_metadata_event": event})


@asynccontextmanager
async def vendor_server(
    script: Script | None = None, routes: dict[str, Handler] | None = None
) -> AsyncIterator[Vendor]:
    """`script` plays each WebSocket of the conversation path; `routes` are `METHOD /path` -> handler."""
    vendor = Vendor()

    @web.middleware
    async def record(request: web.Request, handler: Handler) -> web.StreamResponse:
        body = b"" if script and request.headers.get("Upgrade") else await request.read()
        vendor.requests.append((request.method, request.raw_path, dict(request.headers), body))
        return await handler(request)

    async def converse(request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse(compress=False, max_msg_size=0, protocols=("convai",), timeout=0.5)
        await ws.prepare(request)
        assert script is not None
        try:
            with suppress(ConnectionError):
                await script(vendor, ws)
        finally:
            vendor.close_code = ws.close_code or 1006
        return ws

    app = web.Application(middlewares=[record])
    if script is not None:
        for path in ("/v1/convai/conversation", "/v1/convai/stream"):
            app.router.add_get(path, converse)
    for route, handler in (routes or {}).items():
        method, path = route.split(" ")
        app.router.add_route(method, path, handler)
    runner = web.AppRunner(app, shutdown_timeout=0.05)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    vendor.port = runner.addresses[0][1]
    try:
        yield vendor
    finally:
        await runner.cleanup()


@asynccontextmanager
async def raw_server(
    play: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[str]:
    """A TCP server that does what `play` does with each connection; gives its ws:// URL."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                await play(reader, writer)
        except asyncio.CancelledError:
            pass
        finally:
            if writer.transport is not None:
                writer.transport.abort()

    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(connected(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1/convai/conversation"
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


async def upgrade(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer the handshake by hand."""
    request = (await reader.readuntil(b"\r\n\r\n")).decode()
    key = next(line.split(": ")[1] for line in request.split("\r\n") if line.lower().startswith("sec-websocket-key"))
    accept = base64.b64encode(hashlib.sha1(key.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()).decode()
    writer.write(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept.encode() + b"\r\n\r\n"
    )


def frame(opcode: int, payload: bytes, *, fin: bool = True) -> bytes:
    """A server's frame (no mask)."""
    head = bytes([(0x80 if fin else 0) | opcode])
    if len(payload) < 126:
        return head + bytes([len(payload)]) + payload
    if len(payload) < 65536:
        return head + bytes([126]) + len(payload).to_bytes(2, "big") + payload
    return head + bytes([127]) + len(payload).to_bytes(8, "big") + payload


async def read_frame(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """A client's frame: opcode and unmasked payload; it must be masked."""
    head, length = await reader.readexactly(2)
    assert length & 0x80, "a client's frame must be masked"
    n = length & 0x7F
    if n == 126:
        n = int.from_bytes(await reader.readexactly(2), "big")
    elif n == 127:
        n = int.from_bytes(await reader.readexactly(8), "big")
    key = await reader.readexactly(4)
    masked = await reader.readexactly(n)
    return head & 0x0F, bytes(byte ^ key[at % 4] for at, byte in enumerate(masked))
