import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from ivr_bridge.errors import BridgeError, ConfigError
from ivr_bridge.settings import read_settings
from ivr_bridge.store.embedded import EmbeddedValkey
from ivr_bridge.store.memory_store import MemoryStore
from ivr_bridge.store.open_store import open_store
from ivr_bridge.telemetry.log import Log
from tests.support.valkey_server import ValkeyServer


@pytest.fixture
def events() -> Iterator[list[Any]]:
    with structlog.testing.capture_logs() as captured:
        yield captured


async def test_the_store_of_the_url(valkey: ValkeyServer, events: list[Any], tmp_path: Path):
    store = await open_store(read_settings({"REDIS_URL": valkey.url}, var_dir=tmp_path), Log())
    assert (store.kind, store.state()) == ("redis", "ok")
    assert events == [
        {"event": "store.connected", "store": "redis", "address": f"unix://{valkey.socket}", "log_level": "info"}
    ]
    assert [*tmp_path.iterdir()] == []
    await store.close()


async def test_a_store_that_is_away_keeps_no_server_from_starting(events: list[Any]):
    store = await open_store(read_settings({"REDIS_URL": "redis://:s3cret@127.0.0.1:1"}), Log())
    assert (store.kind, store.state()) == ("redis", "degraded")
    assert [event["event"] for event in events] == ["store.degraded"]
    assert "s3cret" not in str(events)
    await store.set("a", b"1", ttl_s=60)
    assert await store.take("a") == b"1"
    await store.close()


async def test_a_wrong_url_does():
    with pytest.raises(ConfigError, match="REDIS_URL"):
        await open_store(read_settings({"REDIS_URL": "memcached://somewhere"}), Log())


async def test_without_a_url_a_valkey_of_our_own(valkey: ValkeyServer, events: list[Any], tmp_path: Path):
    settings = read_settings({}, var_dir=tmp_path)
    tasks = asyncio.all_tasks()
    first = await open_store(settings, Log())
    second = await open_store(settings, Log())
    assert [(store.kind, store.state()) for store in (first, second)] == [("valkey", "ok")] * 2
    connected = [event["address"] for event in events if event["event"] == "store.connected"]
    assert connected == [f"embedded, {tmp_path / 'valkey'}", "embedded, in memory"]
    await first.close()
    await second.close()
    assert asyncio.all_tasks() == tasks


async def test_without_a_wheel_memory(events: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    async def none_here(*_: object) -> None:
        return None

    monkeypatch.setattr(EmbeddedValkey, "start", none_here)
    store = await open_store(read_settings({}, var_dir=tmp_path), Log())
    assert isinstance(store, MemoryStore)
    assert store.state() == "memory"
    assert [event["store"] for event in events] == ["memory"]
    assert "no Valkey for this machine" in events[0]["address"]


async def test_a_valkey_that_cannot_run_is_memory_and_says_why(
    events: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    async def broken(*_: object) -> None:
        raise BridgeError("valkey ended with 3: no such luck")

    monkeypatch.setattr(EmbeddedValkey, "start", broken)
    store = await open_store(read_settings({}, var_dir=tmp_path), Log())
    assert isinstance(store, MemoryStore)
    assert "no such luck" in events[0]["address"]
