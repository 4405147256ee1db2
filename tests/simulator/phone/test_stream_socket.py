import asyncio

import pytest
from aiohttp import WSMsgType

from ivr_bridge.simulator.phone.stream_socket import Closed, StreamRefusedError, StreamSocket

from .scripted_bridge import eventually, serving


async def close_with(stream, code):
    await stream.ws.close(code=code)


async def test_the_upgrade_looks_like_the_vendors():
    async with serving(lambda stream: stream.drain()) as bridge:
        socket = await StreamSocket.dial(bridge.stream_url, "signed")
        await socket.close()
        await eventually(lambda: bridge.streams[0].close_code is not None)
        headers = bridge.streams[0].request.headers
        assert headers["User-Agent"] == "Twilio.TmeWs/1.0"
        assert headers["X-Twilio-Signature"] == "signed"
        assert headers["Accept-Encoding"] == "gzip"
        absent = {"Origin", "Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions", "Accept"}
        assert not absent & set(headers)
        assert bridge.streams[0].close_code == 1000


async def test_texts_pass_pings_are_answered_and_close_codes_are_told():
    async def agent(stream):
        await stream.ws.send_str("hello")
        await stream.ws.ping(b"p")
        message = await stream.ws.receive()
        stream.raw.append(message.data)
        await stream.ws.close(code=1011)

    async with serving(agent) as bridge:
        socket = await StreamSocket.dial(bridge.stream_url, None)
        assert await socket.receive() == "hello"
        closing = asyncio.create_task(socket.receive())
        await socket.send("text")
        assert await closing == Closed(1011)
        assert bridge.streams[0].raw == ["text"]
        assert "X-Twilio-Signature" not in bridge.streams[0].request.headers
        await socket.close()


async def test_a_connection_without_a_close_frame_is_abnormal():
    async def agent(stream):
        stream.request.transport.abort()

    async with serving(agent) as bridge:
        socket = await StreamSocket.dial(bridge.stream_url, None)
        closed = await socket.receive()
        assert (closed.code, closed.problem[:5]) == (1006, "31903")
        with pytest.raises(ConnectionError):
            await socket.send("x")
        await socket.close()


async def test_a_polite_end_of_the_connection_without_a_close_frame_is_abnormal_too():
    async def agent(stream):
        stream.request.transport.close()

    async with serving(agent) as bridge:
        socket = await StreamSocket.dial(bridge.stream_url, None)
        assert (await socket.receive()).code == 1006
        await socket.close()


async def test_reset_is_felt_by_the_server():
    lost = []

    async def agent(stream):
        message = await stream.ws.receive()
        lost.append((message.type, stream.ws.close_code))

    async with serving(agent) as bridge:
        socket = await StreamSocket.dial(bridge.stream_url, None)
        reader = asyncio.create_task(socket.receive())
        await asyncio.sleep(0)
        await socket.reset()
        await socket.reset()
        assert (await reader).code == 1006
        await eventually(lambda: bool(lost))
        assert lost[0][0] is not WSMsgType.CLOSE


async def test_playing_dead_answers_neither_ping_nor_close():
    async def agent(stream):
        await stream.ws.receive()
        await stream.ws.ping()
        stream.ws._writer.transport.write(b"\x88\x02\x03\xe8")
        message = await stream.ws.receive()
        stream.raw.append(message.type)

    async with serving(agent, answers={"autoclose": False}) as bridge:
        socket = await StreamSocket.dial(bridge.stream_url, None)
        socket.play_dead()
        await socket.send("go")
        assert await socket.receive() == Closed(1000)
        await asyncio.sleep(0.05)
        assert bridge.streams[0].raw == []
        await socket.reset()
        await eventually(lambda: bool(bridge.streams[0].raw))
        assert bridge.streams[0].raw[0] not in (WSMsgType.PONG, WSMsgType.CLOSE)


async def test_stop_reading_stalls_the_server():
    sent = 0

    async def agent(stream):
        nonlocal sent
        await stream.ws.receive()
        for _ in range(2000):
            await stream.ws.send_str("x" * 65536)
            sent += 1

    async with serving(agent) as bridge:
        socket = await StreamSocket.dial(bridge.stream_url, None)
        socket.stop_reading()
        await socket.send("go")
        await asyncio.sleep(0.15)
        assert sent < 2000
        await socket.reset()


async def test_refusals_carry_the_vendors_code():
    async with serving(lambda stream: stream.drain(), answers={"refuse": 403}) as bridge:
        with pytest.raises(StreamRefusedError, match="31920 the upgrade was answered with 403"):
            await StreamSocket.dial(bridge.stream_url, None)
        url = bridge.stream_url
    with pytest.raises(StreamRefusedError, match="31902"):
        await StreamSocket.dial(url, None)
