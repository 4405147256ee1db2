"""Answers that may be given once more: models, voices, an agent's configuration.

What is kept is found again by host, account and request; no key stands in it. An answer older than asked for is still
good when the vendor does not answer: a caller who waits is better served by yesterday's voice than by an error.
"""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

from ivr_bridge.elevenlabs.rest.request import Request, spelled

KEPT_S = 24 * 3600.0
"""How old an answer may be that stands in for a vendor who fails."""

MEMORY_BYTES = 16 * 1024 * 1024


class AnswerCache(Protocol):
    """Bytes under a key, with their age; everything in it may be lost at any moment. It never raises."""

    async def get(self, key: str) -> tuple[bytes, float] | None:
        """The value and its age in seconds; None: there is none."""
        ...

    async def put(self, key: str, value: bytes, *, kept_s: float) -> None:
        """Keep the value for so long; it is new again."""
        ...

    async def drop(self, key: str) -> None:
        """Forget it; one that is not there is no error."""
        ...


class MemoryAnswers:
    """Answers of this process, the least lately used of them dropped when there are too many bytes.

    Args:
        max_bytes: of all values.
        clock: seconds, monotonic.
    """

    __slots__ = ("_bytes", "_clock", "_max_bytes", "_values")

    def __init__(self, max_bytes: int = MEMORY_BYTES, clock: Callable[[], float] = time.monotonic) -> None:
        self._max_bytes = max_bytes
        self._clock = clock
        self._bytes = 0
        self._values: OrderedDict[str, tuple[bytes, float, float]] = OrderedDict()

    async def get(self, key: str) -> tuple[bytes, float] | None:
        """The value and its age."""
        found = self._values.get(key)
        if found is None:
            return None
        value, put_at, until = found
        if self._clock() >= until:
            await self.drop(key)
            return None
        self._values.move_to_end(key)
        return value, self._clock() - put_at

    async def put(self, key: str, value: bytes, *, kept_s: float) -> None:
        """Keep it; one larger than all the room is not kept."""
        await self.drop(key)
        if len(value) > self._max_bytes:
            return
        now = self._clock()
        self._values[key] = (value, now, now + kept_s)
        self._bytes += len(value)
        while self._bytes > self._max_bytes:
            _, (oldest, _, _) = self._values.popitem(last=False)
            self._bytes -= len(oldest)

    async def drop(self, key: str) -> None:
        """Forget it."""
        if found := self._values.pop(key, None):
            self._bytes -= len(found[0])


def cache_key(base_url: str, account: str, request: Request) -> str:
    """The name of an answer: the same for the same question to the same account."""
    question = [base_url, account, request.method, request.path, *(f"{k}={v}" for k, v in spelled(request.query))]
    return "elevenlabs:answer:" + hashlib.sha256("\n".join(question).encode()).hexdigest()[:32]
