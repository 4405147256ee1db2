"""Ends a run at one of its requests, before or after the server did what was asked: like a kill, but on purpose.

`KillSwitch.watch` is a middleware of the server, so nothing of the client is touched: its task is cancelled while it
waits for that answer, which never comes.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class KillPoint:
    """`request`: the how manieth, from 0. `before`: it never arrived; `after`: it was done, and nobody heard of it."""

    request: int
    when: Literal["before", "after"]


def kill_points(n_requests: int, count: int = 50, seed: int = 0) -> Iterator[KillPoint]:
    """`count` random points of a run of `n_requests`, each of the two kinds as often."""
    chance = random.Random(seed)
    for index in range(count):
        yield KillPoint(chance.randrange(n_requests), "before" if index % 2 else "after")


class KillSwitch:
    """Watches one run at a time."""

    def __init__(self) -> None:
        self.n_requests = 0
        """How many the last run made."""
        self._point: KillPoint | None = None
        self._victim: asyncio.Task[Any] | None = None

    @property
    def watch(self) -> Any:
        """The middleware."""

        @web.middleware
        async def watch(request: web.Request, handler: Handler) -> web.StreamResponse:
            victim, point, number = self._victim, self._point, self.n_requests
            if victim is None:
                return await handler(request)
            self.n_requests += 1
            if point is None or number < point.request:
                return await handler(request)
            if point.when == "after" and number == point.request:
                await handler(request)
            else:
                await request.read()  # the client has nothing half sent, so each run ends alike
            victim.cancel()
            assert request.transport is not None
            request.transport.abort()
            return web.Response()

        return watch

    async def run(self, run: Coroutine[Any, Any, Any], point: KillPoint | None = None) -> bool:
        """Whether `run` came to its end; what it raises by itself is raised here."""
        self.n_requests = 0
        self._point, self._victim = point, asyncio.create_task(run)
        try:
            await self._victim
        except asyncio.CancelledError:
            return False
        finally:
            self._victim = None
        return True
