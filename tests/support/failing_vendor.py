"""A vendor over real sockets who fails as a test says, and the requests that are made to it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from ivr_bridge.elevenlabs.rest import limits as limits_module
from ivr_bridge.elevenlabs.rest import repeating
from ivr_bridge.elevenlabs.rest.request import Repeat, Request
from ivr_bridge.elevenlabs.rest.transport import Transport
from tests.support.served import served

Act = Callable[[web.Request], Awaitable[web.StreamResponse]]

GET = Request("GET", "/v1/models", timeout_s=5)
POST = Request("POST", "/v1/convai/agents/create", json={"name": "x"}, repeat=Repeat.UNSENT)
SPEAK = Request("POST", "/v1/text-to-speech/v", json={"text": "x"})
KEYS = tuple(f"sk_{'0' * 20}{end}" for end in ("aaaa", "bbbb", "cccc"))


class Vendor:
    """Acts as `acts` say, one after the other, the last one for ever; keeps what it saw."""

    def __init__(self) -> None:
        self.acts: list[Act] = []
        self.seen: list[tuple[web.Request, bytes]] = []
        self.out = self.most = 0
        self.url = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.seen.append((request, await request.read()))
        self.out += 1
        self.most = max(self.most, self.out)
        try:
            return await (self.acts.pop(0) if len(self.acts) > 1 else self.acts[0])(request)
        finally:
            self.out -= 1

    @property
    def keys(self) -> list[str | None]:
        return [request.headers.get("xi-api-key") for request, _ in self.seen]


def says(status: int, body: Any = None, **headers: str) -> Act:
    async def act(_: web.Request) -> web.Response:
        return web.json_response(body, status=status, headers={k.replace("_", "-"): v for k, v in headers.items()})

    return act


def refuses(status: int, code: str, **headers: str) -> Act:
    return says(status, {"detail": {"status": code, "message": "no", "request_id": "r1"}}, **headers)


async def reset(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def truncated(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": "100"})
    await response.prepare(request)
    await response.write(b'{"a":')
    return await reset(request)


async def html(_: web.Request) -> web.Response:
    return web.Response(status=503, text="<html>Service Unavailable</html>", content_type="text/html")


async def hang(_: web.Request) -> web.Response:
    await asyncio.sleep(30)
    return web.Response()


OK = says(200, {"ok": True})


@asynccontextmanager
async def failing_vendor() -> AsyncIterator[Vendor]:
    vendor = Vendor()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", vendor.handle)
    async with served(app) as vendor.url:
        yield vendor


@asynccontextmanager
async def transport_to(vendor: Vendor) -> AsyncIterator[Transport]:
    transport = Transport(vendor.url, KEYS)
    try:
        yield transport
    finally:
        await transport.close()


def skip_pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were asked for; none of them is really made."""
    asked: list[float] = []
    real = repeating.pause_s

    def pause_s(state: Any) -> float:
        asked.append(real(state))
        return 0.0

    monkeypatch.setattr(repeating, "pause_s", pause_s)
    monkeypatch.setattr(limits_module, "LONE_PAUSE_S", 0.001)
    return asked
