"""Values that know how old they are."""

from ivr_bridge.store.aged_values import AgedValues
from ivr_bridge.store.memory_store import MemoryStore


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


async def test_a_value_comes_back_with_its_age_and_for_its_time() -> None:
    clock = Clock()
    store = MemoryStore(clock=clock)
    values = AgedValues(store, clock)
    assert await values.get("a") is None
    await values.put("a", b"one", kept_s=10)
    clock.now += 4.5
    assert await values.get("a") == (b"one", 4.5)
    assert await AgedValues(store, clock).get("a") == (b"one", 4.5), "another server's"
    clock.now += 6
    assert await values.get("a") is None


async def test_what_is_dropped_is_gone_and_an_empty_value_is_one() -> None:
    clock = Clock()
    values = AgedValues(MemoryStore(clock=clock), clock)
    await values.put("a", b"", kept_s=10)
    assert await values.get("a") == (b"", 0)
    await values.drop("a")
    await values.drop("a")
    assert await values.get("a") is None


async def test_a_clock_that_was_set_back_and_bytes_of_somebody_else_do_no_harm() -> None:
    clock = Clock()
    store = MemoryStore(clock=clock)
    values = AgedValues(store, clock)
    await store.set("b", b"short", ttl_s=None)
    assert await values.get("b") is None
    await values.put("a", b"one", kept_s=100)
    clock.now -= 50
    assert await values.get("a") == (b"one", 0)
