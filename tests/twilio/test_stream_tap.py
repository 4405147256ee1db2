"""What is read the moment it arrives: over a real socket, with no task of the server's waking for it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from ivr_bridge.twilio.stream_tap import FITS, TappedResponse
from tests.support.served import served

MAX_BYTES = 1024


@asynccontextmanager
async def tapped(read: Callable[[str], Any]) -> AsyncIterator[tuple[aiohttp.ClientWebSocketResponse, TappedResponse]]:
    made: asyncio.Future[TappedResponse] = asyncio.get_running_loop().create_future()
    done = asyncio.Event()

    async def handle(request: web.Request) -> web.StreamResponse:
        ws = TappedResponse(read, max_msg_size=MAX_BYTES)
        await ws.prepare(request)
        made.set_result(ws)
        await done.wait()
        return ws

    app = web.Application()
    app.router.add_get("/", handle)
    async with (
        served(app, close_wait_s=0.2) as url,
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{url}/") as client,
    ):
        yield client, await made
        done.set()


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not true():
            await asyncio.sleep(0.005)


def test_it_is_made_for_the_library_that_is_installed() -> None:
    assert FITS, (
        f"aiohttp {aiohttp.__version__}: see whether the tap still fits its inside, and say so in stream_tap.py"
    )


async def test_messages_are_read_while_nobody_receives() -> None:
    heard: list[str] = []
    async with tapped(heard.append) as (client, ws):
        for n in range(500):
            await client.send_str(f"message {n}")
        await until(lambda: len(heard) == 500)
        assert heard == [f"message {n}" for n in range(500)]
        await asyncio.gather(client.close(), ws.receive())
        assert ws.close_code == 1000


async def test_what_is_left_is_received_in_order() -> None:
    async with tapped(lambda text: [text] if text.startswith("keep") else None) as (client, ws):
        for text in ("keep 1", "drop", "keep 2", "drop", "keep 3"):
            await client.send_str(text)
        assert [(await ws.receive()).data for _ in range(3)] == [["keep 1"], ["keep 2"], ["keep 3"]]


async def test_what_is_no_text_is_the_librarys_business() -> None:
    heard: list[str] = []
    async with tapped(heard.append) as (client, ws):
        await client.send_bytes(b"binary")
        assert (await ws.receive()).type is aiohttp.WSMsgType.BINARY
        assert heard == []


@pytest.mark.parametrize("size", [MAX_BYTES + 1, 100 * MAX_BYTES])
async def test_a_message_that_is_too_long_is_never_read(size: int) -> None:
    heard: list[str] = []
    async with tapped(heard.append) as (client, ws):
        await client.send_str("x" * size)
        assert (await ws.receive()).type is aiohttp.WSMsgType.ERROR
        assert heard == []


async def test_a_reader_that_is_slow_to_receive_pauses_the_network_and_loses_nothing() -> None:
    async with tapped(lambda text: [text]) as (client, ws):

        async def send_all() -> None:
            for n in range(3000):
                await client.send_str(f"{n:0900}")

        sending = asyncio.create_task(send_all())
        await asyncio.sleep(0.1)
        got = [(await ws.receive()).data[0] for _ in range(3000)]
        await sending
        assert got == [f"{n:0900}" for n in range(3000)]
