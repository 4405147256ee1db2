"""Keys that the carrier presses: the stream is left, Twilio presses them, and the same conversation goes on."""

import asyncio

from ivr_bridge.elevenlabs.conversation.events import AgentResponded, ConversationClosed
from ivr_bridge.twilio.call_desk import Answer, ConnectStream, HangUp
from tests.support.front_desk import House, in_house, incoming, sid
from tests.support.menu_calls import calls_tool, told


async def leaves(house: House, keys: str = "12w3#") -> Answer:
    """A call whose agent has the carrier press keys; what Twilio is told when the stream is over."""
    phone = await house.talks()
    house.agents[0].says(AgentResponded("I will key that in.", 1))
    house.agents[0].speaks(500)
    await calls_tool(house.agents[0], "send_digits", digits=keys, mode="carrier")
    await phone.running
    return await house.desk.stream_ended(incoming(idempotency_token="once"))


def test_twilio_presses_the_keys_and_the_same_conversation_goes_on() -> None:
    async def story(house: House) -> None:
        answer = await leaves(house)
        assert isinstance(answer, ConnectStream)
        assert answer.digits == "12w3#"
        assert await house.desk.stream_ended(incoming(idempotency_token="once")) == answer, "Twilio repeats it"
        phone = house.connect(sid(), answer.token)
        await asyncio.sleep(1)
        assert len(house.agents) == 1
        assert not house.agents[0].closed
        assert told(house.agents[0], "contextual_update")[-1] == "The caller is back on the line."
        house.agents[0].says(ConversationClosed(1000, ""))
        await phone.running
        assert await house.asks() == HangUp()

    house = in_house(story)
    assert house.reasons == ["agent_hung_up"]
    [ended] = house.events("call.ended")
    assert ended["streams"] == 2


def test_the_next_stream_has_no_keys_any_more() -> None:
    async def story(house: House) -> None:
        answer = await leaves(house)
        assert isinstance(answer, ConnectStream)
        phone = house.connect(sid(), answer.token)
        await asyncio.sleep(1)
        await phone.breaks()
        again = await house.asks()
        assert isinstance(again, ConnectStream)
        assert again.digits == ""

    in_house(story)


def test_a_caller_who_hangs_up_meanwhile_is_gone() -> None:
    async def story(house: House) -> None:
        await leaves(house)
        house.desk.status_changed(sid(), "completed", 5)
        assert len(house.desk.calls) == 0

    assert in_house(story).reasons == ["caller_hung_up"]


def test_keys_that_another_worker_knows_are_not_taken_for_pressed() -> None:
    async def story(house: House) -> None:
        phone = await house.talks()
        await calls_tool(house.agents[0], "send_digits", digits="1", mode="carrier")
        await phone.running
        house.desk.calls.find(sid()).journey.digits_due = ""  # type: ignore[union-attr]
        answer = await house.asks()
        assert isinstance(answer, ConnectStream)
        house.connect(sid(), answer.token)
        await asyncio.sleep(1)
        last = told(house.agents[0], "contextual_update")[-1]
        assert last == "The caller is back on the line. The keys could not be pressed."

    in_house(story)
