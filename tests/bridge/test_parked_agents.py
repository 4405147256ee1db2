"""Agents dialled before their stream: claimed once, or closed; nothing is forgotten."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from ivr_bridge.bridge.parked_agents import KEPT_AUDIO_CHARS, PARKED_S, ParkedAgent, ParkedAgents
from ivr_bridge.elevenlabs.conversation.events import AgentAudio, AgentResponded, ConversationClosed
from ivr_bridge.errors import AgentRefused
from ivr_bridge.telemetry.log import Log
from tests.support.legs import FakeAgent
from tests.support.virtual_time import run_virtual


class Vendor:
    """Dials one agent; can be slow, can fail, and says whether it was cancelled."""

    def __init__(self, *, dial_s: float = 0.1, error: Exception | None = None) -> None:
        self.agent = FakeAgent()
        self.dial_s = dial_s
        self.error = error
        self.dialled = self.cancelled = 0

    async def dial(self) -> FakeAgent:
        self.dialled += 1
        try:
            await asyncio.sleep(self.dial_s)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.error is not None:
            raise self.error
        return self.agent


def play(story: Callable[[], Awaitable[None]]) -> list[Any]:
    async def scene() -> None:
        await story()

    with capture_logs() as logs:
        run_virtual(scene())
    return logs


def test_who_claims_gets_the_leg_and_all_it_said_in_order() -> None:
    async def story() -> None:
        vendor = Vendor()
        parked = ParkedAgent(vendor.dial, Log())
        vendor.agent.says(AgentResponded("hello", 1))
        vendor.agent.speaks(600)
        await asyncio.sleep(1)
        leg, said = await parked.claim()
        assert leg is vendor.agent
        assert [type(event) for event in said] == [AgentResponded, AgentAudio, AgentAudio, AgentAudio]
        vendor.agent.says(AgentResponded("more", 2))
        assert await leg.receive() == [AgentResponded("more", 2)]

    assert play(story) == []


def test_what_is_said_in_the_moment_of_the_claim_is_not_lost() -> None:
    async def story() -> None:
        vendor = Vendor()
        parked = ParkedAgent(vendor.dial, Log())
        await asyncio.sleep(1)
        vendor.agent.says(AgentResponded("one", 1), AgentResponded("two", 2))
        leg, said = await parked.claim()
        heard = [*said]
        while len(heard) < 2:
            heard += await leg.receive()
        assert [event.event_id for event in heard if isinstance(event, AgentResponded)] == [1, 2]

    play(story)


def test_a_claim_waits_for_an_agent_that_is_still_being_dialled() -> None:
    async def story() -> None:
        vendor = Vendor(dial_s=3)
        parked = ParkedAgent(vendor.dial, Log())
        assert not parked.failed
        assert (await parked.claim())[0] is vendor.agent

    play(story)


def test_a_claim_tells_why_there_is_no_agent() -> None:
    async def story() -> None:
        parked = ParkedAgent(Vendor(error=AgentRefused("no such agent")).dial, Log())
        await asyncio.sleep(1)
        assert parked.failed
        with pytest.raises(AgentRefused, match="no such agent"):
            await parked.claim()
        await parked.discard("gone")

    assert play(story) == []


def test_a_claim_that_is_cancelled_leaves_the_agent_to_be_discarded() -> None:
    async def story() -> None:
        vendor = Vendor(dial_s=3)
        parked = ParkedAgent(vendor.dial, Log())
        claim = asyncio.ensure_future(parked.claim())
        await asyncio.sleep(1)
        claim.cancel()
        await asyncio.wait([claim])
        assert vendor.cancelled == 0
        await asyncio.sleep(3)
        await parked.discard("gone")
        assert vendor.agent.closed

    assert [line["reason"] for line in play(story)] == ["gone"]


def test_the_end_of_a_parked_conversation_is_kept_for_who_claims() -> None:
    async def story() -> None:
        vendor = Vendor()
        parked = ParkedAgent(vendor.dial, Log())
        vendor.agent.says(ConversationClosed(1008, "override"))
        await asyncio.sleep(1)
        assert (await parked.claim())[1] == [ConversationClosed(1008, "override")]

    play(story)


def test_a_parked_agent_that_floods_is_kept_within_bounds() -> None:
    async def story() -> None:
        vendor = Vendor()
        parked = ParkedAgent(vendor.dial, Log())
        for _ in range(12):
            vendor.agent.says(AgentAudio("/" * (KEPT_AUDIO_CHARS // 10), 1))
        vendor.agent.says(AgentResponded("still here", 1))
        await asyncio.sleep(1)
        said = (await parked.claim())[1]
        assert sum(isinstance(event, AgentAudio) for event in said) == 10
        assert said[-1] == AgentResponded("still here", 1)

    play(story)


@pytest.mark.parametrize(("after_s", "opened"), [(0, False), (0.05, False), (1, True)])
def test_discarding_is_safe_at_any_time_and_more_than_once(after_s: float, opened: bool) -> None:
    async def story() -> None:
        vendor = Vendor()
        parked = ParkedAgent(vendor.dial, Log())
        await asyncio.sleep(after_s)
        await asyncio.gather(parked.discard("first"), parked.discard("second"))
        await parked.discard("third")
        await asyncio.sleep(1)
        assert vendor.agent.closed is opened

    logs = play(story)
    assert len(logs) == opened
    for line in logs:
        assert (line["event"], line["conversation_id"], line["open_ms"]) == ("agent.unclaimed", "conv_1", 900)


def test_one_agent_for_each_call_and_no_more_than_there_is_room_for() -> None:
    async def story() -> None:
        parked, vendors = ParkedAgents(2), [Vendor() for _ in range(4)]
        log = Log()
        assert parked.park("CA1", vendors[0].dial, log)
        assert not parked.park("CA1", vendors[1].dial, log)
        assert parked.park("CA2", vendors[2].dial, log)
        assert not parked.park("CA3", vendors[3].dial, log)
        await asyncio.sleep(1)
        assert [vendor.dialled for vendor in vendors] == [1, 0, 1, 0]
        assert len(parked) == 2
        claimed = parked.claim("CA1")
        assert claimed is not None
        assert (await claimed.claim())[0] is vendors[0].agent
        assert parked.claim("CA1") is None
        assert parked.park("CA3", vendors[3].dial, log)
        await parked.close()
        assert len(parked) == 0
        assert [vendor.agent.closed for vendor in vendors] == [False, False, True, False]
        assert parked.unclaimed == 2

    assert [line["reason"] for line in play(story)] == ["shutdown"]


def test_what_nobody_claims_in_time_is_closed_and_what_was_claimed_is_not() -> None:
    async def story() -> None:
        parked, left, taken = ParkedAgents(2), Vendor(), Vendor()
        parked.park("CA1", left.dial, Log())
        parked.park("CA2", taken.dial, Log())
        claimed = parked.claim("CA2")
        assert claimed is not None
        await claimed.claim()
        await asyncio.sleep(PARKED_S - 0.2)
        assert not left.agent.closed
        await asyncio.sleep(0.3)
        assert left.agent.closed
        assert not taken.agent.closed
        assert (len(parked), parked.unclaimed) == (0, 1)
        await parked.close()

    assert [(line["reason"], line["open_ms"]) for line in play(story)] == [("expired", (PARKED_S - 0.1) * 1000)]


def test_an_agent_that_is_slower_than_the_time_is_cancelled() -> None:
    async def story() -> None:
        parked, vendor = ParkedAgents(1), Vendor(dial_s=60)
        parked.park("CA1", vendor.dial, Log())
        parked.discard("CA2", "nobody parked for it")
        await asyncio.sleep(PARKED_S + 0.1)
        assert vendor.cancelled == 1
        assert len(parked) == 0
        await parked.close()

    assert play(story) == []
