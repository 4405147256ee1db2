from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from ivr_bridge.api import health

Client = TestClient[web.Request, web.Application]


class Server:
    def __init__(self) -> None:
        self.states = {"store": "ok", "elevenlabs": "ok"}
        self.draining = False


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
async def client(server: Server) -> AsyncIterator[Client]:
    app = web.Application()
    health.add_routes(app, dependencies=lambda: server.states, draining=lambda: server.draining)
    async with TestClient(TestServer(app)) as client:
        yield client


async def test_healthy_as_long_as_it_serves(client: Client, server: Server):
    server.draining = True
    server.states["store"] = "down"
    response = await client.get("/healthz")
    assert (response.status, await response.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize("state", ["ok", "degraded", "memory", "offline"])
async def test_ready_while_calls_can_be_taken(client: Client, server: Server, state: str):
    server.states["store"] = state
    response = await client.get("/readyz")
    assert response.status == 200
    assert await response.json() == {"ready": True, "dependencies": {"store": state, "elevenlabs": "ok"}}
    assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("state", ["down", "starting"])
async def test_not_ready_without_a_dependency(client: Client, server: Server, state: str):
    server.states["elevenlabs"] = state
    response = await client.get("/readyz")
    assert response.status == 503
    assert await response.json() == {"ready": False, "dependencies": {"store": "ok", "elevenlabs": state}}


async def test_not_ready_while_draining(client: Client, server: Server):
    server.draining = True
    response = await client.get("/readyz")
    assert response.status == 503
    assert (await response.json())["ready"] is False


async def test_head_is_answered_without_a_body(client: Client):
    for path in ("/healthz", "/readyz"):
        response = await client.head(path)
        assert (response.status, await response.read()) == (200, b"")
