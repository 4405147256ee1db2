"""Streams that are announced: one token each, an agent meanwhile, and everything taken back when nobody comes."""

import asyncio
from typing import Any

from ivr_bridge.bridge.call_state import CallState
from ivr_bridge.bridge.live_calls import LiveCall
from ivr_bridge.bridge.termination import Termination
from tests.support.front_desk import House, in_house, sid

BYE: dict[str, Any] = {"disclosure": False, "start": "bye", "nodes": {"bye": {"kind": "hang_up", "prompt": "goodbye"}}}


async def admitted(house: House) -> LiveCall:
    await house.answers()
    live = house.desk.calls.find(sid())
    assert live is not None
    return live


def tokens(house: House) -> list[str]:
    return [key for key in house.store.keys_now() if key.startswith("stream_token:")]


def test_twenty_who_ask_at_once_get_one_token() -> None:
    async def story(house: House) -> None:
        live = await admitted(house)
        live.answer = None
        answers = await asyncio.gather(*(house.desk._tickets.ticket(live) for _ in range(20)))
        assert len(set(answers)) == 1
        assert len(tokens(house)) == 2, "the first one's, and this"

    in_house(story, slow_store=True)


def test_an_agent_is_dialled_only_where_the_flow_may_want_one() -> None:
    async def story(house: House) -> None:
        await admitted(house)
        await asyncio.sleep(1)

    assert len(in_house(story).dialled) == 1
    assert in_house(story, flow=BYE).dialled == []


def test_the_end_of_a_call_that_never_had_its_stream_takes_everything_back() -> None:
    async def story(house: House) -> None:
        live = await admitted(house)
        assert len(tokens(house)) == 1
        house.desk._tickets.call_over(live, Termination.CALLER_HUNG_UP)
        await asyncio.sleep(1)
        assert (tokens(house), live.state, len(house.desk.calls)) == ([], CallState.OVER, 0)
        assert [agent.closed for agent in house.agents] == [True] * len(house.agents)

    assert in_house(story).reasons == ["caller_hung_up"]


def test_a_call_that_was_never_let_in_has_an_account_all_the_same() -> None:
    async def story(house: House) -> None:
        live = await admitted(house)
        house.desk._tickets.refused(live, Termination.DRAINED)
        assert len(house.desk.calls) == 0
        house.desk._tickets.refused(live, Termination.BUSY)

    assert in_house(story).reasons == ["drained", "busy"]


def test_a_stream_that_does_not_come_is_asked_for_again_so_often_and_no_more() -> None:
    async def story(house: House) -> None:
        live = await admitted(house)
        first = live.answer
        assert first is not None
        seen = {first.token}
        for _ in range(2):
            again = await house.desk._tickets.retry(live)
            assert again is not None
            seen.add(again.token)
            assert len(tokens(house)) == 1, "the one before is void"
        assert len(seen) == 3
        assert await house.desk._tickets.retry(live) is None

    house = in_house(story, stream_retries=2)
    assert [line["attempt"] for line in house.events("stream.retried")] == [1, 2]
