import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr_bridge.errors import LocalProtocolError
from ivr_bridge.store.memory_store import MemoryStore


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


async def test_expires_at_its_time_and_not_before():
    clock = Clock()
    store = MemoryStore(clock=clock)
    await store.set("a", b"1", ttl_s=10)
    clock.now += 9.99
    assert await store.get("a") == b"1"
    assert store.entry_now("a") == (b"1", pytest.approx(0.01))
    clock.now += 0.01
    assert await store.get("a") is None
    assert len(store) == 0


async def test_the_entry_used_longest_ago_makes_room():
    store = MemoryStore(max_entries=2)
    await store.set("a", b"1", ttl_s=60)
    await store.set("b", b"1", ttl_s=60)
    await store.get("a")
    await store.set("c", b"1", ttl_s=60)
    assert store.keys_now() == ["a", "c"]


async def test_bytes_are_bounded_too():
    store = MemoryStore(max_bytes=10)
    await store.set("a", b"x" * 6, ttl_s=60)
    await store.set("b", b"x" * 5, ttl_s=None)
    assert store.keys_now() == ["b"]
    await store.set("b", b"x" * 11, ttl_s=None)
    assert store.keys_now() == []
    await store.set("c", b"x" * 10, ttl_s=None)
    assert store.keys_now() == ["c"]


async def test_what_takes_and_overwrites_leave_behind_is_bounded():
    store = MemoryStore()
    for number in range(2000):
        await store.set("same", b"1", ttl_s=3600)
        await store.set(f"token{number}", b"1", ttl_s=3600)
        await store.take(f"token{number}")
    assert store.keys_now() == ["same"]
    assert len(store._expiries) < 100


@pytest.mark.parametrize("ttl_s", [0, -1, float("nan")])
async def test_a_time_to_live_is_above_zero(ttl_s: float):
    with pytest.raises(LocalProtocolError, match="ttl_s"):
        await MemoryStore().set("a", b"1", ttl_s=ttl_s)


async def test_closing_forgets():
    store = MemoryStore()
    await store.set("a", b"1", ttl_s=60)
    await store.close()
    assert len(store) == 0


KEYS = st.sampled_from("abcdef")
STEPS = st.one_of(
    st.tuples(st.just("set"), KEYS, st.binary(max_size=4), st.sampled_from([None, 1.0, 3.0])),
    st.tuples(st.just("take"), KEYS),
    st.tuples(st.just("delete"), KEYS),
    st.tuples(st.just("wait"), st.sampled_from([0.5, 1.0, 2.0])),
)


@given(st.lists(STEPS, max_size=60))
def test_it_is_a_dict_with_expiry(steps: list[tuple]):  # type: ignore[type-arg]
    clock = Clock()
    store = MemoryStore(clock=clock)
    model: dict[str, tuple[bytes, float]] = {}
    for step in steps:
        match step:
            case ("set", key, value, ttl_s):
                store.set_now(key, value, ttl_s=ttl_s)
                model[key] = (value, clock.now + (ttl_s or 1e9))
            case ("take" | "delete", key):
                store.delete_now(key)
                model.pop(key, None)
            case ("wait", seconds):
                clock.now += seconds
        model = {key: entry for key, entry in model.items() if entry[1] > clock.now}
        assert {key: store.get_now(key) for key in store.keys_now()} == {key: entry[0] for key, entry in model.items()}
        assert store._bytes == sum(len(entry[0]) for entry in model.values())
