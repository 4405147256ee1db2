import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import ClientResponse, ClientSession, web
from aiohttp.test_utils import TestClient, TestServer

from ivr_bridge.api import call_events
from ivr_bridge.telemetry.call_feed import CallFeeds
from ivr_bridge.telemetry.events import AGENT_SAID, CALL_ANSWERED, CALL_ENDED
from ivr_bridge.telemetry.log import Log

Client = TestClient[web.Request, web.Application]
SID = "CA00000000000000000000000000000001"
URL = f"/api/v1/calls/{SID}/events"


@pytest.fixture
def feeds() -> CallFeeds:
    return CallFeeds()


@pytest.fixture
async def client(feeds: CallFeeds) -> AsyncIterator[Client]:
    app = web.Application()
    call_events.add_routes(app, feeds)
    async with TestClient(TestServer(app)) as client:
        tasks = asyncio.all_tasks()
        yield client
        await until(lambda: not new_waits(tasks))


def new_waits(before: set[asyncio.Task[Any]]) -> list[asyncio.Task[Any]]:
    """Tasks of ours, beyond those of the server and its connections."""
    folder = str(Path(call_events.__file__).parent.parent)
    return [task for task in asyncio.all_tasks() - before if task.get_coro().cr_code.co_filename.startswith(folder)]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


async def next_event(response: ClientResponse) -> dict[str, str]:
    """The next event, comments skipped; empty at the end of the stream."""
    fields: dict[str, str] = {}
    async for line in response.content:
        text = line.decode().rstrip("\n")
        if not text and fields:
            return fields
        if text and not text.startswith(":"):
            name, _, value = text.partition(": ")
            assert name not in fields
            fields[name] = value
    return fields


async def all_events(response: ClientResponse) -> list[tuple[int, str]]:
    events = []
    while event := await next_event(response):
        events.append((int(event["id"]), event["event"]))
    return events


async def test_every_event_from_the_first_to_the_last(client: Client, feeds: CallFeeds):
    log = Log(feeds).bind(call_sid=SID)
    log.emit(CALL_ANSWERED, ms=3.0, pii={"caller": "+15551234567"})
    response = await client.get(URL)
    assert response.status == 200
    assert response.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert response.headers["Cache-Control"] == "no-store"
    first = await next_event(response)
    assert (first["id"], first["event"]) == ("1", "call.answered")
    assert orjson.loads(first["data"]) == {
        "event": "call.answered", "call_sid": SID, "ms": 3.0, "pii.caller": "+15551234567",
    }  # fmt: skip
    log.emit(AGENT_SAID, event_id=1, pii={"text": "你好\nline two"})
    said = await next_event(response)
    assert orjson.loads(said["data"])["pii.text"] == "你好\nline two"
    log.emit(CALL_ENDED, result="completed")
    assert (await next_event(response))["event"] == "call.ended"
    assert await next_event(response) == {}
    late = await client.get(URL)
    assert await all_events(late) == [(1, "call.answered"), (2, "agent.said"), (3, "call.ended")]


async def test_goes_on_after_the_last_event_id(client: Client, feeds: CallFeeds):
    for number in range(5):
        feeds.record(SID, f"event.{number + 1}", {}, last=number == 4)
    response = await client.get(URL, headers={"Last-Event-ID": "3"})
    assert await all_events(response) == [(4, "event.4"), (5, "event.5")]
    response = await client.get(URL, headers={"Last-Event-ID": "5"})
    assert (response.status, await response.read()) == (204, b"")
    for nonsense in ("x", "-1", "²", "9" * 30):
        response = await client.get(URL, headers={"Last-Event-ID": nonsense})
        assert len(await all_events(response)) == 5


async def test_a_call_that_comes_late_is_waited_for(client: Client, feeds: CallFeeds):
    asking = asyncio.create_task(client.get(URL))
    await until(lambda: SID in feeds._awaited)
    feeds.record(SID, "call.ended", {}, last=True)
    assert await all_events(await asking) == [(1, "call.ended")]


async def test_two_who_wait_for_the_same_call(client: Client, feeds: CallFeeds, monkeypatch: pytest.MonkeyPatch):
    waits_s = iter([0.05, 0.3])
    known = feeds.known

    async def known_soon(call_sid: str, *, wait_s: float | None = None) -> bool:
        return await known(call_sid, wait_s=next(waits_s) if wait_s is None else wait_s)

    monkeypatch.setattr(feeds, "known", known_soon)
    first = asyncio.create_task(client.get(URL))
    await until(lambda: SID in feeds._awaited)
    second = asyncio.create_task(client.get(URL))
    assert (await first).status == 404
    feeds.record(SID, "call.ended", {}, last=True)
    assert await all_events(await second) == [(1, "call.ended")]


async def test_a_call_that_never_comes_is_404(client: Client, feeds: CallFeeds, monkeypatch: pytest.MonkeyPatch):
    known = feeds.known
    monkeypatch.setattr(feeds, "known", lambda call_sid, *, wait_s=0.02: known(call_sid, wait_s=wait_s))
    response = await client.get(URL)
    assert response.status == 404
    assert response.content_type == "application/problem+json"
    assert (await response.json())["code"] == "unknown_call"
    assert feeds._awaited == {}
    assert (await client.get(f"/api/v1/calls/{'x' * 65}/events")).status == 404


async def test_a_heartbeat_while_nothing_happens(feeds: CallFeeds, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(call_events, "TICK_S", 0.01)
    app = web.Application()
    call_events.add_routes(app, feeds, heartbeat_s=0.02)
    feeds.record(SID, "call.answered", {})
    async with TestClient(TestServer(app)) as client:
        response = await client.get(URL)
        await next_event(response)
        assert [await response.content.readline() for _ in range(4)] == [b": still here\n", b"\n"] * 2
        feeds.record(SID, "call.ended", {}, last=True)
        assert (await next_event(response))["event"] == "call.ended"
        assert await next_event(response) == {}


async def test_subscribers_of_a_call_are_bounded_and_freed(client: Client, feeds: CallFeeds):
    feeds.record(SID, "call.answered", {})
    responses = [await client.get(URL) for _ in range(call_events.SUBSCRIBERS_PER_CALL)]
    refused = await client.get(URL)
    assert refused.status == 429
    assert (await refused.json())["code"] == "too_many_subscribers"
    feeds.record("CA2", "call.ended", {}, last=True)
    assert (await client.get("/api/v1/calls/CA2/events")).status == 200
    feeds.record(SID, "call.ended", {}, last=True)
    for response in responses:
        assert len(await all_events(response)) == 2
    assert (await client.get(URL)).status == 200


@pytest.fixture
async def plain_port(feeds: CallFeeds) -> AsyncIterator[int]:
    """Served as in production: unlike a TestServer, it does not cancel the handler of a client who is gone."""
    app = web.Application()
    call_events.add_routes(app, feeds, heartbeat_s=1e9)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield runner.addresses[0][1]
    await runner.cleanup()


async def test_a_subscriber_who_goes_away_leaves_nothing(
    feeds: CallFeeds, plain_port: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(call_events, "TICK_S", 0.01)
    feeds.record(SID, "call.answered", {})
    async with ClientSession(f"http://127.0.0.1:{plain_port}") as session:
        before = asyncio.all_tasks()
        for _ in range(call_events.SUBSCRIBERS_PER_CALL + 2):
            response = await session.get(URL)
            await next_event(response)
            assert new_waits(before)
            response.close()
            await until(lambda: not new_waits(before))


async def test_a_subscriber_who_does_not_read_is_let_go(
    client: Client, feeds: CallFeeds, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(call_events, "WRITE_LIMIT_S", 0.05)
    for _ in range(60):
        feeds.record(SID, "agent.said", {"pii.text": "x" * 200_000})
    runner = client.server.runner
    assert runner is not None
    with socket.create_connection((client.host, client.port)) as stuck:
        stuck.sendall(f"GET {URL} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        await until(lambda: len(runner.server.connections) == 1)
        await until(lambda: not runner.server.connections)


async def test_shutting_down_ends_streams_and_waits(feeds: CallFeeds):
    app = web.Application()
    call_events.add_routes(app, feeds)
    feeds.record(SID, "call.answered", {})
    client: Client = TestClient(TestServer(app))
    await client.start_server()
    response = await client.get(URL)
    await next_event(response)
    waiting = asyncio.create_task(client.get("/api/v1/calls/CA-unknown/events"))
    await until(lambda: "CA-unknown" in feeds._awaited)
    await app.shutdown()
    assert await next_event(response) == {}
    assert (await waiting).status == 404
    await client.close()
