"""How many requests go out, at once and in a time, so that the vendor need not refuse any.

The vendor counts what speaks at the same time (text to speech), by plan, and tells the number in the answers to just
these requests: only they share the room that sizes itself by `maximum-concurrent-requests`. All requests share the
sockets, and each key has a rate. Requests are served in the order in which they came.

Source: https://elevenlabs.io/docs/overview/models#concurrency-and-priority
"""

import asyncio
import random
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from aiolimiter import AsyncLimiter

FIRST_SPEAKING = 2
"""Speaking requests at once until the vendor has said how many: what its smallest plan allows."""

MOST_SPEAKING = 1000
"""More than this is no plan's limit but a mistake, and is not believed."""

SOCKETS = 32
"""Requests of any kind at once."""

REQUESTS_PER_S = 100
"""For each key; as many may go at once. The vendor names no number: it keeps a loop of ours from running away."""

LONE_PAUSE_S = 0.5
"""After "too many at once" when none of them is ours: some other program of the account is speaking."""

ROOM_S = 10.0
"""Nobody waits longer than this for one of our own to end; then the vendor is asked again all the same."""

_MAXIMUM = "maximum-concurrent-requests"
_SPEAKING = ("/v1/text-to-speech/", "/v1/text-to-dialogue", "/v1/sound-generation")


class Room:
    """So many at once, where the number may change while some wait."""

    __slots__ = ("_ended", "_waiting", "inside", "size")

    def __init__(self, size: int) -> None:
        self.size = size
        self.inside = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._ended: set[asyncio.Future[None]] = set()

    async def enter(self) -> None:
        """Wait for a place and take it; `leave` gives it back. Cancelling takes none."""
        if self.inside < self.size and not self._waiting:
            self.inside += 1
            return
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self.leave()  # given in the moment of the cancelling
            raise  # a place that was cancelled is passed over by whoever fills

    def leave(self) -> None:
        """Give the place back."""
        self.inside -= 1
        for ended in self._ended:
            if not ended.done():
                ended.set_result(None)
        self._ended.clear()
        self._fill()

    def resize(self, size: int) -> None:
        """From now on so many at once; those inside stay."""
        self.size = size
        self._fill()

    async def one_leaves(self) -> None:
        """Wait until any of those inside has left, or for `LONE_PAUSE_S` when there are none."""
        if self.inside == 0:
            await asyncio.sleep(LONE_PAUSE_S * random.uniform(0.8, 1.2))  # noqa: S311  # spread, no secret
            return
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._ended.add(ended)
        try:
            async with asyncio.timeout(ROOM_S):
                await ended
        except TimeoutError:
            pass
        finally:
            self._ended.discard(ended)

    def _fill(self) -> None:
        while self._waiting and self.inside < self.size:
            place = self._waiting.popleft()
            if not place.done():
                self.inside += 1
                place.set_result(None)


class Limits:
    """Of one client: its sockets, its room to speak, and the rate of each of its keys.

    Args:
        requests_per_s: for each key.
    """

    __slots__ = ("_rates", "_requests_per_s", "_sockets", "speaking")

    def __init__(self, requests_per_s: float = REQUESTS_PER_S) -> None:
        self._requests_per_s = requests_per_s
        self._rates: dict[int, AsyncLimiter] = {}
        self._sockets = Room(SOCKETS)
        self.speaking = Room(FIRST_SPEAKING)

    @asynccontextmanager
    async def turn(self, path: str, key: int) -> AsyncIterator[None]:
        """Wait for this request's turn, and keep its place until the block ends.

        Args:
            path: of the request; says whether it speaks.
            key: position of the key that it is sent with.
        """
        rooms = [self.speaking, self._sockets] if path.startswith(_SPEAKING) else [self._sockets]
        entered: list[Room] = []
        try:
            for room in rooms:
                await room.enter()
                entered.append(room)
            await self._rate(key).acquire()
            yield
        finally:
            for room in entered:
                room.leave()

    def learn(self, headers: Mapping[str, str]) -> None:
        """Size the room to speak by an answer of the vendor's; most answers say nothing of it."""
        text = headers.get(_MAXIMUM, "")
        if text.isascii() and text.isdecimal() and 1 <= int(text[:9]) <= MOST_SPEAKING:
            self.speaking.resize(int(text))

    def leave_loop(self) -> None:
        """Forget what belongs to the event loop, when nothing is under way; the next one may be another."""
        self._rates.clear()

    def _rate(self, key: int) -> AsyncLimiter:
        if key not in self._rates:
            self._rates[key] = AsyncLimiter(self._requests_per_s, 1.0)
        return self._rates[key]
