"""A store that nobody waits for: Redis or Valkey while it answers, this process's memory while it does not.

Every write goes to a bounded mirror in memory as well. The first operation that fails, or has no answer within
`OP_LIMIT_S`, is answered from the mirror and marks the store as lost; from then on nothing waits, until the watch (one
task, a ping a second) finds it answering fast again.

A key whose last change the remote store has not confirmed is *unsettled*: for it the mirror is the truth, so that a
token taken from memory stays taken while its copy still lies in Redis. On return the watch first brings the unsettled
keys to the remote store (sets or deletes them), and only then is it asked again.

    ok -> lost       an operation or a ping failed or was late; the child process that was the store ended
    lost -> ok       it answers fast, and no key is unsettled
"""

import asyncio
import contextlib
import random
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol, TypeVar

from ivr_bridge.errors import StoreError
from ivr_bridge.store.memory_store import MemoryStore
from ivr_bridge.store.store import Store, StoreState
from ivr_bridge.telemetry.events import STORE_CONNECTED, STORE_DEGRADED, STORE_RECOVERED
from ivr_bridge.telemetry.log import Log

OP_LIMIT_S = 0.04
"""What an operation may cost a webhook, once, when the store dies; a store that is well needs some 0.3 ms."""

SECOND_LOOK_S = 0.005
"""After the limit, so that an answer that came while our own event loop was busy still counts."""

PING_EVERY_S = 1.0
FAST_PING_S = 0.1
"""A lost store counts as back when a ping (two commands) takes no longer on a connection that is open."""

OPENED_AT_ONCE = 3
"""Connections made before calls need them."""

MIRROR_BYTES = 16 * 1024 * 1024
UNSETTLED_KEPT = 10_000

Answer = TypeVar("Answer")


class RemoteStore(Store, Protocol):
    """What `RedisStore` can do beyond a `Store`."""

    @property
    def address(self) -> str:
        """Where it is, without secrets."""
        ...

    async def ping(self) -> None:
        """Raises `StoreError` when it cannot be written to and taken from."""
        ...


class ResilientStore:
    """See `Store`; never raises `StoreError`. Call `open` first and `close` last.

    Args:
        remote: asked while it answers.
        log: gets `store.connected`, `store.degraded` and `store.recovered`, each once for each change.
        on_close: awaited at the very end, such as the stop of an embedded Valkey.
        ping_every_s: how often the watch looks (+- 20 %).
    """

    def __init__(
        self,
        remote: RemoteStore,
        log: Log,
        *,
        on_close: Callable[[], Awaitable[None]] | None = None,
        ping_every_s: float = PING_EVERY_S,
    ) -> None:
        self._remote = remote
        self._log = log
        self._on_close = on_close
        self._ping_every_s = ping_every_s
        self._mirror = MemoryStore(max_bytes=MIRROR_BYTES)
        self._unsettled: dict[str, object] = {}
        self._asked: set[asyncio.Task[Any]] = set()
        self._lost_at: float | None = None
        self._watching: asyncio.Task[None] | None = None

    @property
    def kind(self) -> str:
        """The remote store's."""
        return self._remote.kind

    def state(self) -> StoreState:
        """`ok`, or `degraded` while memory stands in."""
        return "ok" if self._lost_at is None else "degraded"

    async def open(self, *, address: str | None = None) -> None:
        """Connect, within some 2.5 s; a store that is not there is logged, and comes when it does.

        `address` is what the log says, when it is not the remote's own.
        """
        try:
            await self._try()
        except StoreError as error:
            self.lose(error)
        else:
            self._log.emit(STORE_CONNECTED, store=self.kind, address=address or self._remote.address)
        self._watching = asyncio.create_task(self._watch(), name="store: watch")

    def lose(self, error: StoreError, *, emptied: bool = False) -> None:
        """Go on from memory. With `emptied` the remote store has forgotten, and gets the whole mirror on return."""
        if emptied:
            for key in self._mirror.keys_now():
                self._unsettle(key)
        if self._lost_at is None:
            self._lost_at = time.monotonic()
            self._log.emit(STORE_DEGRADED, store=self.kind, error=str(error))

    async def get(self, key: str) -> bytes | None:
        """See `Store.get`."""
        if self._lost_at is None and key not in self._unsettled:
            with contextlib.suppress(StoreError):
                return await self._ask(self._remote.get(key))
        return self._mirror.get_now(key)

    async def set(self, key: str, value: bytes, *, ttl_s: float | None) -> None:
        """See `Store.set`."""
        self._mirror.set_now(key, value, ttl_s=ttl_s)
        self._unsettle(key)
        if self._lost_at is None:
            with contextlib.suppress(StoreError):
                await self._ask(self._remote.set(key, value, ttl_s=ttl_s), settles=key)

    async def take(self, key: str) -> bytes | None:
        """See `Store.take`.

        A key of this process is claimed in the mirror before the remote store is asked. So of two who ask here at
        most one goes on, whatever becomes of the answer; among processes, the remote store decides.
        """
        entry = self._mirror.entry_now(key)
        unsettled = key in self._unsettled
        if entry is None:
            if unsettled or self._lost_at is not None:
                return None
            with contextlib.suppress(StoreError):
                return await self._ask(self._remote.take(key))
            return None
        value = entry[0]
        self._mirror.delete_now(key)
        self._unsettle(key)
        if self._lost_at is None:
            with contextlib.suppress(StoreError):
                taken = await self._ask(self._remote.take(key), settles=key)
                return value if unsettled else taken
        return value

    async def delete(self, key: str) -> None:
        """See `Store.delete`."""
        self._mirror.delete_now(key)
        self._unsettle(key)
        if self._lost_at is None:
            with contextlib.suppress(StoreError):
                await self._ask(self._remote.delete(key), settles=key)

    async def keys_like(self, prefix: str) -> list[str]:
        """See `Store.keys_like`; takes as long as it takes."""
        if self._lost_at is None:
            try:
                return await self._remote.keys_like(prefix)
            except StoreError as error:
                self.lose(error)
        return await self._mirror.keys_like(prefix)

    async def close(self) -> None:
        """See `Store.close`."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait({self._watching})
        for task in self._asked:
            task.cancel()
        if self._asked:
            await asyncio.wait(self._asked)
        await self._remote.close()
        if self._on_close is not None:
            await self._on_close()

    def _unsettle(self, key: str) -> None:
        self._unsettled.pop(key, None)
        self._unsettled[key] = object()
        if len(self._unsettled) > UNSETTLED_KEPT:
            del self._unsettled[next(iter(self._unsettled))]

    async def _ask(self, command: Coroutine[Any, Any, Answer], *, settles: str | None = None) -> Answer:
        """The remote store's answer, in time; else the store is lost and StoreError is raised.

        When the caller is cancelled the command still goes to its end, and settles its key.
        """
        change = None if settles is None else self._unsettled.get(settles)
        task = asyncio.create_task(command)
        self._asked.add(task)

        def answered(task: "asyncio.Task[Answer]") -> None:
            self._asked.discard(task)
            if task.cancelled():
                return
            error = task.exception()
            if isinstance(error, StoreError):
                self.lose(error)
            elif error is None and settles is not None and self._unsettled.get(settles) is change:
                self._unsettled.pop(settles, None)

        task.add_done_callback(answered)
        for limit_s in (OP_LIMIT_S, SECOND_LOOK_S):
            await asyncio.wait({task}, timeout=limit_s)
            if task.done():
                return task.result()
        task.cancel()
        error = StoreError(f"{self._remote.address}: no answer within {OP_LIMIT_S * 1000:g} ms")
        self.lose(error)
        raise error

    async def _try(self) -> None:
        """Raises StoreError unless the remote store answers fast."""
        answers = await asyncio.gather(*(self._remote.ping() for _ in range(OPENED_AT_ONCE)), return_exceptions=True)
        for answer in answers:
            if answer is not None:
                raise answer
        try:
            async with asyncio.timeout(FAST_PING_S):
                await self._remote.ping()
        except TimeoutError as error:
            raise StoreError(f"{self._remote.address}: answers too slowly") from error

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._ping_every_s * random.uniform(0.8, 1.2))  # noqa: S311  not a secret
            try:
                if self._lost_at is None:
                    await self._remote.ping()
                else:
                    await self._come_back(self._lost_at)
            except StoreError as error:
                self.lose(error)

    async def _come_back(self, lost_at: float) -> None:
        """Bring what changed meanwhile to the remote store, then ask it again.

        Raises:
            StoreError: it is still not usable.
        """
        await self._try()
        if self._asked:
            # A command of before the loss must not arrive after what is written now.
            await asyncio.wait(self._asked)
        while self._unsettled:
            key, change = next(iter(self._unsettled.items()))
            entry = self._mirror.entry_now(key)
            if entry is None:
                await self._remote.delete(key)
            else:
                await self._remote.set(key, entry[0], ttl_s=entry[1])
            if self._unsettled.get(key) is change:
                del self._unsettled[key]
        self._lost_at = None
        self._log.emit(STORE_RECOVERED, store=self.kind, lost_s=time.monotonic() - lost_at)
