import asyncio
import itertools
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
import structlog

from ivr_bridge.errors import StoreError
from ivr_bridge.store import resilient_store
from ivr_bridge.store.memory_store import MemoryStore
from ivr_bridge.store.redis_store import RedisStore
from ivr_bridge.store.resilient_store import ResilientStore
from ivr_bridge.telemetry.log import Log
from tests.support.valkey_server import ValkeyServer

Events = list[Any]


class FragileStore(MemoryStore):
    """A remote store that can be made to fail, or to hang; `done` counts what reached it."""

    kind = "fragile"
    address = "nowhere"

    def __init__(self) -> None:
        super().__init__()
        self.broken = False
        self.hangs = False
        self.done: list[str] = []

    async def _travel(self, what: str) -> None:
        await asyncio.sleep(0)
        while self.hangs:
            await (asyncio.sleep(0.001) if what == "ping" else asyncio.Event().wait())
        if self.broken:
            raise StoreError("broken")
        self.done.append(what)

    async def get(self, key: str) -> bytes | None:
        await self._travel(f"get {key}")
        return await super().get(key)

    async def set(self, key: str, value: bytes, *, ttl_s: float | None) -> None:
        await self._travel(f"set {key}")
        await super().set(key, value, ttl_s=ttl_s)

    async def take(self, key: str) -> bytes | None:
        await self._travel(f"take {key}")
        return await super().take(key)

    async def delete(self, key: str) -> None:
        await self._travel(f"delete {key}")
        await super().delete(key)

    async def keys_like(self, prefix: str) -> list[str]:
        await self._travel("keys")
        return await super().keys_like(prefix)

    async def ping(self) -> None:
        await self._travel("ping")


@pytest.fixture
def events() -> Iterator[Events]:
    with structlog.testing.capture_logs() as captured:
        yield captured


@pytest.fixture
async def remote() -> FragileStore:
    return FragileStore()


@pytest.fixture
async def store(remote: FragileStore, events: Events) -> AsyncIterator[ResilientStore]:
    store = ResilientStore(remote, Log(), ping_every_s=0.01)
    await store.open()
    yield store
    await store.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


def names(events: Events) -> list[str]:
    return [event["event"] for event in events]


async def lost(store: ResilientStore, remote: FragileStore) -> None:
    remote.broken = True
    await until(lambda: store.state() == "degraded")


async def back(store: ResilientStore, remote: FragileStore) -> None:
    remote.broken = remote.hangs = False
    await until(lambda: store.state() == "ok")


async def test_each_change_is_logged_once(store: ResilientStore, remote: FragileStore, events: Events):
    assert names(events) == ["store.connected"]
    remote.broken = True
    await asyncio.gather(*(store.get("a") for _ in range(5)))
    assert store.state() == "degraded"
    await asyncio.sleep(0.05)
    await back(store, remote)
    assert names(events) == ["store.connected", "store.degraded", "store.recovered"]
    assert events[1]["store"] == "fragile"
    assert events[1]["error"] == "broken"
    assert events[2]["lost_s"] >= 0


async def test_the_watch_finds_a_loss_without_any_traffic(store: ResilientStore, remote: FragileStore):
    await lost(store, remote)


async def test_what_was_written_before_the_loss_is_there_after_it(store: ResilientStore, remote: FragileStore):
    await store.set("a", b"1", ttl_s=60)
    remote.broken = True
    assert await store.get("a") == b"1"
    assert await store.keys_like("") == ["a"]
    assert await store.take("a") == b"1"
    assert await store.take("a") is None


async def test_while_lost_nothing_waits(store: ResilientStore, remote: FragileStore):
    await lost(store, remote)
    remote.hangs = True
    done = len(remote.done)
    for step in (store.set("a", b"1", ttl_s=60), store.get("a"), store.take("a"), store.delete("a")):
        with pytest.raises(StopIteration):
            step.send(None)
    assert len(remote.done) == done


async def test_a_hanging_store_costs_one_limit_once(
    store: ResilientStore, remote: FragileStore, monkeypatch: pytest.MonkeyPatch
):
    await store.set("a", b"1", ttl_s=60)
    waits: list[float | None] = []
    wait = asyncio.wait

    async def noted(tasks: Any, *, timeout: float | None = None) -> Any:
        waits.append(timeout)
        return await wait(tasks, timeout=timeout)

    monkeypatch.setattr(resilient_store.asyncio, "wait", noted)
    remote.hangs = True
    assert await store.get("a") == b"1"
    assert store.state() == "degraded"
    assert waits == [resilient_store.OP_LIMIT_S, resilient_store.SECOND_LOOK_S]
    assert await store.get("a") == b"1"
    assert len(waits) == 2


async def test_what_changed_meanwhile_reaches_the_store(store: ResilientStore, remote: FragileStore):
    for key in "abc":
        await store.set(key, b"old", ttl_s=60)
    await lost(store, remote)
    await store.set("a", b"new", ttl_s=60)
    assert await store.take("b") == b"old"
    await store.delete("c")
    await store.set("d", b"short", ttl_s=0.001)
    await back(store, remote)
    assert await remote.keys_like("") == ["a"]
    assert await remote.get("a") == b"new"
    entry = remote.entry_now("a")
    assert entry is not None
    assert 59 < (entry[1] or 0) <= 60


async def test_a_store_that_was_emptied_gets_all_of_it_again(store: ResilientStore, remote: FragileStore):
    await store.set("a", b"1", ttl_s=60)
    await store.set("b", b"2", ttl_s=None)
    await store.take("a")
    remote.delete_now("b")
    store.lose(StoreError("died"), emptied=True)
    await back(store, remote)
    assert await remote.keys_like("") == ["b"]


async def test_a_token_of_another_server_is_taken_through_the_store_only(store: ResilientStore, remote: FragileStore):
    remote.set_now("theirs", b"1", ttl_s=60)
    await lost(store, remote)
    assert await store.take("theirs") is None
    await back(store, remote)
    assert await store.take("theirs") == b"1"


async def test_a_token_that_another_server_took_is_gone_here_too(store: ResilientStore, remote: FragileStore):
    await store.set("ours", b"1", ttl_s=60)
    assert await remote.take("ours") == b"1"
    assert await store.take("ours") is None
    await lost(store, remote)
    assert await store.take("ours") is None


async def test_a_token_taken_from_memory_cannot_be_taken_again_from_the_store(
    store: ResilientStore, remote: FragileStore
):
    await store.set("token", b"1", ttl_s=60)
    remote.broken = True
    assert await store.take("token") == b"1"
    remote.broken = False
    while store.state() != "ok":
        assert await store.take("token") is None
        assert await store.get("token") is None
        await asyncio.sleep(0)
    assert await store.take("token") is None
    assert await remote.keys_like("") == []


@pytest.mark.parametrize(("before", "loss", "between"), [*itertools.product(range(4), [True, False], range(4))])
async def test_two_takers_at_the_switch_and_one_wins(
    store: ResilientStore, remote: FragileStore, before: int, loss: bool, between: int
):
    await store.set("token", b"1", ttl_s=60)
    takers = [asyncio.create_task(store.take("token"))]
    for _ in range(before):
        await asyncio.sleep(0)
    remote.broken = loss
    takers.append(asyncio.create_task(store.take("token")))
    for _ in range(between):
        await asyncio.sleep(0)
    remote.broken = not loss
    takers.append(asyncio.create_task(store.take("token")))
    taken = await asyncio.gather(*takers)
    await back(store, remote)
    taken.append(await store.take("token"))
    assert sorted(taken, key=bool) == [None] * 3 + [b"1"]


async def test_a_cancelled_write_still_goes_to_its_end(store: ResilientStore, remote: FragileStore):
    task = asyncio.create_task(store.set("a", b"1", ttl_s=60))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await store.get("a") == b"1"
    await until(lambda: "set a" in remote.done)
    await until(lambda: not store._unsettled)


async def test_what_is_still_on_its_way_is_seen_already(
    store: ResilientStore, remote: FragileStore, monkeypatch: pytest.MonkeyPatch
):
    await store.set("a", b"old", ttl_s=60)
    arrives = asyncio.Event()
    travel = remote._travel

    async def slow(what: str) -> None:
        if what in ("set a", "take a"):
            await arrives.wait()
        await travel(what)

    monkeypatch.setattr(remote, "_travel", slow)
    setting = asyncio.create_task(store.set("a", b"new", ttl_s=60))
    await asyncio.sleep(0)
    assert await store.get("a") == b"new"
    arrives.set()
    await setting
    arrives.clear()
    taking = asyncio.create_task(store.take("a"))
    await asyncio.sleep(0)
    assert await store.get("a") is None
    arrives.set()
    assert await taking == b"new"


async def test_a_command_that_hangs_is_given_up_before_coming_back(store: ResilientStore, remote: FragileStore):
    remote.hangs = True
    await store.set("a", b"1", ttl_s=60)
    assert store.state() == "degraded"
    await back(store, remote)
    assert await remote.get("a") == b"1"


async def test_a_command_that_cannot_be_given_up_does_not_arrive_after_what_came_later(
    store: ResilientStore, remote: FragileStore, monkeypatch: pytest.MonkeyPatch
):
    released = asyncio.Event()
    set_now = remote.set

    async def stubborn(key: str, value: bytes, *, ttl_s: float | None) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await released.wait()
            await set_now(key, value, ttl_s=ttl_s)
            raise

    monkeypatch.setattr(remote, "set", stubborn)
    await store.set("token", b"1", ttl_s=60)
    monkeypatch.setattr(remote, "set", set_now)
    assert await store.take("token") == b"1"
    asyncio.get_running_loop().call_later(0.1, released.set)
    await until(lambda: store.state() == "ok")
    assert released.is_set()
    assert await remote.keys_like("") == []


async def test_settled_keys_are_forgotten(store: ResilientStore, remote: FragileStore):
    for number in range(50):
        await store.set(f"k{number}", b"1", ttl_s=60)
        await store.take(f"k{number}")
    await asyncio.sleep(0)
    assert not store._unsettled
    assert not store._asked
    assert await remote.keys_like("") == []


async def test_a_store_that_is_not_there_at_start_is_used_when_it_comes(remote: FragileStore, events: Events):
    remote.broken = True
    store = ResilientStore(remote, Log(), ping_every_s=0.01)
    await store.open()
    assert store.state() == "degraded"
    await store.set("a", b"1", ttl_s=60)
    await back(store, remote)
    assert await remote.get("a") == b"1"
    assert names(events) == ["store.degraded", "store.recovered"]
    await store.close()


async def test_closing_leaves_no_task(remote: FragileStore, events: Events):
    closed: list[str] = []

    async def on_close() -> None:
        closed.append("closed")

    store = ResilientStore(remote, Log(), on_close=on_close)
    await store.open()
    remote.hangs = True
    asking = asyncio.create_task(store.get("a"))
    await asyncio.sleep(0.01)
    await store.close()
    assert closed == ["closed"]
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_bug_in_a_store_is_no_loss(store: ResilientStore, monkeypatch: pytest.MonkeyPatch):
    async def buggy(_key: str) -> bytes:
        raise ZeroDivisionError

    monkeypatch.setattr(store._remote, "get", buggy)
    with pytest.raises(ZeroDivisionError):
        await store.get("a")
    assert store.state() == "ok"


async def test_a_real_valkey_killed_in_mid_run_and_started_again(valkey: ValkeyServer, events: Events):
    store = ResilientStore(RedisStore(valkey.url), Log(), ping_every_s=0.02)
    await store.open()
    await store.set("before", b"1", ttl_s=60)
    await valkey.kill()
    assert await store.get("before") == b"1"
    await store.set("during", b"2", ttl_s=60)
    await store.set("taken", b"3", ttl_s=60)
    assert await store.take("taken") == b"3"
    assert store.state() == "degraded"
    await valkey.start()
    await until(lambda: store.state() == "ok")
    assert await store.get("during") == b"2"
    assert await store.take("taken") is None
    assert await store.take("during") == b"2"
    assert names(events) == ["store.connected", "store.degraded", "store.recovered"]
    await store.close()


async def test_a_real_valkey_that_hangs_and_goes_on(valkey: ValkeyServer, events: Events):
    store = ResilientStore(RedisStore(valkey.url), Log(), ping_every_s=0.02)
    await store.open()
    await store.set("token", b"1", ttl_s=60)
    valkey.signal(signal.SIGSTOP)
    taken = await asyncio.gather(*(store.take("token") for _ in range(5)))
    assert sorted(taken, key=bool) == [None] * 4 + [b"1"]
    await store.set("new", b"2", ttl_s=60)
    valkey.signal(signal.SIGCONT)
    await until(lambda: store.state() == "ok")
    assert await store.take("token") is None
    other = RedisStore(valkey.url)
    assert await other.keys_like("") in (["new"], ["new", "ping"])
    await other.close()
    await store.close()


async def test_two_servers_on_one_valkey_share_and_one_takes(valkey: ValkeyServer):
    stores = [ResilientStore(RedisStore(valkey.url), Log()) for _ in range(2)]
    await asyncio.gather(*(store.open() for store in stores))
    for number in range(30):
        await stores[number % 2].set(f"t{number}", b"1", ttl_s=60)
        taken = await asyncio.gather(*(store.take(f"t{number}") for store in stores * 3))
        assert sorted(taken, key=bool) == [None] * 5 + [b"1"]
    for store in stores:
        await store.close()
