"""A server as commands see it that have people called: its API, answered by what a test says."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from tests.support.served import served

KEY = "ivr_test-key"


class OfficeServer:
    """`answers` has, for each method and path, what comes one after the other; the last one stays."""

    def __init__(self) -> None:
        self.url = ""
        self.answers: dict[tuple[str, str], list[tuple[int, Any]]] = {}
        self.asked: list[tuple[str, str, Any]] = []
        self.keys: set[str] = set()

    def says(self, method: str, path: str, *bodies: Any, status: int = 200) -> None:
        self.answers[method, path] = [(status, body) for body in bodies]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.json() if request.can_read_body else None
        self.keys.add(request.headers.get("Authorization", ""))
        self.asked.append((request.method, request.raw_path, body))
        coming = self.answers.get((request.method, request.path))
        if coming is None:
            return web.json_response({"detail": "there is nothing here"}, status=404)
        status, told = coming.pop(0) if len(coming) > 1 else coming[0]
        return web.json_response(told, status=status)


@asynccontextmanager
async def office_server() -> AsyncIterator[OfficeServer]:
    server = OfficeServer()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.answer)
    async with served(app) as server.url:
        yield server
