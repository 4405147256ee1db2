"""A server as `ivr-bridge call` sees it: webhooks and a stream that a test scripts, and the events it tells."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web

from tests.simulator.phone.scripted_bridge import TOKEN, BridgeStream, ScriptedBridge, mulaw_tone
from tests.support.served import served

KEY = "ivr_test-key"
ENDED = {"result": "completed", "reason": "agent_hung_up", "by": "agent"}
Told = list[tuple[str, dict[str, Any]]]


@dataclass
class FakeServer(ScriptedBridge):
    """Tells `told` to whoever asks with the key; `status` instead of it, if set."""

    told: Told = field(default_factory=list)
    status: int = 200
    asked: list[tuple[str, str]] = field(default_factory=list)
    """(CallSid, Authorization) of each who asked for events."""

    async def events(self, request: web.Request) -> web.StreamResponse:
        self.asked.append((request.match_info["call_sid"], request.headers.get("Authorization", "")))
        if self.status != 200 or request.headers.get("Authorization") != f"Bearer {KEY}":
            return web.Response(status=self.status if self.status != 200 else 401)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
        await response.prepare(request)
        await response.write(b": still here\n\n")
        for number, (name, fields) in enumerate(self.told, 1):
            data = orjson.dumps({"event": name, "call_sid": request.match_info["call_sid"], **fields})
            await response.write(b"id: %d\nevent: %s\ndata: %s\n\n" % (number, name.encode(), data))
        return response

    async def health(self, _: web.Request) -> web.StreamResponse:
        return web.Response()

    def let_in(self, var: Path) -> Path:
        """Write what a server leaves for `ivr-bridge call` in its `var/`."""
        var.mkdir(exist_ok=True)
        (var / "twilio_auth_token").write_text(f"{TOKEN}\n")
        (var / "api_key").write_text(f"{KEY}\n")
        return var


async def polite(stream: BridgeStream) -> None:
    """An agent who says one word, waits until it was heard and hangs up."""
    await stream.until("start")
    await stream.say(mulaw_tone(60))
    await stream.mark("done")
    await stream.until("mark")
    await stream.ws.close()


@asynccontextmanager
async def serving(told: Told | None = None, **options: Any) -> AsyncIterator[FakeServer]:
    """Run it on a free port; without `told` it tells nothing but a good end."""
    server = FakeServer(**{"agent": polite, "told": [("call.ended", ENDED)] if told is None else told, **options})
    app = web.Application()
    app.router.add_get("/api/v1/calls/{call_sid}/events", server.events)
    app.router.add_get("/healthz", server.health)
    app.router.add_get("/twilio/media/0", server.media)
    app.router.add_route("*", "/{tail:.*}", server.webhook)
    async with served(app) as server.base:
        yield server
