import asyncio

import pytest

from ivr_bridge.elevenlabs.inbox import MAX_QUEUED_BYTES, MAX_QUEUED_MESSAGES, Inbox, WebSocketClosed
from ivr_bridge.errors import LocalProtocolError


def _inbox() -> tuple[Inbox[str], list[str]]:
    asked: list[str] = []
    return Inbox(lambda: asked.append("pause"), lambda: asked.append("resume")), asked


async def test_messages_come_in_order_and_the_end_after_them():
    inbox, _ = _inbox()
    inbox.put("a", 1)
    inbox.put("b", 1)
    inbox.close(1011, "broken")
    inbox.close(1006, "later")
    assert [await inbox.get(), await inbox.get()] == ["a", "b"]
    for _ in range(2):
        with pytest.raises(WebSocketClosed) as closed:
            await inbox.get()
        assert (closed.value.close_code, closed.value.reason) == (1011, "broken")


async def test_waiting_is_ended_by_a_message_and_by_the_end():
    inbox, _ = _inbox()
    waiting = asyncio.ensure_future(inbox.get())
    await asyncio.sleep(0)
    inbox.put("a", 1)
    assert await waiting == "a"
    waiting = asyncio.ensure_future(inbox.get())
    await asyncio.sleep(0)
    inbox.close(1000, "")
    with pytest.raises(WebSocketClosed):
        await waiting


async def test_cancelling_loses_nothing_even_when_the_message_came_in_the_same_moment():
    inbox, _ = _inbox()
    waiting = asyncio.ensure_future(inbox.get())
    await asyncio.sleep(0)
    inbox.put("a", 1)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await inbox.get() == "a"


async def test_two_receivers_are_a_bug_of_ours():
    inbox, _ = _inbox()
    waiting = asyncio.ensure_future(inbox.get())
    await asyncio.sleep(0)
    with pytest.raises(LocalProtocolError):
        await inbox.get()
    waiting.cancel()


@pytest.mark.parametrize(("count", "n_bytes"), [(MAX_QUEUED_MESSAGES, 1), (4, MAX_QUEUED_BYTES // 4)])
async def test_the_network_pauses_at_the_bound_and_goes_on_at_half(count: int, n_bytes: int):
    inbox, asked = _inbox()
    for _ in range(count - 1):
        inbox.put("x", n_bytes)
    assert asked == []
    inbox.put("x", n_bytes)
    inbox.put("x", n_bytes)
    assert asked == ["pause"]
    received = 0
    while not asked[1:]:
        await inbox.get()
        received += 1
    assert received == count // 2 + 1
    assert asked == ["pause", "resume"]


async def test_clearing_lets_the_network_go_on():
    inbox, asked = _inbox()
    inbox.put("x", MAX_QUEUED_BYTES)
    inbox.clear()
    assert asked == ["pause", "resume"]
    assert not inbox.closed
