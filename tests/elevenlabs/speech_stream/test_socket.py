import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from ivr_bridge.elevenlabs.speech_stream.events import SpeechAudio, SpeechEnded, SpeechFaulted
from ivr_bridge.elevenlabs.speech_stream.socket import SpeechStream
from ivr_bridge.errors import VendorBusy, VendorFailed, VendorRejected, VendorUnreachable
from tests.support.served import served

Play = Callable[[web.WebSocketResponse, list[Any]], Awaitable[None]]
WANTED = {"voice_id": "v/1", "model_id": "eleven_flash_v2_5", "output_format": "ulaw_8000"}


@dataclass
class Served:
    websocket_url: str
    key_header: dict[str, str] = field(default_factory=lambda: {"xi-api-key": "K"})
    requests: list[web.Request] = field(default_factory=list)
    received: list[Any] = field(default_factory=list)


@asynccontextmanager
async def serving(play: Play, refusal: web.Response | None = None) -> AsyncIterator[Served]:
    async def converse(request: web.Request) -> web.StreamResponse:
        here.requests.append(request)
        if refusal is not None:
            return refusal
        ws = web.WebSocketResponse(compress=False, timeout=0.5)
        await ws.prepare(request)
        await play(ws, here.received)
        return ws

    app = web.Application()
    app.router.add_get("/v1/text-to-speech/{voice_id}/{kind}", converse)
    async with served(app) as url:
        here = Served(url.replace("http", "ws", 1))
        yield here


async def speaks_all(ws: web.WebSocketResponse, received: list[Any]) -> None:
    async for message in ws:
        received.append(message.json())
        if received[-1]["text"] == "":
            await ws.send_json({"audio": "AAAA", "isFinal": None})
            await ws.send_json({"audio": None, "isFinal": True})
            await ws.close()


async def test_one_text_is_spoken_to_its_end():
    async with serving(speaks_all) as here:
        stream = await SpeechStream.open(here, **WANTED, language_code="es", auto_mode=True)
        stream.begin(voice_settings={"speed": 0.9})
        stream.say("Hola")
        stream.end()
        assert [event async for event in stream] == [SpeechAudio("", "AAAA"), SpeechEnded("")]
        await stream.close()
    (request,) = here.requests
    assert request.match_info["voice_id"] == "v/1"
    assert request.match_info["kind"] == "stream-input"
    assert request.headers["xi-api-key"] == "K"
    assert dict(request.query) == {
        "model_id": "eleven_flash_v2_5",
        "output_format": "ulaw_8000",
        "inactivity_timeout": "20",
        "language_code": "es",
        "auto_mode": "true",
    }
    assert [message["text"] for message in here.received] == [" ", "Hola ", ""]


async def test_several_texts_are_told_apart():
    async def play(ws: web.WebSocketResponse, received: list[Any]) -> None:
        received += [await ws.receive_json() for _ in range(4)]
        for context_id in "ba":
            await ws.send_json({"audio": "AAAA", "contextId": context_id})
            await ws.send_json({"isFinal": True, "contextId": context_id})
        await ws.close()

    async with serving(play) as here:
        stream = await SpeechStream.open(here, **WANTED, multi=True)
        for context_id in "ab":
            stream.begin(context_id)
            stream.say("Hi", context_id)
        events = [event async for event in stream]
    assert events == [SpeechAudio("b", "AAAA"), SpeechEnded("b"), SpeechAudio("a", "AAAA"), SpeechEnded("a")]
    assert here.requests[0].match_info["kind"] == "multi-stream-input"


async def test_a_fault_ends_it_with_the_vendors_words():
    async def play(ws: web.WebSocketResponse, _: list[Any]) -> None:
        await ws.send_json({"message": "no text for 20 s", "error": "input_timeout_exceeded", "code": 1008})
        await ws.close(code=1008, message=b"idle")

    async with serving(play) as here:
        stream = await SpeechStream.open(here, **WANTED)
        stream.begin()
        assert await stream.receive() == [SpeechFaulted(1008, "input_timeout_exceeded", "no text for 20 s")]
        with pytest.raises(VendorRejected, match="input_timeout_exceeded: no text for 20 s") as caught:
            await stream.receive()
    assert caught.value.vendor_code == "input_timeout_exceeded"


async def test_a_socket_that_breaks_in_the_middle_is_no_end():
    async def play(ws: web.WebSocketResponse, _: list[Any]) -> None:
        await ws.receive_json()
        await ws.send_json({"audio": "AAAA"})
        await ws.close()

    async with serving(play) as here:
        stream = await SpeechStream.open(here, **WANTED)
        stream.begin()
        assert await stream.receive() == [SpeechAudio("", "AAAA")]
        with pytest.raises(VendorFailed, match="closed with 1000"):
            await stream.receive()
        await stream.close()


async def test_a_refused_handshake_has_the_vendors_error():
    body = {"detail": {"status": "system_busy", "message": "later"}}
    async with serving(speaks_all, web.json_response(body, status=429)) as here:
        with pytest.raises(VendorBusy, match="stream-input: HTTP 429 system_busy: later"):
            await SpeechStream.open(here, **WANTED)


async def test_nobody_there_and_a_model_that_has_no_socket():
    here = Served("ws://127.0.0.1:9")
    with pytest.raises(VendorUnreachable):
        await SpeechStream.open(here, **WANTED)
    with pytest.raises(ValueError, match="whole texts only"):
        await SpeechStream.open(here, **{**WANTED, "model_id": "eleven_v3_conversational"})


async def test_a_server_that_never_answers():
    async def silent(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await asyncio.sleep(5)
        finally:
            writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(VendorUnreachable, match=r"not open in 0\.1 s"):
        await SpeechStream.open(Served(f"ws://127.0.0.1:{port}"), **WANTED, open_timeout_s=0.1)
    server.close()
