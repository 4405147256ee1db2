"""Cold transfers: each outcome, number after number, and where the call goes on."""

import asyncio
from typing import Any

import pytest

from ivr_bridge.twilio.call_desk import Answer, ConnectStream, DialNumber, HangUp, RecordMessage, SayAndHangUp
from ivr_bridge.twilio.stream_events import DtmfPressed
from tests.support.front_desk import House, Phone, in_house, incoming, sid

FIRST, SECOND = "+15550101", "+15550102"
NODES: dict[str, Any] = {
    "agent": {"kind": "agent"},
    "desk": {"kind": "transfer", "numbers": [FIRST, SECOND], "ring_s": 20, "failed": "message"},
    "message": {"kind": "voicemail", "record": "twilio"},
    "bye": {"kind": "hang_up", "prompt": "goodbye"},
}


def flow(desk: dict[str, Any] | None = None, **nodes: Any) -> dict[str, Any]:
    desk_node = {**NODES["desk"], **(desk or {})}
    return {"disclosure": False, "person": "desk", "start": "agent", "nodes": {**NODES, "desk": desk_node, **nodes}}


async def asks_for_a_person(house: House, call_sid: str = sid()) -> tuple[Phone, Answer]:
    phone = await house.talks(call_sid)
    phone.caller.says(DtmfPressed("0"))
    await phone.running
    return phone, await house.asks(call_sid=call_sid)


async def dialled(house: House, dial_status: str, status: str = "in-progress", **more: Any) -> Answer:
    return await house.desk.stream_ended(incoming(status=status, dial_status=dial_status, **more))


def ended(house: House) -> list[tuple[str, bool]]:
    return [(line["outcome"], line["broken"]) for line in house.events("transfer.ended")]


@pytest.mark.parametrize("dial_status", ["busy", "no-answer", "failed", "canceled"])
def test_one_number_after_the_other_then_voicemail(dial_status: str) -> None:
    async def story(house: House) -> None:
        phone, answer = await asks_for_a_person(house)
        assert phone.caller.closed == (1000, "")
        assert answer == DialNumber(FIRST, None, 20)
        assert await dialled(house, dial_status) == DialNumber(SECOND, None, 20)
        assert isinstance(await dialled(house, dial_status), RecordMessage)

    house = in_house(story, flow=flow())
    outcome = dial_status.replace("-", "_")
    assert ended(house) == [(outcome, False)] * 2
    assert len(house.events("transfer.begun")) == 2
    assert [line["where"] for line in house.events("call.handed_over")] == ["person", "person", "voicemail"]
    assert [line["pii.to_number"] for line in house.events("transfer.begun")] == [FIRST, SECOND]


def test_the_second_one_answers() -> None:
    async def story(house: House) -> None:
        await asks_for_a_person(house)
        await dialled(house, "no-answer")
        await asyncio.sleep(300)
        assert await dialled(house, "completed", dial_duration_s=290) == HangUp()
        assert len(house.desk.calls) == 0

    house = in_house(story, flow=flow())
    assert house.reasons == ["transferred"]
    assert ended(house) == [("no_answer", False), ("answered", False)]
    assert house.events("transfer.ended")[1]["talked_s"] == 290
    assert house.events("call.ended")[0]["transfers"] == 2


def test_green_but_broken_is_as_good_as_no_answer() -> None:
    async def story(house: House) -> None:
        await asks_for_a_person(house)
        assert await dialled(house, "completed", dial_duration_s=2) == DialNumber(SECOND, None, 20)
        assert isinstance(await dialled(house, "completed", dial_duration_s=9), RecordMessage)

    house = in_house(story, flow=flow())
    assert ended(house) == [("broken", True)] * 2
    assert [line["talked_s"] for line in house.events("transfer.broken")] == [2, 9]
    [account] = house.events("call.ended")
    assert (account["transfers"], account["transfers_broken"]) == (2, 2)


def test_a_caller_who_leaves_a_broken_line_is_gone() -> None:
    async def story(house: House) -> None:
        await asks_for_a_person(house)
        assert await dialled(house, "completed", "completed", dial_duration_s=2) == HangUp()
        assert len(house.desk.calls) == 0

    house = in_house(story, flow=flow())
    assert ended(house) == [("broken", True)]
    assert house.reasons == ["transferred"]


def test_how_long_is_too_short_is_set_by_the_operator() -> None:
    async def story(house: House) -> None:
        await asks_for_a_person(house)
        assert await dialled(house, "completed", dial_duration_s=2) == HangUp()

    assert ended(in_house(story, flow=flow(), transfer_broken_s=0)) == [("answered", False)]


def test_a_person_who_never_met_the_caller_has_declined() -> None:
    async def story(house: House) -> None:
        await asks_for_a_person(house)
        answer = await dialled(house, "completed", dial_duration_s=30, dial_bridged=False)
        assert answer == DialNumber(SECOND, None, 20)

    assert ended(in_house(story, flow=flow())) == [("declined", False), ("unknown", False)]


@pytest.mark.parametrize("dial_status", ["", "no-answer", "canceled"])
def test_a_caller_who_hangs_up_while_it_rings(dial_status: str) -> None:
    async def story(house: House) -> None:
        await asks_for_a_person(house)
        assert await dialled(house, dial_status, "completed") == HangUp()

    house = in_house(story, flow=flow())
    assert (ended(house), house.reasons) == ([("caller_gone", False)], ["caller_hung_up"])


def test_a_call_that_ends_by_its_status_tells_of_its_transfer_too() -> None:
    async def story(house: House) -> None:
        await asks_for_a_person(house)
        house.desk.status_changed(sid(), "completed", 30)

    assert ended(in_house(story, flow=flow())) == [("unknown", False)]


# After they have talked


def test_who_has_talked_goes_on_at_the_next_node() -> None:
    async def story(house: House) -> None:
        await asks_for_a_person(house)
        answer = await dialled(house, "completed", dial_duration_s=60)
        assert isinstance(answer, SayAndHangUp)
        assert answer.spoken.text == "text of goodbye"

    assert in_house(story, flow=flow({"next": "bye"})).reasons == ["flow_ended"]


def test_who_has_talked_and_hung_up_goes_nowhere() -> None:
    async def story(house: House) -> None:
        await asks_for_a_person(house)
        assert await dialled(house, "completed", "completed", dial_duration_s=60) == HangUp()

    assert in_house(story, flow=flow({"next": "bye"})).reasons == ["transferred"]


# Back to the agent


async def back_with_the_agent(house: House, answer: Answer) -> Phone:
    assert isinstance(answer, ConnectStream)
    phone = house.connect(sid(), answer.token)
    await asyncio.sleep(1)
    assert not phone.running.done()
    return phone


@pytest.mark.parametrize(
    ("dial_status", "more", "why"),
    [
        ("busy", {}, "the line was busy"),
        ("no-answer", {}, "nobody answered"),
        ("failed", {}, "the call could not be made"),
        ("completed", {"dial_duration_s": 1}, "the line broke at once"),
    ],
)
def test_the_agent_is_told_once_what_happened(dial_status: str, more: dict[str, Any], why: str) -> None:
    async def story(house: House) -> None:
        await asks_for_a_person(house)
        await dialled(house, dial_status, **more)
        phone = await back_with_the_agent(house, await dialled(house, dial_status, **more))
        agent = house.agents[-1]
        told = [text for kind, text in agent.sent if kind == "contextual_update" and "person" in text]
        assert len(told) == 1
        assert f"The transfer to a person did not work: {why}." in told[0]
        await phone.stops()
        await house.asks("completed")

    in_house(story, flow=flow({"failed": "agent"}))


def test_what_happened_can_be_said_in_the_flows_own_words() -> None:
    async def story(house: House) -> None:
        await asks_for_a_person(house)
        await dialled(house, "busy")
        phone = await back_with_the_agent(house, await dialled(house, "no-answer"))
        assert ("user_message", "It was no_answer.") in house.agents[-1].sent
        await phone.stops()
        await house.asks("completed")

    told = {"kind": "agent", "told": "It was {transfer_outcome}."}
    in_house(story, flow=flow({"failed": "told"}, told=told))


def test_after_a_talk_the_agent_is_told_of_it() -> None:
    async def story(house: House) -> None:
        await asks_for_a_person(house)
        phone = await back_with_the_agent(house, await dialled(house, "completed", dial_duration_s=60))
        assert any("has talked with a person" in str(text) for _, text in house.agents[-1].sent)
        await phone.stops()
        await house.asks("completed")

    in_house(story, flow=flow({"next": "agent"}))


# What Twilio repeats


def test_a_question_that_is_repeated_has_the_same_answer() -> None:
    async def story(house: House) -> None:
        _, answer = await asks_for_a_person(house)
        assert await house.asks() == answer
        second = await dialled(house, "busy", idempotency_token="t-1")
        assert second == DialNumber(SECOND, None, 20)
        assert await dialled(house, "busy", idempotency_token="t-1") == second

    assert len(in_house(story, flow=flow()).events("transfer.begun")) == 2


def test_hundreds_of_transfers_leave_nothing() -> None:
    statuses = ["busy", "no-answer", "failed", "canceled", "completed"]

    async def one(house: House, number: int) -> None:
        call_sid = sid(number)
        await asks_for_a_person(house, call_sid)
        for turn in range(3):
            status = statuses[(number + turn) % len(statuses)]
            answer = await house.desk.stream_ended(
                incoming(call_sid, dial_status=status, dial_duration_s=(number * 7) % 30)  # type: ignore[arg-type]
            )
            if not isinstance(answer, DialNumber):
                break
        house.desk.status_changed(call_sid, "completed", 60)

    async def story(house: House) -> None:
        await asyncio.gather(*(one(house, number) for number in range(200)))
        assert len(house.desk.calls) == 0

    house = in_house(story, flow=flow())
    assert len(house.reasons) == 200
    assert len(house.events("transfer.begun")) == len(house.events("transfer.ended"))
