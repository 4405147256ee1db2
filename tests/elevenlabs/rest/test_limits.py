"""How many requests go out; on virtual time."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from ivr_bridge.elevenlabs.rest.limits import (
    FIRST_SPEAKING,
    LONE_PAUSE_S,
    MOST_SPEAKING,
    ROOM_S,
    SOCKETS,
    Limits,
    Room,
)
from tests.support.virtual_time import run_virtual

SPEAK = "/v1/text-to-speech/voice_1/stream"
READ = "/v1/convai/agents"


def played(story: Callable[[], Awaitable[None]]) -> None:
    async def scene() -> None:
        await story()

    run_virtual(scene())


def now() -> float:
    return asyncio.get_running_loop().time()


class Crowd:
    """Requests of one second each, and how many of them were out at once."""

    def __init__(self, limits: Limits, path: str) -> None:
        self.limits, self.path = limits, path
        self.out = self.most = 0
        self.order: list[int] = []

    async def request(self, number: int = 0, *, key: int = 0) -> None:
        async with self.limits.turn(self.path, key):
            self.order.append(number)
            self.out += 1
            self.most = max(self.most, self.out)
            await asyncio.sleep(1)
            self.out -= 1

    async def rush(self, count: int) -> None:
        await asyncio.gather(*(self.request(number) for number in range(count)))


@pytest.mark.parametrize(("path", "most"), [(SPEAK, FIRST_SPEAKING), (READ, SOCKETS)])
def test_so_many_at_once_in_the_order_they_came(path: str, most: int):
    async def story() -> None:
        crowd = Crowd(Limits(), path)
        await crowd.rush(3 * most + 1)
        assert crowd.most == most
        assert crowd.order == list(range(3 * most + 1))

    played(story)


def test_what_speaks_keeps_nothing_else_waiting():
    async def story() -> None:
        limits = Limits()
        speaking = asyncio.ensure_future(Crowd(limits, SPEAK).rush(50))
        await asyncio.sleep(0.1)
        began_at = now()
        await Crowd(limits, READ).request()
        assert now() == began_at + 1
        speaking.cancel()
        await asyncio.wait([speaking])

    played(story)


def test_the_room_to_speak_sizes_itself_by_the_vendors_word():
    async def story() -> None:
        limits = Limits()
        crowd = Crowd(limits, SPEAK)
        rush = asyncio.ensure_future(crowd.rush(20))
        await asyncio.sleep(0.5)
        assert crowd.out == FIRST_SPEAKING
        limits.learn({"maximum-concurrent-requests": "5"})
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert crowd.out == 5, "those who wait come in at once"
        limits.learn({"maximum-concurrent-requests": "1"})
        await asyncio.sleep(2)
        assert crowd.out == 1, "those inside stay until they end"
        limits.learn({"maximum-concurrent-requests": "20"})
        await rush

    played(story)


@pytest.mark.parametrize("text", ["", "0", "-1", "many", "1.5", "9" * 30, str(MOST_SPEAKING + 1), "²"])
def test_a_size_that_cannot_be_is_not_believed(text: str):
    limits = Limits()
    limits.learn({"maximum-concurrent-requests": text})
    limits.learn({})
    assert limits.speaking.size == FIRST_SPEAKING


def test_each_key_has_its_rate():
    async def story() -> None:
        limits = Limits(requests_per_s=8)
        crowd = Crowd(limits, READ)
        began_at = now()
        await asyncio.gather(*(crowd.request() for _ in range(24)))
        assert now() - began_at == 3, "eight at once, then eight a second; the last one takes a second"
        began_at = now()
        await asyncio.gather(*(crowd.request(key=1) for _ in range(8)))
        assert now() - began_at == 1

    played(story)


def test_rates_go_with_their_loop_and_the_vendors_word_stays():
    limits = Limits()

    async def story() -> None:
        await Crowd(limits, READ).request()
        limits.learn({"maximum-concurrent-requests": "7"})
        limits.leave_loop()

    played(story)
    played(story)
    assert limits.speaking.size == 7


def test_who_is_cancelled_takes_no_place():
    async def story() -> None:
        room = Room(1)
        await room.enter()
        waiting = [asyncio.ensure_future(room.enter()) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        room.leave()  # gives the place to the second
        waiting[1].cancel()  # in the very moment
        await asyncio.wait(waiting)
        assert [one.cancelled() for one in waiting] == [True, True, False]
        assert room.inside == 1
        room.leave()
        assert room.inside == 0
        await asyncio.wait_for(room.enter(), 1)

    played(story)


def test_a_turn_that_fails_gives_its_places_back():
    async def story() -> None:
        limits = Limits()
        for _ in range(2 * SOCKETS):
            with pytest.raises(KeyError):
                async with limits.turn(SPEAK, 0):
                    raise KeyError
        assert limits.speaking.inside == 0
        await Crowd(limits, SPEAK).request()

    played(story)


def test_waiting_for_room_ends_when_one_of_our_own_ends():
    async def story() -> None:
        room = Room(2)
        await room.enter()
        began_at = now()
        waiting = [asyncio.ensure_future(room.one_leaves()) for _ in range(2)]
        await asyncio.sleep(3)
        assert not any(one.done() for one in waiting)
        room.leave()
        await asyncio.wait(waiting)
        assert now() == began_at + 3

    played(story)


def test_waiting_for_room_is_short_when_nothing_of_ours_is_out_and_never_endless():
    async def story() -> None:
        room = Room(2)
        began_at = now()
        await room.one_leaves()
        assert now() - began_at == pytest.approx(LONE_PAUSE_S, rel=0.21)
        await room.enter()
        began_at = now()
        await room.one_leaves()
        assert now() - began_at == pytest.approx(ROOM_S)

    played(story)
