"""What the desk does for a stream that asks: for its own call, and without making it wait."""

import asyncio

import pytest

from ivr_bridge.bridge.agent_order import AgentOrder
from ivr_bridge.bridge.call_needs import DeskHands
from ivr_bridge.bridge.desk_hands import HandsForCall, close_agent
from ivr_bridge.bridge.live_calls import LiveCall
from ivr_bridge.flows.moves import PromiseCallback
from ivr_bridge.twilio.call_desk import IncomingCall
from tests.support.front_desk import House, in_house, sid
from tests.support.legs import FakeAgent


async def admitted(house: House, call_sid: str = sid()) -> tuple[LiveCall, HandsForCall]:
    await house.answers(call_sid)
    live = house.desk.calls.find(call_sid)
    assert live is not None
    return live, HandsForCall(live, house.desk._needs.switchboard, house.desk._in_background)


def test_they_speak_for_their_own_call() -> None:
    async def story(house: House) -> None:
        for call_sid in (sid(1), sid(2)):
            live, made = await admitted(house, call_sid)
            hands: DeskHands = made
            assert hands.info().call_sid == call_sid
            assert hands.ladder() is live.ladder()
            assert hands.order() == live.order
            assert not hands.greets(live.order)
            found = hands.prompt("sorry", "en")
            assert found is not None
            assert found.name == "sorry"

    in_house(story)


def test_an_agent_is_dialled_at_once_and_let_go_of_without_a_wait() -> None:
    async def story(house: House) -> None:
        live, hands = await admitted(house)
        await asyncio.sleep(0.5)
        house.dialled.clear()
        kept, dropped = hands.dial(AgentOrder()), hands.dial(AgentOrder())
        await asyncio.sleep(0.5)
        assert house.dialled == [live.call_sid] * 2
        (leg, _), agents = await kept.claim(), house.agents[-2:]
        assert leg is agents[0]
        hands.discard(dropped)
        assert not agents[1].closed
        await asyncio.sleep(0.01)
        assert [agent.closed for agent in agents] == [False, True]

    house = in_house(story)
    assert house.events("agent.unclaimed")[0]["reason"] == "another one is tried"


@pytest.mark.parametrize("by_us", [True, False])
def test_who_closed_is_told_only_when_it_was_us(by_us: bool) -> None:
    agent = FakeAgent()

    async def story(house: House) -> None:
        live, hands = await admitted(house)
        hands.dismiss(agent, by_us=by_us)
        await asyncio.sleep(0)
        assert agent.closed
        assert live.account.agent_close_code == (1000 if by_us else None)

    house = in_house(story)
    assert [line["by"] for line in house.events("agent.closed")] == (["bridge"] if by_us else [])


def test_a_leg_that_is_closed_is_told_of_before_it_is() -> None:
    agent = FakeAgent()

    async def story(house: House) -> None:
        live, _ = await admitted(house)
        await close_agent(live, agent, by_us=True)
        assert agent.closed
        assert live.account.agent_close_code == 1000

    in_house(story)


def test_the_vendors_route_is_asked_for_by_the_switchboard() -> None:
    async def story(house: House) -> None:
        house.vendors_twiml = "<Response><Dial/></Response>"
        _, hands = await admitted(house)
        assert await hands.register(AgentOrder()) == house.vendors_twiml

    in_house(story)


def test_a_promise_to_call_back_is_the_switchboards_to_keep() -> None:
    class Taker:
        async def promise(self, call: IncomingCall, number: str, flow: str, language: str) -> bool:
            return (call.call_sid, number, flow, language) == (sid(), "+15550100", "main", "en")

    async def story(house: House) -> None:
        _, hands = await admitted(house)
        asked = PromiseCallback("+15550100", "main")
        assert not await hands.promise_callback(asked), "nobody is there who would keep it"
        house.desk.take_callbacks(Taker(), None)
        assert await hands.promise_callback(asked)

    in_house(story)
