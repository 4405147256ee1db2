"""The live feed of a call: every event of it, from its first, for whoever subscribes however late.

A feed lives from the call's first event until 60 s after `call.ended`. It holds what was said unmasked, in memory
only, and is read through a door that asks for the API key.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ivr_bridge.telemetry.events import CALL_ANSWERED, CALL_ENDED, CALL_REFUSED, Event

KEPT_AFTER_END_S = 60.0
WAITED_FOR_S = 5.0
EVENTS_KEPT = 2000
"""Per call; after that only the last event is still added, so that `call.ended` is never lost."""

FEEDS_KEPT = 2000


@dataclass(slots=True)
class FeedEvent:
    """One event of one call; `number` counts from 1 and is the `Last-Event-ID`."""

    number: int
    name: str
    fields: Mapping[str, Any]


@dataclass(slots=True)
class _Feed:
    events: list[FeedEvent] = field(default_factory=list)
    ended: bool = False
    changed: asyncio.Event | None = None
    """Made by the first reader, so that a call nobody watches pays nothing for it."""


@dataclass(slots=True)
class _Awaited:
    came: asyncio.Event = field(default_factory=asyncio.Event)
    readers: int = 0


class CallFeeds:
    """All feeds of this process, by `call_sid`.

    Of more than `FEEDS_KEPT` the oldest is forgotten, and its readers come to an end.
    """

    def __init__(self) -> None:
        self._feeds: dict[str, _Feed] = {}
        self._awaited: dict[str, _Awaited] = {}

    def heard(self, event: Event, fields: Mapping[str, Any]) -> None:
        """What the log tells: whatever belongs to a call is added to its feed."""
        if call_sid := fields.get("call_sid"):
            begins = event in (CALL_ANSWERED, CALL_REFUSED)
            self.record(call_sid, event.name, fields, begins=begins, last=event is CALL_ENDED)

    def record(
        self, call_sid: str, name: str, fields: Mapping[str, Any], *, begins: bool = False, last: bool = False
    ) -> None:
        """Add an event; with `last` the feed is complete and goes away 60 s later.

        To a complete feed nothing is added (a late status callback, say), unless the event `begins` a call: then it is
        the same CallSid admitted anew.
        """
        feed = self._feeds.get(call_sid)
        if feed is not None and feed.ended and not begins:
            return
        if feed is None or feed.ended:
            if len(self._feeds) >= FEEDS_KEPT:
                self._forget_oldest()
            feed = self._feeds[call_sid] = _Feed()
            if awaited := self._awaited.pop(call_sid, None):
                awaited.came.set()
        if last or len(feed.events) < EVENTS_KEPT:
            feed.events.append(FeedEvent(len(feed.events) + 1, name, fields))
        if last and not feed.ended:
            feed.ended = True
            asyncio.get_running_loop().call_later(KEPT_AFTER_END_S, self._drop, call_sid, feed)
        if feed.changed is not None:
            feed.changed.set()

    def _forget_oldest(self) -> None:
        feed = self._feeds.pop(next(iter(self._feeds)))
        feed.ended = True
        if feed.changed is not None:
            feed.changed.set()

    def _drop(self, call_sid: str, feed: _Feed) -> None:
        if self._feeds.get(call_sid) is feed:
            del self._feeds[call_sid]

    async def known(self, call_sid: str, *, wait_s: float = WAITED_FOR_S) -> bool:
        """Whether the call has a feed, waiting up to `wait_s` for its first event."""
        if call_sid in self._feeds:
            return True
        awaited = self._awaited.setdefault(call_sid, _Awaited())
        awaited.readers += 1
        try:
            async with asyncio.timeout(wait_s):
                await awaited.came.wait()
        except TimeoutError:
            return awaited.came.is_set()
        finally:
            awaited.readers -= 1
            if not awaited.readers and self._awaited.get(call_sid) is awaited:
                del self._awaited[call_sid]
        return True

    async def follow(self, call_sid: str, *, after: int = 0) -> AsyncIterator[FeedEvent]:
        """The call's events with a number above `after`, old ones first; ends after the last one.

        Call `known` first; an unknown call gives nothing. Cancelling is safe.
        """
        feed = self._feeds.get(call_sid)
        if feed is None:
            return
        at = 0
        while True:
            while at < len(feed.events):
                event = feed.events[at]
                at += 1
                if event.number > after:
                    yield event
            if feed.ended:
                return
            if feed.changed is None:
                feed.changed = asyncio.Event()
            feed.changed.clear()
            await feed.changed.wait()
