import asyncio
import socket
import struct

import pytest
from aiohttp import web

from ivr_bridge.elevenlabs import inbox
from ivr_bridge.elevenlabs import websocket as module
from ivr_bridge.elevenlabs.websocket import MAX_UNSENT_BYTES, MAX_WAITING_BYTES, WebSocket
from tests.elevenlabs.closing import close_of
from tests.support.vendor_server import Vendor, frame, raw_server, read_frame, upgrade, vendor_server

TEXT, BINARY, CLOSE, PING, PONG, CONT = 1, 2, 8, 9, 10, 0


def test_a_close_without_answer_is_bounded(run, monkeypatch):
    monkeypatch.setattr(module, "CLOSE_TIMEOUT_S", 0.1)

    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await upgrade(reader, writer)
        await asyncio.sleep(30)

    async def main() -> None:
        async with raw_server(deaf) as url:
            websocket = await WebSocket.open(url, read=str)
            await websocket.close(1000, "bye")
            assert (await close_of(websocket))[0] == 1006

    run(main())


def test_cancelling_a_close_cuts_the_connection(run):
    gone = asyncio.Event()

    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await upgrade(reader, writer)
        try:
            while await reader.read(1000):
                pass
            await asyncio.sleep(30)
        finally:
            gone.set()

    async def main() -> None:
        async with raw_server(deaf) as url:
            websocket = await WebSocket.open(url, read=str)
            closing = asyncio.ensure_future(websocket.close())
            await asyncio.sleep(0.02)
            closing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await closing
            assert (await close_of(websocket))[0] == 1006
        assert gone.is_set()

    run(main())


def test_a_vendor_that_closes_and_stays_is_cut_off(run, monkeypatch):
    monkeypatch.setattr(module, "CLOSE_TIMEOUT_S", 0.1)
    gone: list[bytes] = []

    async def lingers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await upgrade(reader, writer)
        writer.write(frame(CLOSE, struct.pack("!H", 1000)))
        assert (await read_frame(reader))[0] == CLOSE
        gone.append(await reader.read())

    async def main() -> None:
        async with raw_server(lingers) as url:
            websocket = await WebSocket.open(url, read=str)
            assert await close_of(websocket) == (1000, "")
            while not gone:
                await asyncio.sleep(0.01)

    run(main())


def test_a_slow_reader_makes_offers_fail_and_costs_no_memory(run):
    """Its kernel fills, then 24 KiB wait here, then frames are dropped; a control message still goes into the queue."""

    async def main() -> None:
        reading = asyncio.Event()
        arrived: list[bytes] = []

        async def stalls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await upgrade(reader, writer)
            await reading.wait()
            while (got := await read_frame(reader))[1] != b"end":
                arrived.append(got[1])

        async with raw_server(stalls) as url:
            websocket = await WebSocket.open(url, read=str)
            text = "x" * 1000
            offered = 0
            while websocket.offer(text):
                offered += 1
                await asyncio.sleep(0)
                assert offered < 20_000
            if hasattr(socket, "TCP_NOTSENT_LOWAT"):  # else the kernel takes megabytes before we notice
                assert offered < 2000
            before = websocket.buffered_bytes
            assert MAX_WAITING_BYTES < before <= MAX_WAITING_BYTES + 2000
            assert websocket.offer(text) is False
            assert websocket.buffered_bytes == before
            assert websocket.send("end") is True
            assert websocket.buffered_bytes > before
            reading.set()
            await close_of(websocket)
            assert arrived == [text.encode()] * offered

    run(main())


def test_a_peer_that_asks_for_ever_and_never_reads_is_dropped(run):
    async def asks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await upgrade(reader, writer)
        while True:
            writer.write(frame(TEXT, b"?") * 100)
            await writer.drain()

    async def main() -> None:
        async with raw_server(asks) as url:
            opened: list[WebSocket[str]] = []
            highest = 0

            def answer(_: str) -> None:
                nonlocal highest
                opened[0].send("!" * 20_000)
                highest = max(highest, opened[0].buffered_bytes)

            websocket = await WebSocket.open(url, read=answer, opened=opened.append)
            code, reason = await close_of(websocket)
            assert code == 1006
            assert "does not read" in reason
            assert highest <= MAX_UNSENT_BYTES + 64 * 1024

    run(main())


def test_a_flood_stops_at_the_bound_and_nothing_of_it_is_lost(run):
    async def main() -> None:
        sent = 0

        async def floods(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal sent
            writer.transport.set_write_buffer_limits(high=0)
            await upgrade(reader, writer)
            while sent < 400:
                writer.write(frame(TEXT, sent.to_bytes(2, "big").hex().encode() + b"x" * 65_000))
                sent += 1
                await writer.drain()
            await asyncio.sleep(30)

        async with raw_server(floods) as url:
            websocket = await WebSocket.open(url, read=str)
            while not websocket._inbox.paused:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.1)
            waiting = websocket._inbox._n_bytes
            assert inbox.MAX_QUEUED_BYTES <= waiting < inbox.MAX_QUEUED_BYTES + 512 * 1024
            for number in range(400):
                assert (await websocket.receive())[:4] == number.to_bytes(2, "big").hex()
            websocket.abort()

    run(main())


def test_messages_are_read_at_once_however_slow_the_receiver_is(run):
    """What a ping is answered by: `read` runs when the message arrives, not when somebody receives it."""

    async def main() -> None:
        async def asks(vendor: Vendor, ws: web.WebSocketResponse) -> None:
            for number in range(5):
                await ws.send_str(str(number))
                vendor.received.append(await ws.receive_str())
            await ws.receive()

        async with vendor_server(asks) as vendor:
            opened: list[WebSocket[str]] = []

            def read(text: str) -> str:
                opened[0].send("pong " + text)
                return text

            websocket = await WebSocket.open(vendor.ws_url, read=read, opened=opened.append)
            while len(vendor.received) < 5:
                await asyncio.sleep(0.01)
            assert vendor.received == [f"pong {number}" for number in range(5)]
            assert [await websocket.receive() for _ in range(5)] == list("01234")
            await websocket.close()

    run(main())


def test_a_half_open_peer_is_noticed(run):
    """It takes our pings and says nothing: two intervals later the connection is given up."""
    pings: list[int] = []

    async def half_open(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await upgrade(reader, writer)
        while True:
            pings.append((await read_frame(reader))[0])

    async def main() -> None:
        async with raw_server(half_open) as url:
            websocket = await WebSocket.open(url, read=str, keepalive_s=0.05)
            code, reason = await close_of(websocket)
            assert code == 1006
            assert "nothing heard" in reason

    run(main())
    assert pings == [PING]


def test_a_peer_that_answers_pings_stays(run):
    async def quiet(_: Vendor, ws: web.WebSocketResponse) -> None:
        await ws.receive()

    async def main() -> None:
        async with vendor_server(quiet) as vendor:
            websocket = await WebSocket.open(vendor.ws_url, read=str, keepalive_s=0.02)
            await asyncio.sleep(0.2)
            assert websocket.send("still here")
            await websocket.close()

    run(main())
