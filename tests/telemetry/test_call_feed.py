import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from ivr_bridge.telemetry import call_feed
from ivr_bridge.telemetry.call_feed import EVENTS_KEPT, CallFeeds, FeedEvent
from tests.support.virtual_time import run_virtual

SID = "CA1"


async def names(events: AsyncIterator[FeedEvent]) -> list[tuple[int, str]]:
    return [(event.number, event.name) async for event in events]


def now() -> float:
    return asyncio.get_running_loop().time()


def record(feeds: CallFeeds, *names_: str, sid: str = SID, **options: Any) -> None:
    for name in names_:
        feeds.record(sid, name, {"of": name}, last=name == "call.ended", **options)


def test_however_late_one_subscribes_one_gets_all():
    async def play() -> None:
        feeds = CallFeeds()
        record(feeds, "call.answered", "agent.said")
        early = asyncio.create_task(names(feeds.follow(SID)))
        await asyncio.sleep(100)
        record(feeds, "caller.said")
        middle = asyncio.create_task(names(feeds.follow(SID)))
        await asyncio.sleep(100)
        record(feeds, "call.ended")
        late = await names(feeds.follow(SID))
        assert late == [(1, "call.answered"), (2, "agent.said"), (3, "caller.said"), (4, "call.ended")]
        assert await early == await middle == late

    run_virtual(play())


def test_an_event_is_there_as_it_happens():
    async def play() -> None:
        feeds = CallFeeds()
        record(feeds, "call.answered")
        events = feeds.follow(SID)
        first = await anext(events)
        assert (first.number, first.name, first.fields) == (1, "call.answered", {"of": "call.answered"})
        coming = asyncio.ensure_future(anext(events))
        await asyncio.sleep(3600)
        assert not coming.done()
        record(feeds, "agent.said")
        before = now()
        assert (await coming).name == "agent.said"
        assert now() == before
        record(feeds, "call.ended")
        assert [event.name async for event in events] == ["call.ended"]

    run_virtual(play())


def test_on_from_the_last_event_id():
    async def play() -> None:
        feeds = CallFeeds()
        record(feeds, "a.b", "c.d", "call.ended")
        assert await names(feeds.follow(SID, after=1)) == [(2, "c.d"), (3, "call.ended")]
        assert await names(feeds.follow(SID, after=3)) == []
        assert await names(feeds.follow(SID, after=99)) == []
        assert await names(feeds.follow("CA-other")) == []

    run_virtual(play())


def test_kept_for_60_s_after_the_end():
    async def play() -> None:
        feeds = CallFeeds()
        record(feeds, "call.answered")
        await asyncio.sleep(3600)
        assert await feeds.known(SID, wait_s=0), "a live call is kept, however long it is"
        record(feeds, "call.ended")
        await asyncio.sleep(59.9)
        assert await names(feeds.follow(SID)) == [(1, "call.answered"), (2, "call.ended")]
        await asyncio.sleep(0.2)
        assert not await feeds.known(SID, wait_s=0)
        assert await names(feeds.follow(SID)) == []

    run_virtual(play())


def test_nothing_is_added_after_the_end():
    async def play() -> None:
        feeds = CallFeeds()
        record(feeds, "call.answered", "call.ended", "call.status_changed", "call.ended")
        assert await names(feeds.follow(SID)) == [(1, "call.answered"), (2, "call.ended")]

    run_virtual(play())


def test_a_call_that_begins_anew_keeps_its_own_60_s():
    async def play() -> None:
        feeds = CallFeeds()
        record(feeds, "call.answered", "call.ended")
        await asyncio.sleep(50)
        record(feeds, "call.answered", begins=True)
        record(feeds, "agent.said", "call.ended")
        await asyncio.sleep(30)
        assert await names(feeds.follow(SID)) == [(1, "call.answered"), (2, "agent.said"), (3, "call.ended")]
        await asyncio.sleep(31)
        assert not await feeds.known(SID, wait_s=0)

    run_virtual(play())


def test_an_unknown_call_is_waited_for_5_s():
    async def play() -> None:
        feeds = CallFeeds()
        begun = now()
        assert await feeds.known(SID) is False
        assert now() - begun == pytest.approx(5)
        waiting = asyncio.create_task(feeds.known(SID))
        await asyncio.sleep(4.9)
        record(feeds, "call.answered")
        assert await waiting is True
        assert now() - begun == pytest.approx(9.9)
        assert feeds._awaited == {}

    run_virtual(play())


def test_one_who_gives_up_takes_nothing_from_another_who_waits():
    async def play() -> None:
        feeds = CallFeeds()
        first = asyncio.create_task(feeds.known(SID, wait_s=1))
        cancelled = asyncio.create_task(feeds.known(SID))
        second = asyncio.create_task(feeds.known(SID, wait_s=5))
        await asyncio.sleep(0.5)
        cancelled.cancel()
        assert await first is False
        begun = now()
        asyncio.get_running_loop().call_later(1, record, feeds, "call.answered")
        assert await second is True
        assert now() - begun == pytest.approx(1), "woken, not found at its own time limit"
        assert feeds._awaited == {}

    run_virtual(play())


def test_a_call_has_a_bounded_number_of_events_and_always_its_end():
    async def play() -> None:
        feeds = CallFeeds()
        for _ in range(EVENTS_KEPT + 50):
            record(feeds, "caller.keyed")
        record(feeds, "call.ended")
        kept = await names(feeds.follow(SID))
        assert len(kept) == EVENTS_KEPT + 1
        assert kept[-1] == (EVENTS_KEPT + 1, "call.ended")

    run_virtual(play())


def test_feeds_are_bounded_and_a_forgotten_ones_readers_end(monkeypatch: pytest.MonkeyPatch):
    async def play() -> None:
        monkeypatch.setattr(call_feed, "FEEDS_KEPT", 3)
        feeds = CallFeeds()
        for number in range(3):
            record(feeds, "call.answered", sid=f"CA{number}")
        reading = asyncio.create_task(names(feeds.follow("CA0")))
        await asyncio.sleep(1)
        record(feeds, "call.answered", sid="CA3")
        async with asyncio.timeout(1):
            assert await reading == [(1, "call.answered")]
        known = [await feeds.known(f"CA{number}", wait_s=0) for number in range(4)]
        assert known == [False, True, True, True]

    run_virtual(play())


def test_readers_that_are_cancelled_leave_the_feed_to_the_others():
    async def play() -> None:
        feeds = CallFeeds()
        record(feeds, "call.answered")
        one, other = (asyncio.create_task(names(feeds.follow(SID))) for _ in range(2))
        await asyncio.sleep(1)
        one.cancel()
        record(feeds, "call.ended")
        assert await other == [(1, "call.answered"), (2, "call.ended")]

    run_virtual(play())
