import asyncio
import signal
from contextlib import suppress

import pytest

from ivr_bridge.errors import ConfigError, StoreError
from ivr_bridge.store.redis_store import RedisStore, address_of
from tests.support.valkey_server import ValkeyServer


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://user:s3cret@store.example:6380/2?socket_timeout=1", "redis://store.example:6380/2"),
        ("rediss://:s3cret@[::1]/0", "rediss://[::1]:6379/0"),
        ("redis://localhost", "redis://localhost:6379"),
        ("unix://user:s3cret@/run/my%20redis.sock?db=1", "unix:///run/my redis.sock"),
    ],
)
def test_an_address_shows_no_secret(url: str, address: str):
    assert address_of(url) == address
    assert RedisStore(url).address == address


@pytest.mark.parametrize(
    "url",
    [
        "redis://:s3cret/x@host:6379",
        "http://s3cret@host",
        "s3cret",
        "redis://",
        "unix://",
        "redis://h?s3cret=1",
        "redis://h?max_connections=s3cret",
    ],
)
def test_a_wrong_url_is_refused_without_being_shown(url: str):
    with pytest.raises(ConfigError, match=r"^REDIS_URL: ") as caught:
        RedisStore(url)
    assert "s3cret" not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


async def test_nobody_there_is_a_store_error():
    store = RedisStore("redis://:s3cret@127.0.0.1:1")
    for operation in (store.get("a"), store.set("a", b"", ttl_s=1), store.take("a"), store.delete("a"), store.ping()):
        with pytest.raises(StoreError, match=r"127\.0\.0\.1:1") as caught:
            await operation
        assert "s3cret" not in str(caught.value)
    with pytest.raises(StoreError):
        await store.keys_like("")
    await store.close()


async def test_a_server_that_hangs_is_a_store_error_and_answers_are_not_mixed_up_after_it(valkey: ValkeyServer):
    store = RedisStore(valkey.url, limit_s=0.05)
    await store.set("a", b"a", ttl_s=None)
    await store.set("b", b"b", ttl_s=None)
    valkey.signal(signal.SIGSTOP)
    with pytest.raises(StoreError):
        await store.get("a")
    valkey.signal(signal.SIGCONT)
    assert await store.get("b") == b"b"
    await store.close()


async def test_a_cancelled_command_does_not_leave_its_answer_to_the_next(valkey: ValkeyServer):
    store = RedisStore(valkey.url)
    for key in "abcdefgh":
        await store.set(key, key.encode() * 1000, ttl_s=None)
    for turns in range(40):
        task = asyncio.create_task(store.get("a"))
        for _ in range(turns % 10):
            await asyncio.sleep(0)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        for key in "bcdefgh":
            assert await store.get(key) == key.encode() * 1000
    await store.close()


async def test_a_cancellation_is_never_swallowed(valkey: ValkeyServer):
    store = RedisStore(valkey.url)
    for turns in range(200):
        task = asyncio.create_task(store.ping())
        for _ in range(turns % 40):
            await asyncio.sleep(0)
        cancelled = task.cancel()
        await asyncio.wait({task})
        assert task.cancelled() == cancelled
    await store.close()


async def test_a_connection_that_the_server_closed_is_made_again_unseen(valkey: ValkeyServer):
    store = RedisStore(valkey.url)
    await store.set("a", b"1", ttl_s=None)
    with suppress(StoreError):
        await store._answer(store._redis.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "no"))
    assert await store.get("a") == b"1"
    await store.close()


async def test_a_store_that_only_reads_does_not_pass_its_ping(valkey: ValkeyServer):
    store = RedisStore(valkey.url)
    await store.ping()
    await store._redis.execute_command("REPLICAOF", "127.0.0.1", "1")
    with pytest.raises(StoreError):
        await store.ping()
    await store.close()


async def test_a_password_is_asked_for_and_never_shown(valkey: ValkeyServer):
    opener = RedisStore(valkey.url)
    await opener._redis.config_set("requirepass", "s3cret")
    await opener.close()
    stranger = RedisStore(valkey.url.replace("unix://", "unix://:wr0ng@"))
    with pytest.raises(StoreError) as caught:
        await stranger.ping()
    assert "wr0ng" not in str(caught.value)
    await stranger.close()
    friend = RedisStore(valkey.url.replace("unix://", "unix://:s3cret@"))
    await friend.ping()
    await friend.close()


async def test_more_at_once_than_connections(valkey: ValkeyServer):
    store = RedisStore(valkey.url)
    await asyncio.gather(*(store.set(f"k{n}", b"%d" % n, ttl_s=60) for n in range(200)))
    assert await asyncio.gather(*(store.get(f"k{n}") for n in range(200))) == [b"%d" % n for n in range(200)]
    await store.close()
