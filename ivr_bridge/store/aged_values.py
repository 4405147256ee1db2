"""Values of the store that know how old they are."""

import struct
import time
from collections.abc import Callable

from ivr_bridge.store.store import Store

_STAMP = struct.Struct(">d")


class AgedValues:
    """Bytes under a key, with their age; several servers that share the store share them.

    Args:
        store: what keeps them; it may lose them at any moment.
        clock: seconds since 1970, the same for all servers; one that was set back makes values new, not old.
    """

    __slots__ = ("_clock", "_store")

    def __init__(self, store: Store, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock

    async def get(self, key: str) -> tuple[bytes, float] | None:
        """The value and its age in seconds, 0 or more; None: there is none."""
        kept = await self._store.get(key)
        if kept is None or len(kept) < _STAMP.size:
            return None
        (put_at,) = _STAMP.unpack_from(kept)
        return kept[_STAMP.size :], max(0.0, self._clock() - put_at)

    async def put(self, key: str, value: bytes, *, kept_s: float) -> None:
        """Keep the value for so long; its age begins at 0."""
        await self._store.set(key, _STAMP.pack(self._clock()) + value, ttl_s=kept_s)

    async def drop(self, key: str) -> None:
        """Forget it; one that is not there is no error."""
        await self._store.delete(key)
