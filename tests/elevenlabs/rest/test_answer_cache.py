"""Answers that may be given once more."""

import pytest

from ivr_bridge.elevenlabs.rest.answer_cache import MemoryAnswers, cache_key
from ivr_bridge.elevenlabs.rest.request import Request


class Clock:
    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def test_a_value_knows_its_age_and_goes_when_its_time_is_over(clock: Clock):
    answers = MemoryAnswers(clock=clock)
    assert await answers.get("a") is None
    await answers.put("a", b"one", kept_s=10)
    clock.now += 9
    assert await answers.get("a") == (b"one", 9)
    await answers.put("a", b"two", kept_s=10)
    assert await answers.get("a") == (b"two", 0), "new again"
    clock.now += 10
    assert await answers.get("a") is None


async def test_what_is_dropped_is_gone(clock: Clock):
    answers = MemoryAnswers(clock=clock)
    await answers.put("a", b"one", kept_s=10)
    await answers.drop("a")
    await answers.drop("a")
    assert await answers.get("a") is None


async def test_bytes_are_bounded_and_the_least_lately_used_goes_first(clock: Clock):
    answers = MemoryAnswers(max_bytes=10, clock=clock)
    await answers.put("a", b"1234", kept_s=10)
    await answers.put("b", b"1234", kept_s=10)
    await answers.get("a")
    await answers.put("c", b"12", kept_s=10)
    assert await answers.get("b") is not None
    await answers.get("a")
    await answers.put("d", b"1", kept_s=10)
    assert [key for key in "abcd" if await answers.get(key)] == ["a", "b", "d"]
    await answers.put("a", b"x" * 11, kept_s=10)
    assert await answers.get("a") is None, "too large for all the room, and the older one would be wrong"
    for n in range(100):
        await answers.put("b", bytes(10 if n % 2 else 3), kept_s=10)
    assert await answers.get("b") == (bytes(10), 0)


def test_a_key_names_host_account_and_question():
    def key(
        base_url: str = "https://a.example", account: str = "acc", path: str = "/v1/x", query: str | None = None
    ) -> str:
        return cache_key(base_url, account, Request("GET", path, {"q": query}))

    keys = [key(), key("https://b.example"), key(account="other"), key(path="/v1/y"), key(query="z")]
    assert len(set(keys)) == 5
    assert key() == key()
    assert all(name.startswith("elevenlabs:answer:") and "acc" not in name for name in keys)
