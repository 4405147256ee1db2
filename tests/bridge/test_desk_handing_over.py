"""A call that leaves its stream: to a person, to the recorder, to the vendor; and what it comes back to."""

import asyncio
from typing import Any

import pytest

from ivr_bridge.bridge.call_state import CallState
from ivr_bridge.elevenlabs.conversation.events import AgentResponded, CallerTranscribed
from ivr_bridge.errors import AgentUnreachable
from ivr_bridge.twilio.call_desk import (
    Answer,
    ConnectStream,
    DialNumber,
    HangUp,
    Recording,
    RecordMessage,
    SayAndHangUp,
    VendorsTwiml,
)
from ivr_bridge.twilio.stream_events import DtmfPressed
from tests.support.front_desk import House, Phone, in_house, incoming, sid
from tests.support.sounds import RowsRefused

NODES: dict[str, Any] = {
    "agent": {"kind": "agent"},
    "menu": {"kind": "menu", "prompt": "main_menu", "options": {"talk": {"key": 1, "says": "talk", "next": "agent"}},
             "otherwise": "bye"},
    "desk": {"kind": "transfer", "number": "+15550100", "ring_s": 20, "failed": "message"},
    "message": {"kind": "voicemail", "max_s": 60, "record": "twilio"},
    "bye": {"kind": "hang_up", "prompt": "goodbye"},
}  # fmt: skip


def flow(**nodes: Any) -> dict[str, Any]:
    return {"disclosure": False, "person": "desk", "start": "agent", "nodes": {**NODES, **nodes}}


FLOW = flow()
BACK_TO_MENU = flow(desk={**NODES["desk"], "failed": "menu"})
TAKEN = Recording("RE1", "https://api.example/RE1", 7)


async def asks_for_a_person(house: House, call_sid: str = sid()) -> tuple[Phone, Answer]:
    """A call that talks with the agent, presses 0, and is handed over."""
    phone = await house.talks(call_sid)
    phone.caller.says(DtmfPressed("0"))
    await phone.running
    return phone, await house.asks(call_sid=call_sid)


async def dialled(
    house: House, dial_status: str, status: str = "in-progress", call_sid: str = sid(), **more: str
) -> Answer:
    """The `action` webhook of a `<Dial>`."""
    return await house.desk.stream_ended(incoming(call_sid, status=status, dial_status=dial_status, **more))


def kept(house: House) -> list[dict[str, Any]]:
    return house.rows.of("voicemails")


# To a person


def test_nobody_answers_and_a_message_is_taken() -> None:
    async def story(house: House) -> None:
        phone, answer = await asks_for_a_person(house)
        assert phone.caller.closed == (1000, "")
        assert phone.caller.heard_ms() == pytest.approx(1000), "the words before are played out"
        assert answer == DialNumber("+15550100", None, 20)
        await asyncio.sleep(20)
        recorder = await dialled(house, "no-answer")
        assert isinstance(recorder, RecordMessage)
        assert recorder.spoken is not None
        assert (recorder.spoken.text, recorder.thanks.text, recorder.max_s) == (
            "text of leave_message",
            "text of goodbye",
            60,
        )
        assert kept(house) == []
        await asyncio.sleep(9)
        assert await house.desk.voicemail_taken(incoming(), TAKEN) == HangUp()
        [line] = kept(house)
        assert (line["call_sid"], line["caller"], line["recording_url"]) == (sid(), "+15550100001", TAKEN.url)
        assert len(house.desk.calls) == 0
        house.desk.status_changed(sid(), "completed", 33)

    house = in_house(story, flow=FLOW)
    assert house.reasons == ["voicemail_left"]
    assert [line["where"] for line in house.events("call.handed_over")] == ["person", "voicemail"]
    [taken] = house.events("voicemail.taken")
    assert (taken["recording_sid"], taken["duration_s"], taken["call_sid"]) == ("RE1", 7, sid())
    assert TAKEN.url not in str(house.logs)


@pytest.mark.parametrize(("dial_status", "status"), [("completed", "in-progress"), ("answered", "completed")])
def test_caller_and_person_have_talked(dial_status: str, status: str) -> None:
    async def story(house: House) -> None:
        await asks_for_a_person(house)
        await asyncio.sleep(600)
        assert len(house.desk.calls) == 1, "the call still has its slot"
        assert await dialled(house, dial_status, status) == HangUp()
        assert len(house.desk.calls) == 0

    assert in_house(story, flow=FLOW).reasons == ["transferred"]


@pytest.mark.parametrize("dial_status", ["busy", "no-answer", "failed", "canceled"])
def test_whoever_is_not_put_through_comes_back(dial_status: str) -> None:
    async def story(house: House) -> None:
        await asks_for_a_person(house)
        assert isinstance(await dialled(house, dial_status), RecordMessage)

    in_house(story, flow=FLOW)


@pytest.mark.parametrize("dial_status", ["no-answer", "canceled", ""])
def test_a_caller_who_hangs_up_while_it_rings_has_hung_up(dial_status: str) -> None:
    async def story(house: House) -> None:
        await asks_for_a_person(house)
        assert await dialled(house, dial_status, "completed") == HangUp()
        assert len(house.desk.calls) == 0

    assert in_house(story, flow=FLOW).reasons == ["caller_hung_up"]


def test_a_caller_who_hangs_up_before_twilio_dials() -> None:
    async def story(house: House) -> None:
        phone = await house.talks()
        phone.caller.says(DtmfPressed("0"))
        await phone.running
        assert await house.asks("completed") == HangUp()

    house = in_house(story, flow=FLOW)
    assert house.reasons == ["caller_hung_up"]
    assert house.events("call.handed_over") == []


def test_a_call_that_twilio_never_asks_about_is_not_said_to_be_put_through() -> None:
    async def story(house: House) -> None:
        phone = await house.talks()
        phone.caller.says(DtmfPressed("0"))
        await phone.running
        await asyncio.sleep(11)
        assert len(house.desk.calls) == 0

    assert in_house(story, flow=FLOW).reasons == ["stream_unexplained"]


def test_the_status_of_a_call_that_is_away_ends_it() -> None:
    async def story(house: House) -> None:
        await asks_for_a_person(house)
        house.desk.status_changed(sid(), "in-progress", None)
        assert len(house.desk.calls) == 1
        house.desk.status_changed(sid(), "completed", 90)
        assert len(house.desk.calls) == 0
        assert await dialled(house, "completed", "completed") == HangUp()

    assert in_house(story, flow=FLOW).reasons == ["transferred"]


def test_a_flow_that_ends_after_the_dialling_ends_in_twilios_voice() -> None:
    async def story(house: House) -> None:
        await asks_for_a_person(house)
        answer = await dialled(house, "busy")
        assert isinstance(answer, SayAndHangUp)
        assert answer.spoken.text == "text of goodbye"
        assert len(house.desk.calls) == 0
        assert await dialled(house, "busy") == answer, "asked again"

    assert in_house(story, flow=flow(desk={**NODES["desk"], "failed": "bye"})).reasons == ["flow_ended"]


# Back to a stream


def test_a_menu_after_the_dialling_needs_a_stream_and_it_is_the_same_call() -> None:
    async def story(house: House) -> None:
        await asks_for_a_person(house)
        before = house.desk.calls.find(sid())
        await asyncio.sleep(20)
        answer = await dialled(house, "no-answer")
        assert isinstance(answer, ConnectStream)
        live = house.desk.calls.find(sid())
        assert live is not None
        assert live is before
        assert (live.state, live.journey.state.node) == (CallState.ADMITTED, "menu")
        await asyncio.sleep(0.5)
        assert (len(house.desk.parked), len(house.desk.kept)) == (0, 1), "the agent has waited for its caller"
        assert len(house.dialled) == 1
        phone = house.connect(sid(), answer.token)
        await asyncio.sleep(1)
        assert phone.caller.heard_ms() == pytest.approx(1000), "the menu, at once"
        assert not house.agents[0].closed
        told = [text for kind, text in house.agents[0].sent if kind == "contextual_update"]
        assert told[-2].startswith("The caller is back on the line.")
        assert "talk = talk" in told[-1]
        phone.caller.says(DtmfPressed("1"))
        await asyncio.sleep(0.5)
        assert live.journey.state.node == "agent"
        assert "user_message" in dict(house.agents[0].sent)
        await phone.stops()
        assert await house.asks("completed") == HangUp()

    house = in_house(story, flow=BACK_TO_MENU)
    assert house.reasons == ["caller_hung_up"]
    assert house.events("call.ended")[0]["streams"] == 2
    assert [line["prompt"] for line in house.events("prompt.played")] == ["connecting_person", "main_menu"]
    assert len(house.events("flow.chosen")) == 1


def test_the_agent_of_the_new_stream_is_told_what_was_said_before() -> None:
    async def story(house: House) -> None:
        phone = await house.talks()
        house.agents[0].says(AgentResponded("Hello.", 1))
        house.agents[0].speaks(400, event_id=1)
        house.agents[0].says(CallerTranscribed("I have lost my suitcase.", 2))
        await asyncio.sleep(1)
        phone.caller.says(DtmfPressed("0"))
        await phone.running
        await house.asks()
        await asyncio.sleep(31)  # longer than its agent waits
        answer = await dialled(house, "busy")
        assert isinstance(answer, ConnectStream)
        house.connect(sid(), answer.token)
        await asyncio.sleep(1)
        assert house.agents[0].closed
        assert "I have lost my suitcase." in str(house.agents[1].sent)

    in_house(story, flow=flow(desk={**NODES["desk"], "failed": "agent"}))


def test_a_new_token_and_not_the_old_one_opens_the_new_stream() -> None:
    async def story(house: House) -> None:
        first = await house.answers()
        phone = house.connect(sid(), first.token)
        await asyncio.sleep(1)
        phone.caller.says(DtmfPressed("0"))
        await phone.running
        await house.asks()
        thief = house.connect(sid(), first.token)
        await thief.running
        assert thief.refused, "a call that is away has no stream"
        answer = await dialled(house, "busy")
        assert isinstance(answer, ConnectStream)
        assert answer.token != first.token
        await asyncio.sleep(61)
        assert len(house.desk.calls) == 0

    assert in_house(story, flow=BACK_TO_MENU).reasons == ["stream_never_came"]


@pytest.mark.parametrize("start", ["desk", "bye"])
def test_whoever_is_sent_here_again_hears_something(start: str) -> None:
    async def story(house: House) -> None:
        phone = house.connect(sid(), (await house.answers()).token)
        await phone.running
        if start == "desk":
            await house.asks()
        again = house.connect(sid(), (await house.answers()).token)
        await asyncio.sleep(3)
        assert again.caller.heard_ms() > 0

    in_house(story, flow={**FLOW, "start": start})


# The recorder, and the vendor


def test_straight_to_the_recorder_whose_prompt_was_heard_in_the_stream() -> None:
    async def story(house: House) -> None:
        phone = house.connect(sid(), (await house.answers()).token)
        await phone.running
        assert phone.caller.heard_ms() == pytest.approx(1000)
        answer = await house.asks()
        assert isinstance(answer, RecordMessage)
        assert answer.spoken is None
        await asyncio.sleep(30)
        house.desk.status_changed(sid(), "completed", 35)
        assert await house.desk.voicemail_taken(incoming(status="completed"), TAKEN) == HangUp()
        assert len(kept(house)) == 1, "the status came first"

    house = in_house(story, flow={**FLOW, "start": "message"})
    assert house.reasons == ["voicemail_left"]
    assert house.dialled == []


def test_a_message_of_a_call_that_nobody_knows_is_kept() -> None:
    async def story(house: House) -> None:
        assert await house.desk.voicemail_taken(incoming(sid(7)), TAKEN) == HangUp()
        assert await house.desk.voicemail_taken(incoming(sid(7)), TAKEN) == HangUp()
        assert [line["call_sid"] for line in kept(house)] == [sid(7)]

    house = in_house(story)
    assert [line["call_sid"] for line in house.events("voicemail.taken")] == [sid(7)]
    assert house.reasons == []


def test_a_message_that_cannot_be_kept_is_not_passed_over() -> None:
    async def story(house: House) -> None:
        house.rows.refusing = True
        with pytest.raises(RowsRefused):
            await house.desk.voicemail_taken(incoming(), TAKEN)

    assert in_house(story).events("voicemail.taken") == []


def test_the_vendors_twiml_passes_as_it_stands() -> None:
    async def story(house: House) -> None:
        house.vendors_twiml = "<Response>of the vendor</Response>"
        house.dial_error = AgentUnreachable("nobody there")
        phone = house.connect(sid(), (await house.answers()).token)
        await phone.running
        answer = await house.asks()
        assert answer == VendorsTwiml("<Response>of the vendor</Response>")
        assert await house.asks() == answer
        await asyncio.sleep(120)
        assert len(house.desk.calls) == 1
        house.desk.status_changed(sid(), "completed", 125)

    house = in_house(story, flow={**FLOW, "ladder": [{"kind": "register_call"}]})
    assert house.reasons == ["vendor_took_over"]
    assert [line["where"] for line in house.events("call.handed_over")] == ["vendor"]


@pytest.mark.parametrize("ladder", [{"kind": "person", "node": "desk"}, {"kind": "voicemail", "node": "message"}])
def test_with_the_agent_dark_the_ladder_leads_out_of_the_stream(ladder: dict[str, str]) -> None:
    async def story(house: House) -> None:
        house.dial_error = AgentUnreachable("nobody there")
        phone = house.connect(sid(), (await house.answers()).token)
        await phone.running
        assert isinstance(await house.asks(), DialNumber | RecordMessage)

    in_house(story, flow={**FLOW, "ladder": [ladder]})
