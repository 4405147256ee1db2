import asyncio
import base64
import hashlib
import hmac
import json
import os
import socket
import struct

import aiohttp
import pytest
import structlog
from aiohttp import web

from ivr_bridge.telemetry.log import Log
from ivr_bridge.twilio.call_desk import HangUp
from ivr_bridge.twilio.stream_door import StreamDoor

TOKEN = "test-auth-token"
SID = "MZ" + "0" * 32
FRAME = base64.b64encode(b"\x7e" * 160).decode()
CONNECTED = json.dumps({"event": "connected", "protocol": "Call", "version": "1.0.0"})


def sign(url, pairs=(), token=TOKEN):
    text = url + "".join(name + value for name, value in sorted(pairs))
    return base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()


def start_text(*, stream_sid=SID, call_sid="CA1", account_sid="AC1", token="t-1"):
    inner = {
        "accountSid": account_sid,
        "streamSid": stream_sid,
        "callSid": call_sid,
        "tracks": ["inbound"],
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        "customParameters": {"token": token},
    }
    return json.dumps({"event": "start", "sequenceNumber": "1", "streamSid": stream_sid, "start": inner})


def media_text(chunk=1, payload=FRAME):
    inner = {"track": "inbound", "chunk": str(chunk), "timestamp": str(chunk * 20), "payload": payload}
    return json.dumps({"event": "media", "sequenceNumber": str(chunk + 1), "streamSid": SID, "media": inner})


class FakeDesk:
    """Answers what it was told to; keeps what it was asked."""

    def __init__(self):
        self.answer = HangUp()
        self.error = None
        self.asked = []
        self.run = None

    async def _answer(self, *asked):
        self.asked.append(asked)
        if self.error:
            raise self.error
        return self.answer

    async def answer_voice(self, call):
        return await self._answer("voice", call)

    async def stream_ended(self, call):
        return await self._answer("stream_ended", call)

    async def voicemail_taken(self, call, recording):
        return await self._answer("voicemail", call, recording)

    async def fallback(self, call, error_code, error_url):
        return await self._answer("fallback", call, error_code, error_url)

    async def whisper(self, call, token):
        return await self._answer("whisper", call, token)

    async def whisper_answered(self, call, token, digits):
        return await self._answer("whisper_answered", call, token, digits)

    def transfer_status_changed(self, *asked):
        self.asked.append(("transfer_status", *asked))
        if self.error:
            raise self.error

    def status_changed(self, *asked):
        self.asked.append(("status", *asked))
        if self.error:
            raise self.error

    def stream_status_changed(self, *asked):
        self.asked.append(("stream_status", *asked))
        if self.error:
            raise self.error

    async def run_stream(self, leg):
        self.asked.append(("run_stream", leg.call_sid))
        if self.error:
            raise self.error
        await self.run(leg)


class MediaServer:
    """A door on a port of its own, with a phone line to it."""

    def __init__(self, session):
        self.session = session
        self.desk = FakeDesk()
        self.door = None
        self.url = ""
        self.raw_peers = []

    async def open(self, **options):
        self.door = StreamDoor(
            auth_tokens=lambda: ["old-token", TOKEN],
            base_url=lambda: self.url,
            account_sid=options.pop("account_sid", None),
            desk=self.desk,
            log=Log(),
            **options,
        )
        app = web.Application()
        app.router.add_get("/twilio/media/{worker}", self.door.handle)
        self.runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self.runner.setup()
        site = web.TCPSite(self.runner, "127.0.0.1", 0)
        await site.start()
        self.port = self.runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{self.port}"

    async def close(self):
        for peer in self.raw_peers:
            peer.cut()
        await self.runner.cleanup()

    @property
    def media_url(self):
        return f"ws://127.0.0.1:{self.port}/twilio/media/0"

    async def dial(self, *texts, **options):
        options.setdefault("headers", {"X-Twilio-Signature": sign(self.media_url)})
        ws = await self.session.ws_connect(self.media_url, **options)
        for text in texts:
            await ws.send_str(text)
        return ws

    async def dial_started(self, **options):
        return await self.dial(CONNECTED, start_text(), **options)

    async def dial_raw(self, *texts, receive_bytes=4096):
        peer = RawPeer()
        self.raw_peers.append(peer)
        await peer.connect(self.port, receive_bytes)
        for text in texts:
            peer.send_text(text)
        return peer


class RawPeer:
    """A WebSocket client that reads, answers and closes only when told to."""

    async def connect(self, port, receive_bytes=4096):
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
        self.reader, self.writer = await asyncio.open_connection(sock=sock, limit=1024)
        url = f"ws://127.0.0.1:{port}/twilio/media/0"
        key = base64.b64encode(os.urandom(16)).decode()
        head = (
            f"GET /twilio/media/0 HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\nX-Twilio-Signature: {sign(url)}\r\n\r\n"
        )
        self.writer.write(head.encode())
        answer = await self.reader.readuntil(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 101")

    def send_text(self, text):
        self.send_frame(0x81, text.encode())

    def send_frame(self, first_byte, body):
        length = bytes([0x80 | len(body)]) if len(body) < 126 else b"\xfe" + struct.pack("!H", len(body))
        self.writer.write(bytes([first_byte]) + length + bytes(4) + body)

    def cut(self):
        self.writer.transport.abort()


@pytest.fixture
def lines():
    with structlog.testing.capture_logs() as captured:
        yield captured


@pytest.fixture
async def media_server(lines):
    async with aiohttp.ClientSession() as session:
        server = MediaServer(session)
        yield server
        await server.close()


@pytest.fixture
def until():
    async def wait(condition, tries=500):
        for _ in range(tries):
            if condition():
                return
            await asyncio.sleep(0.01)
        raise AssertionError("it never came true")

    return wait
