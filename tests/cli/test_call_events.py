from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import aiohttp
import orjson
import pytest
from aiohttp import web

from ivr_bridge.api import call_events
from ivr_bridge.cli.call_events import PATH, ServerEvent, follow_call
from ivr_bridge.telemetry.call_feed import CallFeeds
from tests.cli.fake_server import KEY, serving
from tests.support.served import served

SID = "CA1"


async def all_events(url: str, key: str = KEY) -> list[ServerEvent]:
    return [event async for event in follow_call(url, SID, key)]


@asynccontextmanager
async def answering(body: bytes) -> AsyncIterator[str]:
    """The address of a server that answers everything with these bytes."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(body)
        return response

    app = web.Application()
    app.router.add_get("/{tail:.*}", answer)
    async with served(app) as url:
        yield url


async def test_what_the_server_tells():
    told: list[tuple[str, dict[str, Any]]] = [("agent.said", {"pii.text": "你好\nthere"}), ("call.ended", {"turns": 1})]
    async with serving(told) as server:
        assert await all_events(server.base) == [
            ServerEvent("agent.said", {"call_sid": SID, "pii.text": "你好\nthere"}),
            ServerEvent("call.ended", {"call_sid": SID, "turns": 1}),
        ]
    assert server.asked == [(SID, f"Bearer {KEY}")]


async def test_it_reads_what_the_product_serves():
    feeds = CallFeeds()
    feeds.record(SID, "call.answered", {"call_sid": SID})
    feeds.record(SID, "tool.answered", {"pii.result": "好" * 100_000})
    feeds.record(SID, "call.ended", {}, last=True)
    app = web.Application()
    call_events.add_routes(app, feeds)
    async with served(app) as url:
        events = await all_events(url)
    assert [event.name for event in events] == ["call.answered", "tool.answered", "call.ended"]
    assert events[1].fields["pii.result"] == "好" * 100_000
    assert call_events.PATH == PATH


async def test_leaving_early_closes_the_connection():
    async with (
        serving([("a.b", {}), ("call.ended", {})]) as server,
        aclosing(follow_call(server.base, SID, KEY)) as events,
    ):
        assert (await anext(events)).name == "a.b"


async def test_a_key_that_is_not_accepted():
    async with serving() as server:
        with pytest.raises(PermissionError, match="key is not accepted"):
            await all_events(server.base, "wrong")
        server.status = 403
        with pytest.raises(PermissionError):
            await all_events(server.base)


@pytest.mark.parametrize("status", [204, 404, 429, 500])
async def test_a_call_that_the_server_does_not_tell_of(status: int):
    async with serving(status=status) as server:
        with pytest.raises(LookupError, match=f"HTTP {status}"):
            await all_events(server.base)


@pytest.mark.parametrize("data", [b"{", b"[1]", b'"x"', b"1", b"null"])
async def test_events_that_cannot_be_read(data: bytes):
    async with answering(b'data: {"event":"a.b"}\n\ndata: ' + data + b"\n\n") as url:
        events = follow_call(url, SID, KEY)
        assert (await anext(events)).name == "a.b"
        with pytest.raises(LookupError, match="cannot be read"):
            await anext(events)


async def test_comments_other_fields_and_half_an_event_are_passed_over():
    body = b": hello\n\nretry: 10\nid: 1\nevent: x\ndata:" + orjson.dumps({"event": "a.b"}) + b"\r\n\r\ndata: {"
    async with answering(body) as url:
        assert await all_events(url) == [ServerEvent("a.b", {})]


async def test_nobody_there():
    async with answering(b"") as url:
        pass
    with pytest.raises(aiohttp.ClientError):
        await all_events(url)
