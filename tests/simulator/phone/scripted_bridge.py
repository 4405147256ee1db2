"""A small bridge whose behaviour each test writes; signatures are checked by the vendor's own validator."""

from __future__ import annotations

import asyncio
import audioop
import base64
import json
import math
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web
from twilio.request_validator import RequestValidator

from ivr_bridge.simulator.phone.line import Line
from tests.support.served import served

TOKEN = "test-auth-token"
HANGUP = "<Response><Hangup/></Response>"
CONNECT = (
    '<Response><Connect action="/twilio/stream-ended"><Stream url="{stream}">'
    '<Parameter name="token" value="tok-1"/></Stream></Connect><Say>Last resort.</Say><Hangup/></Response>'
)


def tone(ms: int, *, hz: int = 440, peak: int = 8000) -> bytes:
    """PCM16 at 8 kHz."""
    return b"".join(struct.pack("<h", int(peak * math.sin(2 * math.pi * hz * n / 8000))) for n in range(ms * 8))


def mulaw_tone(ms: int) -> bytes:
    return bytes(audioop.lin2ulaw(tone(ms), 2))


@dataclass
class BridgeStream:
    """One accepted stream, from the bridge's side."""

    ws: web.WebSocketResponse
    request: web.Request
    received: list[dict[str, Any]] = field(default_factory=list)
    raw: list[str | bytes] = field(default_factory=list)
    close_code: int | None = None
    stream_sid: str = ""

    async def next(self) -> dict[str, Any] | None:
        message = await self.ws.receive()
        if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
            self.close_code = message.data if message.type is WSMsgType.CLOSE else 1006
            return None
        self.raw.append(message.data)
        try:
            parsed = json.loads(message.data)
        except ValueError:
            return {"event": "unreadable"}
        self.received.append(parsed)
        self.stream_sid = parsed.get("streamSid", self.stream_sid)
        return parsed

    async def until(self, event: str) -> dict[str, Any]:
        while (message := await self.next()) is not None:
            if message["event"] == event:
                return message
        raise AssertionError(f"the phone closed before {event}")

    async def drain(self) -> None:
        while await self.next() is not None:
            pass

    async def send(self, event: str, **body: Any) -> None:
        await self.ws.send_str(json.dumps({"event": event, "streamSid": self.stream_sid, **body}))

    async def say(self, mulaw: bytes) -> None:
        await self.send("media", media={"payload": base64.b64encode(mulaw).decode()})

    async def mark(self, name: str) -> None:
        await self.send("mark", mark={"name": name})

    def events(self) -> list[str]:
        return [message["event"] for message in self.received]


Agent = Callable[[BridgeStream], Awaitable[None]]


@dataclass
class ScriptedBridge:
    """What the bridge answers, and what it saw."""

    agent: Agent
    answers: dict[str, Any] = field(default_factory=dict)
    public_base_url: str | None = None
    base: str = ""
    posts: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    bad_signatures: list[str] = field(default_factory=list)
    streams: list[BridgeStream] = field(default_factory=list)

    def line(self, **changes: Any) -> Line:
        return Line(
            **{"server_url": self.base, "public_base_url": self.public_base_url, "auth_token": TOKEN, **changes}
        )

    @property
    def stream_url(self) -> str:
        return (self.public_base_url or self.base).replace("http", "ws", 1) + "/twilio/media/0"

    def paths(self) -> list[str]:
        return [path for path, _ in self.posts]

    def params(self, path: str) -> dict[str, str]:
        return next(params for at, params in self.posts if at == path)

    async def webhook(self, request: web.Request) -> web.StreamResponse:
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.posts.append((request.path, form))
        self.headers.append(dict(request.headers))
        self._check(request, form, (self.public_base_url or self.base) + request.path_qs)
        default = {"/twilio/voice": CONNECT, "/twilio/stream-ended": HANGUP}.get(request.path, "")
        answer = self.answers.get(request.path, default)
        answer = answer.pop(0) if isinstance(answer, list) else answer
        if isinstance(answer, int):
            return web.Response(status=answer)
        if isinstance(answer, web.Response):
            return answer
        if not answer:
            return web.Response(status=204)
        return web.Response(text=answer.replace("{stream}", self.stream_url), content_type="text/xml")

    async def media(self, request: web.Request) -> web.StreamResponse:
        self._check(request, {}, self.stream_url)
        if "refuse" in self.answers:
            return web.Response(status=self.answers["refuse"])
        ws = web.WebSocketResponse(compress=False, max_msg_size=0, autoclose=self.answers.get("autoclose", True))
        await ws.prepare(request)
        stream = BridgeStream(ws, request)
        self.streams.append(stream)
        await self.agent(stream)
        return ws

    def _check(self, request: web.Request, form: dict[str, str], url: str) -> None:
        signed = request.headers.get("X-Twilio-Signature", "")
        if not RequestValidator(TOKEN).validate(url, form, signed):
            self.bad_signatures.append(request.path)


@asynccontextmanager
async def serving(agent: Agent, **options: Any) -> AsyncIterator[ScriptedBridge]:
    """Run a bridge on a free port of the loopback."""
    bridge = ScriptedBridge(agent, **options)
    app = web.Application()
    app.router.add_get("/twilio/media/0", bridge.media)
    app.router.add_route("*", "/{tail:.*}", bridge.webhook)
    async with served(app) as bridge.base:
        yield bridge


async def listener(stream: BridgeStream) -> None:
    """An agent who says nothing and stays."""
    await stream.until("start")
    await stream.drain()


async def greeter(stream: BridgeStream) -> None:
    """An agent who greets for 100 ms and stays."""
    await stream.until("start")
    await stream.say(mulaw_tone(100))
    await stream.drain()


async def goodbye(stream: BridgeStream) -> None:
    """An agent who greets for 60 ms, waits until it was heard and closes."""
    await stream.until("start")
    await stream.say(mulaw_tone(60))
    await stream.mark("done")
    await stream.until("mark")
    await stream.ws.close()


async def eventually(condition: Callable[[], bool], within_s: float = 5.0) -> None:
    """Wait for something that is about to be true."""
    async with asyncio.timeout(within_s):
        while not condition():
            await asyncio.sleep(0.01)
