from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import structlog
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from yarl import URL

from ivr_bridge.api.door_keeper import REFUSAL_EVERY_S, REFUSALS_AT_ONCE, door_keeper
from ivr_bridge.telemetry.log import Log

Client = TestClient[web.Request, web.Application]
KEY = "ivr_right"
BEARER = {"Authorization": f"Bearer {KEY}"}


class Keys:
    def verify(self, key: str) -> bool:
        return key == KEY


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def served(request: web.Request) -> web.Response:
    return web.Response(text="served")


async def buggy(request: web.Request) -> web.Response:
    raise ZeroDivisionError("secret detail")


async def not_found(request: web.Request) -> web.Response:
    raise web.HTTPNotFound


async def moved(request: web.Request) -> web.Response:
    raise web.HTTPFound("/healthz")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def events() -> Iterator[list[Any]]:
    with structlog.testing.capture_logs() as captured:
        yield captured


@pytest.fixture
async def client(events: list[Any], clock: Clock) -> AsyncIterator[Client]:
    app = web.Application(middlewares=[door_keeper(Keys(), Log(), clock=clock)])
    for path in ("/healthz", "/api/docs", "/api/v1/calls/{call_sid}", "/console/", "/undoored", "/undoored/{tail:.*}"):
        app.router.add_get(path, served)
    for path in ("/twilio/voice", "/elevenlabs/webhook"):
        app.router.add_post(path, served)
    app.router.add_get("/prompts/{name}", not_found)
    app.router.add_get("/api/buggy", buggy)
    app.router.add_get("/api/gone", not_found)
    app.router.add_get("/api/moved", moved)
    app.router.add_post("/twilio/buggy", buggy)
    app.router.add_get("/{anything}/v1/secret", served)
    async with TestClient(TestServer(app)) as client:
        yield client


@pytest.mark.parametrize("path", ["/healthz", "/api/docs"])
async def test_open_paths_ask_for_nothing(client: Client, path: str):
    assert (await client.get(path)).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        BEARER,
        {"Authorization": f"bearer  {KEY} "},
        {"X-API-Key": KEY},
        {"X-API-Key": KEY, "Authorization": "Basic xyz"},
    ],
)
@pytest.mark.parametrize("path", ["/api/v1/calls/CA1", "/console/"])
async def test_a_key_opens_in_either_header(client: Client, path: str, headers: dict[str, str]):
    response = await client.get(path, headers=headers)
    assert (response.status, await response.text()) == (200, "served")


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "key_missing"),
        ({"Authorization": "Basic xyz"}, "key_missing"),
        ({"Authorization": "Bearer"}, "key_unknown"),
        ({"Authorization": "Bearer wrong"}, "key_unknown"),
        ({"Authorization": "Bearer wrong", "X-API-Key": KEY}, "key_unknown"),
        ({"X-API-Key": ""}, "key_unknown"),
        ({"X-API-Key": "wr\xf6ng"}, "key_unknown"),
        ({"Cookie": f"api_key={KEY}"}, "key_missing"),
    ],
)
async def test_without_a_right_key_401_says_how(client: Client, events: list[Any], headers: dict[str, str], code: str):
    response = await client.get("/api/v1/calls/CA1", headers=headers)
    assert response.status == 401
    assert response.content_type == "application/problem+json"
    assert response.headers["WWW-Authenticate"].startswith('Bearer realm="ivr-bridge"')
    assert ("invalid_token" in response.headers["WWW-Authenticate"]) == (code == "key_unknown")
    body = await response.json()
    assert (body["status"], body["code"]) == (401, code)
    assert "Authorization: Bearer KEY" in body["detail"]
    assert events == [{"event": "door.refused", "path": "/api/v1/calls/CA1", "method": "GET", "log_level": "warning"}]


@pytest.mark.parametrize("name", ["api_key", "key", "API_KEY", "access_token", "X-API-Key"])
async def test_a_key_in_the_url_is_refused_even_with_a_right_one_in_the_header(
    client: Client, events: list[Any], name: str
):
    response = await client.get("/api/v1/calls/CA1", params={name: KEY}, headers=BEARER)
    assert response.status == 400
    body = await response.json()
    assert body["code"] == "key_in_url"
    assert "X-API-Key" in body["detail"]
    assert KEY not in str(events)
    assert KEY not in str(body)


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
@pytest.mark.parametrize("path", ["/api/v1/calls/CA1", "/api/nothing", "/console", "/api"])
async def test_every_method_asks_for_the_key_also_where_nothing_is(client: Client, method: str, path: str):
    assert (await client.request(method, path)).status == 401


async def test_what_is_not_there_is_a_problem_behind_the_door(client: Client):
    for path in ("/api/nothing", "/api/gone"):
        response = await client.get(path, headers=BEARER)
        assert response.status == 404
        assert response.content_type == "application/problem+json"


async def test_options_and_wrong_methods_tell_what_is_allowed(client: Client):
    response = await client.options("/api/v1/calls/CA1", headers=BEARER)
    assert (response.status, response.headers["Allow"]) == (204, "GET, HEAD, OPTIONS")
    response = await client.post("/api/v1/calls/CA1", headers=BEARER)
    assert (response.status, response.headers["Allow"]) == (405, "GET, HEAD, OPTIONS")
    assert response.content_type == "application/problem+json"
    assert (await client.options("/healthz")).status == 204
    assert (await client.options("/api/nothing", headers=BEARER)).status == 404


async def test_head_is_answered_as_get(client: Client):
    response = await client.head("/api/v1/calls/CA1", headers=BEARER)
    assert (response.status, await response.read()) == (200, b"")


async def test_a_redirect_is_no_error(client: Client):
    response = await client.get("/api/moved", headers=BEARER, allow_redirects=False)
    assert (response.status, response.headers["Location"]) == (302, "/healthz")


async def test_vendors_paths_are_left_to_their_own_proof(client: Client, events: list[Any]):
    for path in ("/twilio/voice", "/elevenlabs/webhook"):
        assert (await client.post(path)).status == 200
        assert (await client.post(path, params={"token": "x"})).status == 200
    response = await client.get("/prompts/x")
    assert response.status == 404
    assert response.content_type == "text/plain"
    assert events == []


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/undoored",
        "/undoored/api/v1",
        "/favicon.ico",
        "/twilio/%2e%2e/api",
        "/api%2fv1/v1/secret",
    ],
)
async def test_a_path_without_a_door_is_404_even_with_a_key(client: Client, path: str):
    response = await client.get(URL(path, encoded=True), headers=BEARER)
    assert response.status == 404
    assert response.content_type == "application/problem+json"


async def test_a_route_that_means_another_door_than_the_path_is_closed(client: Client):
    assert (await client.get("/twilio/v1/secret")).status == 404
    assert (await client.get("/api/v1/secret", headers=BEARER)).status == 404


async def test_our_own_mistake_is_logged_and_told_without_its_words(client: Client, events: list[Any]):
    response = await client.get("/api/buggy", headers=BEARER)
    assert response.status == 500
    assert "secret detail" not in await response.text()
    assert events == [
        {
            "event": "request.failed",
            "path": "/api/buggy",
            "error": "ZeroDivisionError('secret detail')",
            "log_level": "error",
        }
    ]


async def test_refusals_do_not_flood_the_log(client: Client, events: list[Any], clock: Clock):
    for _ in range(REFUSALS_AT_ONCE + 5):
        await client.get("/api/v1/calls/CA1")
    assert len(events) == REFUSALS_AT_ONCE
    clock.now += 2 * REFUSAL_EVERY_S
    for _ in range(5):
        await client.get("/api/v1/calls/CA1")
    assert len(events) == REFUSALS_AT_ONCE + 2
    clock.now += 1000 * REFUSAL_EVERY_S
    for _ in range(REFUSALS_AT_ONCE + 5):
        await client.get("/api/v1/calls/" + "x" * 500)
    assert len(events) == 2 * REFUSALS_AT_ONCE + 2
    assert len(events[-1]["path"]) == 200
