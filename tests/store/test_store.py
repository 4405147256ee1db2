"""What every store must do, over each of them."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from ivr_bridge.store.memory_store import MemoryStore
from ivr_bridge.store.redis_store import RedisStore
from ivr_bridge.store.resilient_store import ResilientStore
from ivr_bridge.store.store import Store
from ivr_bridge.telemetry.log import Log
from tests.support.valkey_server import ValkeyServer


@pytest.fixture(params=["memory", "redis", "resilient", "degraded"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    store: Store
    if request.param == "memory":
        store = MemoryStore()
    elif request.param == "degraded":
        store = ResilientStore(RedisStore("unix:///nonexistent/socket"), Log())
        await store.open()
    else:
        valkey: ValkeyServer = request.getfixturevalue("valkey")
        store = RedisStore(valkey.url)
        if request.param == "resilient":
            store = ResilientStore(store, Log())
            await store.open()
    yield store
    await store.close()


@pytest.fixture(autouse=True)
def _valkey_before_the_loop_runs(request: pytest.FixtureRequest) -> None:
    request.getfixturevalue("valkey")


async def test_what_was_set_is_got(store: Store):
    assert await store.get("a") is None
    await store.set("a", b"\x00\xff", ttl_s=60)
    await store.set("b", b"", ttl_s=None)
    assert await store.get("a") == b"\x00\xff"
    assert await store.get("b") == b""
    await store.set("a", b"again", ttl_s=60)
    assert await store.get("a") == b"again"


async def test_what_was_taken_is_gone(store: Store):
    await store.set("a", b"1", ttl_s=60)
    assert await store.take("a") == b"1"
    assert await store.take("a") is None
    assert await store.get("a") is None


async def test_of_many_takers_one_wins(store: Store):
    for number in range(10):
        await store.set(f"token{number}", b"1", ttl_s=60)
        taken = await asyncio.gather(*(store.take(f"token{number}") for _ in range(20)))
        assert sorted(taken, key=bool) == [None] * 19 + [b"1"]


async def test_deleted_is_gone_and_deleting_nothing_is_fine(store: Store):
    await store.set("a", b"1", ttl_s=60)
    await store.delete("a")
    await store.delete("a")
    assert await store.get("a") is None
    assert await store.take("a") is None


async def test_time_to_live(store: Store):
    await store.set("a", b"1", ttl_s=0.03)
    await store.set("b", b"1", ttl_s=0.03)
    await store.set("b", b"2", ttl_s=60)
    await asyncio.sleep(0.06)
    assert await store.get("a") is None
    assert await store.take("a") is None
    assert await store.get("b") == b"2"


async def test_keys_like(store: Store):
    for key in ("token:1", "token:2", "tokens", "prompt:*", "prompt:[a]"):
        await store.set(key, b"1", ttl_s=60)
    assert await store.keys_like("token:") == ["token:1", "token:2"]
    assert await store.keys_like("prompt:*") == ["prompt:*"]
    assert await store.keys_like("prompt:[") == ["prompt:[a]"]
    assert len(await store.keys_like("")) == 5


async def test_large_values(store: Store):
    value = bytes(range(256)) * 4000
    await store.set("a", value, ttl_s=None)
    assert await store.get("a") == value
