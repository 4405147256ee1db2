import asyncio

import pytest

from ivr_bridge.twilio.stream_token import StreamTokens


class DictStore:
    """Keeps what it is given; `take` gives way to other tasks before its atomic step."""

    def __init__(self):
        self.kept: dict[str, bytes] = {}
        self.ttls: list[float] = []
        self.taken: list[str] = []

    async def set(self, key: str, value: bytes, *, ttl_s: float) -> None:
        self.kept[key] = value
        self.ttls.append(ttl_s)

    async def take(self, key: str) -> bytes | None:
        await asyncio.sleep(0)
        self.taken.append(key)
        return self.kept.pop(key, None)


async def test_a_token_is_good_once():
    tokens = StreamTokens(DictStore())
    token = await tokens.mint("CA1", "AC1")
    assert await tokens.redeem(token, "CA1", "AC1")
    assert not await tokens.redeem(token, "CA1", "AC1")


async def test_two_streams_at_once_one_wins():
    tokens = StreamTokens(DictStore())
    token = await tokens.mint("CA1", "AC1")
    won = await asyncio.gather(*(tokens.redeem(token, "CA1", "AC1") for _ in range(5)))
    assert sorted(won) == [False, False, False, False, True]


@pytest.mark.parametrize(("call_sid", "account_sid"), [("CA2", "AC1"), ("CA1", "AC2"), ("", ""), ("CA1A", "C1")])
async def test_with_another_calls_ids_it_is_refused_and_not_used_up(call_sid, account_sid):
    tokens = StreamTokens(DictStore())
    token = await tokens.mint("CA1", "AC1")
    assert not await tokens.redeem(token, call_sid, account_sid)
    assert await tokens.redeem(token, "CA1", "AC1")


@pytest.mark.parametrize("token", ["", "x", "x" * 5000, "\ud800", "\x00"])
async def test_what_was_never_minted(token):
    tokens = StreamTokens(DictStore())
    await tokens.mint("CA1", "AC1")
    assert not await tokens.redeem(token, "CA1", "AC1")


async def test_a_huge_token_costs_the_store_nothing():
    store = DictStore()
    assert not await StreamTokens(store).redeem("x" * 5000, "CA1", "AC1")
    assert store.taken == []


async def test_strength_life_and_what_the_store_learns():
    store = DictStore()
    tokens = StreamTokens(store)
    minted = [await tokens.mint("CA1", "AC1") for _ in range(50)]
    assert len(set(minted)) == 50
    assert all(len(token) * 6 >= 128 for token in minted)
    assert set(store.ttls) == {60.0}
    assert not any(token in key for token in minted for key in store.kept)
    assert not any(b"CA1" in value for value in store.kept.values())
