"""Streams: let in by their token, run, and let go of. What the desk's own tests do not see of them."""

import asyncio

import pytest

from ivr_bridge.bridge.call_state import CallState
from ivr_bridge.bridge.streams import CLOSE_CODES
from ivr_bridge.bridge.termination import Termination
from ivr_bridge.elevenlabs.conversation.events import ConversationClosed
from ivr_bridge.errors import RemoteProtocolError
from tests.support.front_desk import House, in_house, sid

NO_AGENT = {"disclosure": False, "start": "bye", "nodes": {"bye": {"kind": "hang_up", "prompt": "goodbye"}}}


@pytest.mark.parametrize(
    ("bad", "ending", "code"),
    [
        (RemoteProtocolError("`start` while started"), Termination.STREAM_FAULTED, 1008),
        (ValueError("what no leg raises"), Termination.BRIDGE_FAULTED, 1011),
    ],
)
def test_a_socket_that_is_not_at_fault_is_closed_with_1000_and_no_other(
    bad: Exception, ending: Termination, code: int
) -> None:
    async def story(house: House) -> None:
        phone = await house.talks()
        phone.caller.says(bad)
        await phone.running
        assert phone.caller.closed == (code, "")
        well = await house.talks(sid(2))
        house.agents[1].says(ConversationClosed(1000, ""))
        await well.running
        assert well.caller.closed == (1000, "")

    assert CLOSE_CODES[ending] == code
    in_house(story)


def test_what_is_written_down_of_a_stream() -> None:
    async def story(house: House) -> None:
        token = (await house.answers()).token
        await asyncio.sleep(0.75)
        phone = house.connect(sid(), token)
        await asyncio.sleep(0.5)
        live = house.desk.calls.find(sid())
        assert live is not None
        assert live.call is not None
        assert live.state is CallState.STREAMING
        assert (live.account.streams, live.account.stream_sid) == (1, phone.caller.started.stream_sid)
        await phone.stops()
        assert live.call is None
        assert (live.state, live.stream_termination) == (CallState.AWAITED, Termination.STREAM_ENDED)

    house = in_house(story)
    [started] = house.events("stream.started")
    assert started["ms_since_webhook"] == pytest.approx(750)
    assert started["call_sid"] == sid()


@pytest.mark.parametrize("how", ["stops", "breaks"])
def test_a_conversation_is_kept_while_twilio_may_come_back(how: str) -> None:
    async def story(house: House) -> None:
        phone = await house.talks()
        await getattr(phone, how)()
        await asyncio.sleep(9.9)
        assert not house.agents[0].closed
        await asyncio.sleep(0.2)
        assert house.agents[0].closed

    house = in_house(story)
    assert [(line["close_code"], line["by"]) for line in house.events("agent.closed")] == [(1000, "bridge")]
    assert house.events("call.ended")[0]["agent_close_code"] == 1000


def test_a_conversation_is_not_kept_while_the_house_drains() -> None:
    async def story(house: House) -> None:
        phone = await house.talks()
        house.desk._streams.draining = True
        await phone.stops()
        await asyncio.sleep(0)
        assert house.agents[0].closed

    in_house(story)


def test_an_agent_that_closed_by_itself_is_not_said_to_be_closed_by_us() -> None:
    async def story(house: House) -> None:
        phone = await house.talks()
        house.agents[0].says(ConversationClosed(1011, "crash"))
        await phone.running

    house = in_house(story)
    assert [(line["close_code"], line["by"]) for line in house.events("agent.closed")] == [(1011, "agent")]


def test_an_agent_that_was_still_on_its_way_is_let_go() -> None:
    async def story(house: House) -> None:
        house.dial_s = 3
        phone = house.connect(sid(), (await house.answers()).token)
        await asyncio.sleep(1)
        await phone.stops()
        await asyncio.sleep(3)
        assert house.agents == [], "the dialling was given up"

    in_house(story)


def test_a_flow_without_an_agent_dials_nobody() -> None:
    async def story(house: House) -> None:
        phone = house.connect(sid(), (await house.answers()).token)
        await phone.running
        assert phone.caller.heard_ms() == pytest.approx(1000)
        assert house.dialled == []
        await house.asks()

    house = in_house(story, flow=NO_AGENT)
    assert house.reasons == ["flow_ended"]


def test_a_half_open_stream_has_heard_no_prompt() -> None:
    async def story(house: House) -> None:
        token = (await house.answers()).token
        phone = house.connect(sid(), token)
        await asyncio.sleep(1)
        house.tasks[1].cancel()
        await phone.running
        live = house.desk.calls.find(sid())
        assert live is not None
        assert live.stream_termination is Termination.STREAM_SILENT
        assert not live.prompt_played, "so Twilio says it"

    in_house(story)


def test_a_cancelled_stream_is_drained_and_leaves_the_call_awaited() -> None:
    async def story(house: House) -> None:
        phone = await house.talks()
        phone.running.cancel()
        await asyncio.wait([phone.running])
        live = house.desk.calls.find(sid())
        assert live is not None
        assert (live.state, live.stream_termination) == (CallState.AWAITED, Termination.DRAINED)

    in_house(story)


def test_one_call_has_one_stream_at_a_time() -> None:
    async def story(house: House) -> None:
        token = (await house.answers()).token
        first = house.connect(sid(), token)
        await asyncio.sleep(1)
        second = house.connect(sid(), token)
        await second.running
        assert second.refused
        assert not first.running.done()
        live = house.desk.calls.find(sid())
        assert live is not None
        assert live.account.streams == 1

    house = in_house(story)
    [refused] = house.events("stream.refused")
    assert (refused["close_code"], refused["call_sid"]) == (1008, sid())
