"""Ends a run at one of its requests, before or after the server did what was asked: like a kill, but on purpose.

`KillSwitch.watch` is a middleware of the server, so nothing of the client is touched: its task is cancelled while it
waits for that answer, which never comes. A whole process is killed in the same way, see killed_command.py.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, Protocol

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


class Victim(Protocol):
    """A task or a process."""

    def cancel(self) -> Any:
        """End it."""
        ...


class KillSwitch:
    """Watches one run at a time."""

    def __init__(self) -> None:
        self.n_requests = 0
        """How many the last run made."""
        self._point: KillPoint | None = None
        self._victim: Victim | None = None

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
        task = asyncio.create_task(run)
        with self.aimed_at(task, point):
            try:
                await task
            except asyncio.CancelledError:
                return False
        return True

    @contextmanager
    def aimed_at(self, victim: Victim, point: KillPoint | None) -> Iterator[None]:
        """Every request within is the victim's; at `point` it is ended."""
        self.n_requests = 0
        self._point, self._victim = point, victim
        try:
            yield
        finally:
            self._victim = None
