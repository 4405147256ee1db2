"""A service of an operator's on 127.0.0.1, and what it was asked."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Service:
    """Answers with `answer`; keeps each request's line, headers and body."""

    answer: Answer
    port: int = 0
    asked: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    gave_up: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a client leaves before its answer."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(f"{request.method} {request.raw_path}")
        self.headers.append(dict(request.headers))
        self.bodies.append(await request.read())
        try:
            return await self.answer(request)
        except asyncio.CancelledError:
            self.gave_up.set()
            raise


@asynccontextmanager
async def service(answer: Answer, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[Service]:
    """A running service."""
    running = Service(answer)
    runner = web.AppRunner(_app(running), handler_cancellation=True, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, host, port)
    await site.start()
    running.port = runner.addresses[0][1]
    try:
        yield running
    finally:
        await runner.cleanup()


def saying(text: str = '{"ok":true}', content_type: str = "application/json", **more: object) -> Answer:
    """Always the same answer."""

    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(text=text, content_type=content_type, **more)  # type: ignore[arg-type]

    return answer


async def never(_: web.Request) -> web.StreamResponse:
    """No answer at all."""
    await asyncio.Event().wait()
    raise AssertionError


def _app(running: Service) -> web.Application:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", running.handle)
    return app
