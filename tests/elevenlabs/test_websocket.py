import asyncio
import logging
import socket
import struct
from os import urandom as os_urandom

import pytest
from aiohttp import web

from ivr_bridge.elevenlabs import websocket as module
from ivr_bridge.elevenlabs.websocket import WebSocket, WebSocketRefused
from tests.elevenlabs.closing import close_of
from tests.support.vendor_server import Vendor, frame, raw_server, read_frame, upgrade, vendor_server

TEXT, BINARY, CLOSE, PING, PONG, CONT = 1, 2, 8, 9, 10, 0


async def _echo(_: Vendor, ws: web.WebSocketResponse) -> None:
    async for message in ws:
        await ws.send_str(message.data)


@pytest.mark.parametrize("length", [0, 1, 125, 126, 127, 240, 65535, 65536, 300_000])
def test_every_length_of_a_text_arrives_as_it_was_sent(run, length: int):
    async def main() -> None:
        async with vendor_server(_echo) as vendor:
            websocket = await WebSocket.open(vendor.ws_url, read=str)
            text = "é☎x" * (length // 3) + "y" * (length % 3)
            assert websocket.send(text)
            assert await websocket.receive() == text
            await websocket.close()

    run(main())


def test_the_first_message_goes_out_before_anything_is_read(run):
    """Even when the server speaks in the same packet as its handshake."""
    heard: list[str] = []

    async def talk_at_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await upgrade(reader, writer)
        writer.write(frame(TEXT, b"early"))
        heard.append((await read_frame(reader))[1].decode())
        heard.append((await read_frame(reader))[1].decode())

    async def main() -> None:
        async with raw_server(talk_at_once) as url:
            opened: list[WebSocket[str]] = []

            def first(websocket: WebSocket[str]) -> None:
                opened.append(websocket)
                websocket.send("initiation")

            def read(text: str) -> str:
                opened[0].send(f"pong for {text}")
                return text

            websocket = await WebSocket.open(url, read=read, opened=first)
            assert await websocket.receive() == "early"
            await close_of(websocket)
            assert heard == ["initiation", "pong for early"]

    run(main())


def test_url_headers_and_subprotocols_are_sent_byte_for_byte():
    async def main() -> None:
        async with vendor_server(_echo) as vendor:
            query = "?agent_id=a%2Fb&conversation_signature=x%2By%3D%3D&z=%20"
            websocket = await WebSocket.open(
                vendor.ws_url + query, read=str, headers={"xi-api-key": "k"}, subprotocols=("convai",)
            )
            _, path, headers, _ = vendor.requests[0]
            assert path == "/v1/convai/conversation" + query
            assert headers["xi-api-key"] == "k"
            assert headers["Sec-WebSocket-Protocol"] == "convai"
            assert "Sec-WebSocket-Extensions" not in headers
            assert "Origin" not in headers
            await websocket.close()

    asyncio.run(main())


@pytest.mark.parametrize("code", [1000, 1002, 1008, 1011])
def test_the_vendors_close_is_told_after_its_last_message(run, code: int):
    async def say_and_close(_: Vendor, ws: web.WebSocketResponse) -> None:
        await ws.send_str("last words")
        await ws.close(code=code, message=b"because")

    async def main() -> None:
        async with vendor_server(say_and_close) as vendor:
            websocket = await WebSocket.open(vendor.ws_url, read=str)
            assert await websocket.receive() == "last words"
            assert await close_of(websocket) == (code, "because")
            assert websocket.send("too late") is False
            assert websocket.offer("too late") is False
            await websocket.close()

    run(main())


def test_our_close_frame_carries_code_and_a_reason_cut_to_size(run):
    async def main() -> None:
        async with vendor_server(_echo) as vendor:
            websocket = await WebSocket.open(vendor.ws_url, read=str)
            await websocket.close(1000, "é" * 200)
            await websocket.close()
            assert (await close_of(websocket))[0] == 1000
        assert vendor.close_code == 1000

    run(main())


@pytest.mark.parametrize("how", ["reset", "eof"])
def test_a_connection_that_breaks_is_1006(run, how: str):
    async def breaks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await upgrade(reader, writer)
        await writer.drain()
        if how == "reset":
            sock = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.close()

    async def main() -> None:
        async with raw_server(breaks) as url:
            websocket = await WebSocket.open(url, read=str)
            code, reason = await close_of(websocket)
            assert code == 1006
            assert reason
            assert websocket.send("x") is False
            await websocket.close()

    run(main())


def test_a_close_frame_without_a_code_is_1005():
    async def empty(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await upgrade(reader, writer)
        writer.write(frame(CLOSE, b""))
        await asyncio.sleep(30)

    async def main() -> None:
        async with raw_server(empty) as url:
            websocket = await WebSocket.open(url, read=str)
            assert (await close_of(websocket))[0] == 1005
            websocket.abort()

    asyncio.run(main())


def test_fragments_and_binary_messages_are_texts_too():
    async def sends(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await upgrade(reader, writer)
        half = "é".encode()
        writer.write(frame(TEXT, b"a" + half[:1], fin=False) + frame(PING, b"in between"))
        writer.write(frame(CONT, half[1:], fin=False) + frame(CONT, b"z"))
        writer.write(frame(BINARY, b'{"a":"\xff"}'))
        assert await read_frame(reader) == (PONG, b"in between")
        await asyncio.sleep(30)

    async def main() -> None:
        async with raw_server(sends) as url:
            websocket = await WebSocket.open(url, read=str)
            assert await websocket.receive() == "aéz"
            assert await websocket.receive() == '{"a":"�"}'
            websocket.abort()

    asyncio.run(main())


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (frame(TEXT, b"\xff\xfe"), 1007),
        (bytes([0xC1, 1]) + b"x", 1002),
        (frame(3, b"x"), 1002),
        (frame(CONT, b"x"), 1002),
        (bytes([0x81, 0x81]) + b"keyyx", 1002),
        (frame(TEXT, b"x" * 2000), 1009),
        (frame(TEXT, b"x" * 600, fin=False) + frame(CONT, b"x" * 600), 1009),
        (bytes([0x81, 127]) + (2**60).to_bytes(8, "big"), 1009),
    ],
    ids=["not_utf8", "reserved_bit", "opcode", "no_start", "masked", "too_long", "too_long_in_pieces", "exabyte"],
)
def test_what_the_rfc_forbids_closes_with_its_code(sent: bytes, code: int):
    answered: list[tuple[int, bytes]] = []

    async def sends(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await upgrade(reader, writer)
        writer.write(frame(TEXT, b"before") + sent + frame(TEXT, b"after"))
        answered.append(await read_frame(reader))

    async def main() -> None:
        async with raw_server(sends) as url:
            websocket = await WebSocket.open(url, read=str, max_message_bytes=1000)
            assert await websocket.receive() == "before"
            assert (await close_of(websocket))[0] == code
            await websocket.close()
        assert answered[0][0] == CLOSE
        assert int.from_bytes(answered[0][1][:2], "big") == code

    asyncio.run(main())


@pytest.mark.parametrize("status", [302, 400, 401, 403, 404, 429, 500, 503])
def test_a_refused_handshake_keeps_status_and_words_and_no_secret(run, status: int):
    async def refuse(_: web.Request) -> web.Response:
        headers = {"Location": "/elsewhere"} if status == 302 else None
        return web.json_response({"detail": "no"}, status=status, headers=headers)

    async def main() -> None:
        async with vendor_server(routes={"GET /v1/convai/conversation": refuse}) as vendor:
            with pytest.raises(WebSocketRefused) as refused:
                await WebSocket.open(vendor.ws_url + "?sig=SECRET", read=str, headers={"xi-api-key": "SECRET"})
            assert refused.value.status == status
            assert b"no" in refused.value.body
            assert refused.value.headers["content-type"].startswith("application/json")
            assert "SECRET" not in str(refused.value)
            assert len(vendor.requests) == 1

    run(main())


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: wrong\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Le",
    ],
    ids=["silence", "other_protocol", "wrong_accept", "half_an_answer"],
)
def test_what_speaks_no_websocket_is_an_os_error_or_a_refusal(run, answer: bytes):
    async def answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()

    async def main() -> None:
        async with raw_server(answers) as url:
            with pytest.raises(OSError) as failed:
                await WebSocket.open(url + "?sig=SECRET", read=str)
            assert "SECRET" not in str(failed.value)

    run(main())


def test_a_server_that_never_answers_is_given_up(run):
    gone: list[bytes] = []

    async def mute(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        gone.append(await reader.read())

    async def main() -> None:
        async with raw_server(mute) as url:
            with pytest.raises(TimeoutError):
                await WebSocket.open(url, read=str, open_timeout_s=0.1)
            while not gone:
                await asyncio.sleep(0.01)

    run(main())


def test_nobody_at_the_address_and_no_address_at_all(run):
    async def main() -> None:
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            port = sock.getsockname()[1]
        with pytest.raises(OSError):
            await WebSocket.open(f"ws://127.0.0.1:{port}/", read=str)
        for url in ("https://host/?sig=SECRET", "nonsense SECRET", "ws:///SECRET", "ws://host:99999/SECRET"):
            with pytest.raises(ValueError) as refused:
                await WebSocket.open(url, read=str)
            assert "SECRET" not in str(refused.value)
            assert refused.value.__cause__ is None

    run(main())


def test_cancelling_the_opening_leaves_no_connection(run):
    gone: list[bytes] = []

    async def mute(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        gone.append(await reader.read())

    async def main() -> None:
        async with raw_server(mute) as url:
            opening = asyncio.ensure_future(WebSocket.open(url, read=str))
            await asyncio.sleep(0.05)
            opening.cancel()
            with pytest.raises(asyncio.CancelledError):
                await opening
            while not gone:
                await asyncio.sleep(0.01)

    run(main())


def test_what_read_keeps_for_itself_wakes_nobody():
    async def main() -> None:
        async def talk(_: Vendor, ws: web.WebSocketResponse) -> None:
            for text in ("no", "no", "yes"):
                await ws.send_str(text)
            await ws.receive()

        async with vendor_server(talk) as vendor:
            websocket = await WebSocket.open(vendor.ws_url, read=lambda text: text if text == "yes" else None)
            assert await websocket.receive() == "yes"
            await websocket.close()

    asyncio.run(main())


def test_neither_url_nor_frames_reach_a_log(caplog):
    async def main() -> None:
        async with vendor_server(_echo) as vendor:
            websocket = await WebSocket.open(vendor.ws_url + "?sig=SECRET", read=str, headers={"xi-api-key": "SECRET"})
            websocket.send("SECRET")
            await websocket.receive()
            await websocket.close()

    with caplog.at_level(logging.DEBUG):
        asyncio.run(main())
    assert not [record for record in caplog.records if "ivr_bridge" in record.name or "websockets" in record.name]


def test_mask_keys_do_not_repeat_and_come_from_the_system(monkeypatch):
    asked: list[int] = []
    monkeypatch.setattr(module.os, "urandom", lambda n: asked.append(n) or os_urandom(n))
    next_key = module._mask_keys().__next__
    keys = [next_key() for _ in range(2048)]
    assert {len(key) for key in keys} == {4}
    assert len(set(keys)) > 2040
    assert asked == [4096, 4096]
