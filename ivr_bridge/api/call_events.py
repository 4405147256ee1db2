"""The events of one call, live, as server-sent events: how `ivr-bridge call` learns what was said.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from typing import Any, TypeVar

import orjson
from aiohttp import hdrs, web

from ivr_bridge.api.problems import problem
from ivr_bridge.telemetry.call_feed import CallFeeds, FeedEvent

PATH = "/api/v1/calls/{call_sid}/events"

HEARTBEAT_S = 15.0
TICK_S = 1.0
"""How soon a subscriber who went away is noticed while nothing happens in the call."""

WRITE_LIMIT_S = 10.0
"""A subscriber who does not read for so long is let go; nothing is kept for it."""

SUBSCRIBERS_PER_CALL = 8
SUBSCRIBERS = 200
CALL_SID_CHARS = 64

HEADERS = {
    hdrs.CONTENT_TYPE: "text/event-stream; charset=utf-8",
    hdrs.CACHE_CONTROL: "no-store",
    "X-Accel-Buffering": "no",
}

Answer = TypeVar("Answer")


def add_routes(app: web.Application, feeds: CallFeeds, *, heartbeat_s: float = HEARTBEAT_S) -> None:
    """Add `GET /api/v1/calls/{call_sid}/events`; when `app` shuts down its streams end at once."""
    streams = _EventStreams(feeds, heartbeat_s)
    app.router.add_get(PATH, streams.serve, allow_head=False)
    app.on_shutdown.append(streams.shut_down)


class _EventStreams:
    """All open streams of this process."""

    def __init__(self, feeds: CallFeeds, heartbeat_s: float) -> None:
        self._feeds = feeds
        self._heartbeat_s = heartbeat_s
        self._subscribers: Counter[str] = Counter()
        self._waits: set[asyncio.Task[Any]] = set()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Every event of the call from its first (or after `Last-Event-ID`) to `call.ended`.

        Each is `id: N`, `event: NAME` and `data: {"event": NAME, ...fields}`. A comment comes every 15 s. 404 if the
        call is not known within 5 s; 429 if too many listen; 204 if nothing comes after `Last-Event-ID` any more.
        """
        call_sid = request.match_info["call_sid"]
        if len(call_sid) > CALL_SID_CHARS:
            return problem(404, "no such call", code="unknown_call")
        if self._subscribers[call_sid] >= SUBSCRIBERS_PER_CALL or self._subscribers.total() >= SUBSCRIBERS:
            return problem(429, "too many listen already", code="too_many_subscribers", headers={"Retry-After": "10"})
        self._subscribers[call_sid] += 1
        try:
            if not await self._known(call_sid):
                return problem(404, "no such call, now or within the last 60 s", code="unknown_call")
            return await self._stream(request, call_sid)
        finally:
            self._subscribers[call_sid] -= 1
            if not self._subscribers[call_sid]:
                del self._subscribers[call_sid]

    async def shut_down(self, _app: web.Application) -> None:
        """End every stream, and every wait for a call."""
        for task in self._waits:
            task.cancel()

    async def _known(self, call_sid: str) -> bool:
        known = self._start(self._feeds.known(call_sid))
        try:
            await asyncio.wait({known})
        finally:
            await _end(known)
        # Of two who wait for one call the feed wakes both only if neither has given up before.
        return not known.cancelled() and (known.result() or await self._feeds.known(call_sid, wait_s=0))

    async def _stream(self, request: web.Request, call_sid: str) -> web.StreamResponse:
        response = web.StreamResponse(headers=HEADERS)
        events = self._feeds.follow(call_sid, after=_last_event_id(request))
        coming = self._start(_next_of(events))
        quiet_s = 0.0
        try:
            await asyncio.wait({coming}, timeout=0)
            if coming.done() and not coming.cancelled() and coming.result() is None:
                return web.Response(status=204)  # so that a browser does not ask again and again
            await response.prepare(request)
            while request.transport is not None and not request.transport.is_closing():
                await asyncio.wait({coming}, timeout=TICK_S)
                if not coming.done():
                    quiet_s += TICK_S
                    if quiet_s >= self._heartbeat_s:
                        quiet_s = 0.0
                        await _write(response, b": still here\n\n")
                    continue
                event = None if coming.cancelled() else coming.result()
                if event is None:
                    break
                quiet_s = 0.0
                coming = self._start(_next_of(events))
                await _write(response, _lines(event))
        except ConnectionError:
            pass  # the subscriber is gone
        except TimeoutError:
            if request.transport is not None:
                request.transport.abort()  # closing politely would wait for it to read
        finally:
            await _end(coming)
            if isinstance(events, AsyncGenerator):
                await events.aclose()
        return response

    def _start(self, wait: Coroutine[Any, Any, Answer]) -> asyncio.Task[Answer]:
        task = asyncio.create_task(wait)
        self._waits.add(task)
        task.add_done_callback(self._waits.discard)
        return task


async def _next_of(events: AsyncIterator[FeedEvent]) -> FeedEvent | None:
    return await anext(events, None)


async def _end(task: asyncio.Task[Any]) -> None:
    task.cancel()
    await asyncio.wait({task})


async def _write(response: web.StreamResponse, text: bytes) -> None:
    async with asyncio.timeout(WRITE_LIMIT_S):
        await response.write(text)


def _lines(event: FeedEvent) -> bytes:
    data = orjson.dumps({"event": event.name, **event.fields}, default=str)
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (event.number, event.name.encode(), data)


def _last_event_id(request: web.Request) -> int:
    """What the client has seen; one that is no number of ours counts as nothing seen."""
    text = request.headers.get("Last-Event-ID", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
