"""Twilio repeats its requests: a call that is away gets the same answer, and its flow takes no second step."""

import asyncio
from typing import Any

import pytest

from ivr_bridge.bridge.call_state import CallState
from ivr_bridge.twilio.call_desk import ConnectStream, DialNumber, HangUp, RecordMessage, SayAndHangUp
from ivr_bridge.twilio.stream_events import DtmfPressed
from tests.bridge.test_desk_handing_over import (
    BACK_TO_MENU,
    FLOW,
    NODES,
    TAKEN,
    asks_for_a_person,
    dialled,
    flow,
)
from tests.support.front_desk import House, in_house, incoming, sid

TWO_DESKS = flow(
    desk={**NODES["desk"], "failed": "second"},
    second={"kind": "transfer", "number": "+15550200", "ring_s": 20, "failed": "message", "prompt": None},
)


def test_asked_again_where_to_go() -> None:
    async def story(house: House) -> None:
        phone = await house.talks()
        phone.caller.says(DtmfPressed("0"))
        await asyncio.sleep(0.5)
        answers = await asyncio.gather(house.asks(), house.asks())
        answers.append(await house.asks())
        assert answers == [DialNumber("+15550100", None, 20)] * 3
        await phone.running

    assert len(in_house(story, flow=FLOW).events("call.handed_over")) == 1


def test_asked_again_after_a_dialling_that_led_to_the_recorder() -> None:
    async def story(house: House) -> None:
        await asks_for_a_person(house)
        first = await dialled(house, "no-answer", idempotency_token="i-1")
        assert isinstance(first, RecordMessage)
        assert await dialled(house, "no-answer", idempotency_token="i-1") == first
        live = house.desk.calls.find(sid())
        assert live is not None
        assert live.state is CallState.AWAY
        house.desk.status_changed(sid(), "completed", 40)

    assert in_house(story, flow=FLOW).reasons == ["voicemail_left"]


def test_asked_again_after_a_dialling_that_led_to_another_one() -> None:
    async def story(house: House) -> None:
        await asks_for_a_person(house)
        first = await dialled(house, "no-answer", idempotency_token="i-1")
        assert first == DialNumber("+15550200", None, 20)
        assert await dialled(house, "no-answer", idempotency_token="i-1") == first
        live = house.desk.calls.find(sid())
        assert live is not None
        assert live.journey.state.node == "second"
        await asyncio.sleep(20)
        assert isinstance(await dialled(house, "no-answer", idempotency_token="i-2"), RecordMessage)

    house = in_house(story, flow=TWO_DESKS)
    assert [line["where"] for line in house.events("call.handed_over")] == ["person", "person", "voicemail"]


def test_asked_again_after_a_dialling_that_led_back_to_a_stream() -> None:
    async def story(house: House) -> None:
        await asks_for_a_person(house)
        first = await dialled(house, "busy", idempotency_token="i-1")
        assert isinstance(first, ConnectStream)
        assert await dialled(house, "busy", idempotency_token="i-1") == first
        phone = house.connect(sid(), first.token)
        await asyncio.sleep(1)
        assert not phone.running.done()

    assert in_house(story, flow=BACK_TO_MENU).events("stream.refused") == []


def test_asked_again_when_the_new_stream_is_there_already() -> None:
    async def story(house: House) -> None:
        await asks_for_a_person(house)
        first = await dialled(house, "busy", idempotency_token="i-1")
        assert isinstance(first, ConnectStream)
        phone = house.connect(sid(), first.token)
        await asyncio.sleep(1)
        await dialled(house, "busy", idempotency_token="i-1")
        await asyncio.sleep(5)
        assert not phone.running.done(), "a late repetition takes nobody's stream away"

    in_house(story, flow=BACK_TO_MENU)


@pytest.mark.parametrize("dial_status", ["completed", "busy"])
def test_asked_again_after_the_end(dial_status: str) -> None:
    async def story(house: House) -> None:
        await asks_for_a_person(house)
        first = await dialled(house, dial_status, idempotency_token="i-1")
        assert isinstance(first, HangUp | SayAndHangUp)
        assert await dialled(house, dial_status, idempotency_token="i-1") == first

    assert len(in_house(story, flow=flow(desk={**NODES["desk"], "failed": "bye"})).reasons) == 1


def test_a_message_told_again() -> None:
    async def story(house: House) -> None:
        await asks_for_a_person(house)
        await dialled(house, "busy")
        house.desk._after._voicemails = Keeper()  # type: ignore[assignment]
        answers = await asyncio.gather(*(house.desk.voicemail_taken(incoming(), TAKEN) for _ in range(3)))
        assert answers == [HangUp()] * 3

    house = in_house(story, flow=FLOW)
    assert len(house.events("voicemail.taken")) == 1
    assert house.reasons == ["voicemail_left"]


class Keeper:
    """Keeps the first message it is told."""

    def __init__(self) -> None:
        self._told = False

    async def keep(self, *_: Any) -> bool:
        first, self._told = not self._told, True
        await asyncio.sleep(0.1)
        return first


# The fallback URL


@pytest.mark.parametrize("number", [None, "+15550109999"])
def test_what_twilio_could_not_use_is_not_given_again(number: str | None) -> None:
    async def story(house: House) -> None:
        await asks_for_a_person(house)
        answer = await house.desk.fallback(incoming(), "13223", "https://bridge.example/twilio/stream-ended")
        assert isinstance(answer, SayAndHangUp if number is None else DialNumber)
        assert len(house.desk.calls) == 0
        nobody = await dialled(house, "no-answer")
        assert isinstance(nobody, SayAndHangUp), "else it would ring for ever"

    in_house(story, flow=FLOW, fallback_number=number)


def test_a_caller_whom_the_fallback_put_through_is_not_told_that_something_went_wrong() -> None:
    async def story(house: House) -> None:
        phone = await house.talks()
        assert isinstance(await house.desk.answer_voice(incoming()), DialNumber)
        await phone.breaks()
        assert await dialled(house, "completed") == HangUp()

    in_house(story, flow=FLOW, fallback_number="+15550109999")


# The end of the process


def test_draining_waits_for_calls_that_are_away() -> None:
    async def story(house: House) -> None:
        await asks_for_a_person(house)
        draining = asyncio.ensure_future(house.desk.drain(60))
        await asyncio.sleep(20)
        assert not draining.done()
        assert isinstance(await dialled(house, "no-answer"), RecordMessage), "it may still leave a message"
        await asyncio.sleep(10)
        house.desk.status_changed(sid(), "completed", 30)
        await draining

    assert in_house(story, flow=FLOW).reasons == ["voicemail_left"]


def test_a_call_that_comes_back_while_draining_gets_its_stream() -> None:
    async def story(house: House) -> None:
        await asks_for_a_person(house)
        draining = asyncio.ensure_future(house.desk.drain(60))
        await asyncio.sleep(20)
        answer = await dialled(house, "no-answer")
        assert isinstance(answer, ConnectStream)
        phone = house.connect(sid(), answer.token)
        await asyncio.sleep(1)
        assert not phone.running.done()
        await phone.stops()
        await house.asks("completed")
        await draining

    assert in_house(story, flow=BACK_TO_MENU).reasons == ["caller_hung_up"]


def test_whoever_is_away_when_the_time_is_up_is_let_go_and_stays_with_the_person() -> None:
    async def story(house: House) -> None:
        await asks_for_a_person(house, sid(1))
        before = house.now
        await house.desk.drain(5)
        assert house.now - before == pytest.approx(6, abs=0.1), "nobody waits for Twilio's word"
        assert len(house.desk.calls) == 0
        assert await dialled(house, "completed") == HangUp()

    assert in_house(story, flow=FLOW).reasons == ["transferred"]


def test_closing_lets_go_of_calls_that_are_away_and_of_those_that_nobody_asked_about() -> None:
    async def story(house: House) -> None:
        await asks_for_a_person(house, sid(1))
        phone = await house.talks(sid(2))
        phone.caller.says(DtmfPressed("0"))
        await phone.running
        await house.desk.close()
        assert len(house.desk.calls) == 0

    house = in_house(story, flow=FLOW, closes=False)
    assert house.reasons == ["transferred", "drained"]
