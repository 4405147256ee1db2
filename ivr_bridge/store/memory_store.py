"""A store in this process's own memory: what stands in for Redis, and the whole store where there is none."""

import heapq
import math
import time
from collections import OrderedDict
from collections.abc import Callable

from ivr_bridge.errors import LocalProtocolError
from ivr_bridge.store.store import StoreState

MAX_ENTRIES = 10_000
MAX_BYTES = 64 * 1024 * 1024


class MemoryStore:
    """Keys with a time to live, bounded in number and bytes; what was used longest ago goes first.

    Every change happens without an `await` in between, so that `take` has one winner. The `*_now` methods are the same
    without a coroutine around them.

    Args:
        max_entries: keys kept at most.
        max_bytes: bytes of values kept at most; a single value above it is not kept at all.
        clock: seconds, monotonic.
    """

    kind = "memory"

    def __init__(
        self,
        *,
        max_entries: int = MAX_ENTRIES,
        max_bytes: int = MAX_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._clock = clock
        self._entries: OrderedDict[str, tuple[bytes, float]] = OrderedDict()
        self._expiries: list[tuple[float, str]] = []
        self._bytes = 0

    def __len__(self) -> int:
        self._drop_expired()
        return len(self._entries)

    def state(self) -> StoreState:
        """Always `memory`."""
        return "memory"

    async def get(self, key: str) -> bytes | None:
        """See `Store.get`."""
        return self.get_now(key)

    async def set(self, key: str, value: bytes, *, ttl_s: float | None) -> None:
        """See `Store.set`."""
        self.set_now(key, value, ttl_s=ttl_s)

    async def take(self, key: str) -> bytes | None:
        """See `Store.take`."""
        value = self.get_now(key)
        self.delete_now(key)
        return value

    async def delete(self, key: str) -> None:
        """See `Store.delete`."""
        self.delete_now(key)

    async def keys_like(self, prefix: str) -> list[str]:
        """See `Store.keys_like`."""
        return sorted(key for key in self.keys_now() if key.startswith(prefix))

    async def close(self) -> None:
        """Forget everything."""
        self._entries.clear()
        self._expiries.clear()
        self._bytes = 0

    def keys_now(self) -> list[str]:
        """All keys, the one used longest ago first."""
        self._drop_expired()
        return list(self._entries)

    def get_now(self, key: str) -> bytes | None:
        """The value; being asked for makes it young again."""
        entry = self.entry_now(key)
        if entry is None:
            return None
        self._entries.move_to_end(key)
        return entry[0]

    def entry_now(self, key: str) -> tuple[bytes, float | None] | None:
        """The value and the seconds that it still has (None: no end); None when there is none."""
        self._drop_expired()
        entry = self._entries.get(key)
        if entry is None:
            return None
        value, expires_at = entry
        return value, None if expires_at == math.inf else max(expires_at - self._clock(), 0.001)

    def set_now(self, key: str, value: bytes, *, ttl_s: float | None) -> None:
        """Keep the value, and drop what no longer fits.

        Raises:
            LocalProtocolError: `ttl_s` is not above 0.
        """
        if ttl_s is not None and not ttl_s > 0:
            raise LocalProtocolError(f"ttl_s must be above 0 or None, not {ttl_s}")
        self._drop_expired()
        self.delete_now(key)
        if len(value) > self._max_bytes:
            return
        expires_at = math.inf if ttl_s is None else self._clock() + ttl_s
        self._entries[key] = (value, expires_at)
        self._bytes += len(value)
        if ttl_s is not None:
            heapq.heappush(self._expiries, (expires_at, key))
        while len(self._entries) > self._max_entries or self._bytes > self._max_bytes:
            self.delete_now(next(iter(self._entries)))

    def delete_now(self, key: str) -> None:
        """Forget the key."""
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._bytes -= len(entry[0])

    def _drop_expired(self) -> None:
        now = self._clock()
        while self._expiries and self._expiries[0][0] <= now:
            expires_at, key = heapq.heappop(self._expiries)
            entry = self._entries.get(key)
            if entry is not None and entry[1] == expires_at:
                self.delete_now(key)
        if len(self._expiries) > 2 * len(self._entries) + 64:
            # Keys that were overwritten or taken leave their old expiry behind.
            self._expiries = [(at, key) for key, (_, at) in self._entries.items() if at != math.inf]
            heapq.heapify(self._expiries)
