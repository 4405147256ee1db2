import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from ivr_bridge.simulator.service.connection import reset, wait_until_gone

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def connected(handler: Handler) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    app = web.Application()
    app.router.add_get("/", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        reader, writer = await asyncio.open_connection(*runner.addresses[0][:2])
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        yield reader, writer
        writer.close()
    finally:
        await runner.cleanup()


async def test_a_reset_is_no_end_of_file():
    async def break_off(request: web.Request) -> web.Response:
        reset(request)
        reset(request)
        return web.Response()

    async with connected(break_off) as (reader, _):
        with pytest.raises(ConnectionResetError):
            await reader.read()


async def test_waiting_ends_when_the_client_goes():
    gone = asyncio.Event()

    async def wait(request: web.Request) -> web.Response:
        await wait_until_gone(request, 60)
        gone.set()
        return web.Response()

    async with connected(wait) as (_, writer):
        await asyncio.sleep(0.15)
        assert not gone.is_set()
        writer.close()
        await asyncio.wait_for(gone.wait(), 10)


async def test_waiting_ends_in_a_reset():
    async def wait(request: web.Request) -> web.Response:
        await wait_until_gone(request, 0.05)
        return web.Response()

    async with connected(wait) as (reader, _):
        with pytest.raises(ConnectionResetError):
            await reader.read()
