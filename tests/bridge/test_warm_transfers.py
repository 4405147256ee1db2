"""Warm transfers on virtual time: the caller waits, a person is called, and either side may go at any moment."""

import asyncio
from typing import Any

import pytest
from structlog.testing import capture_logs

from ivr_bridge.bridge.call_state import CallState
from ivr_bridge.bridge.warm_transfers import ANSWER_WITHIN_S, ASKS, BACK_TRIES, tell_of_cold_ones
from ivr_bridge.elevenlabs.conversation.events import AgentResponded, CallerTranscribed
from ivr_bridge.errors import VendorBusy, VendorError, VendorFailed, VendorRejected, VendorUnreachable
from ivr_bridge.flows.model import Flow
from ivr_bridge.telemetry.log import Log
from ivr_bridge.twilio.call_desk import (
    Answer,
    AskToAccept,
    ConnectStream,
    DialNumber,
    HangUp,
    JoinRoom,
    RecordMessage,
    SayAndHangUp,
)
from ivr_bridge.twilio.stream_events import DtmfPressed
from tests.support.front_desk import House, Phone, in_house, incoming, sid
from tests.support.people import BASE, People, Person

FIRST, SECOND = "+15550101", "+15550102"
OURS = "+15550100002"
ENDED_URL = f"{BASE}/twilio/stream-ended"
BACK = {"Url": ENDED_URL, "Method": "POST"}
GONE = {"Status": "completed"}


def flow(**desk: Any) -> dict[str, Any]:
    node = {"kind": "transfer", "mode": "warm", "numbers": [FIRST], "ring_s": 20, "failed": "message", **desk}
    nodes = {
        "agent": {"kind": "agent"},
        "desk": node,
        "message": {"kind": "voicemail", "record": "twilio"},
        "bye": {"kind": "hang_up", "prompt": "goodbye"},
    }
    return {"disclosure": False, "person": "desk", "start": "agent", "nodes": nodes}


async def waits(house: House, call_sid: str = sid()) -> tuple[Phone, JoinRoom]:
    """A call that talks with the agent, presses 0, and waits for a person."""
    phone = await house.talks(call_sid)
    phone.caller.says(DtmfPressed("0"))
    await phone.running
    answer = await house.asks(call_sid=call_sid)
    assert isinstance(answer, JoinRoom)
    return phone, answer


async def dialled(house: House, dial_status: str = "answered", status: str = "in-progress", **more: Any) -> Answer:
    """The `action` of the caller's `<Dial>`: the conference has ended, or the caller hung up."""
    return await house.desk.stream_ended(incoming(status=status, dial_status=dial_status, **more))


def outcomes(house: House) -> list[str]:
    return [line["outcome"] for line in house.events("transfer.ended")]


def lived(story: Any, people: People, **options: Any) -> House:
    return in_house(story, people=people, **{"flow": flow(), **options})


# The person takes it


def test_a_person_hears_the_summary_takes_the_call_and_they_talk() -> None:
    people = People({FIRST: Person()})

    async def story(house: House) -> None:
        phone = await house.talks()
        agent = house.agents[0]
        agent.says(AgentResponded("How may I help?", 1), CallerTranscribed("My parcel is wet.", 2))
        phone.caller.says(DtmfPressed("0"))
        await phone.running
        answer = await house.asks()
        assert isinstance(answer, JoinRoom)
        assert (answer.as_person, answer.spoken) == (False, None)
        assert answer.hold_url == f"{BASE}/hold.wav"
        await asyncio.sleep(10)
        [call] = people.calls
        assert (call.to, call.form["From"], call.form["Timeout"]) == (FIRST, OURS, 20)
        asked, joined = call.heard
        assert isinstance(asked, AskToAccept)
        assert asked.spoken.text == "A call from main. The caller said: My parcel is wet. To take the call, press 1."
        assert isinstance(joined, JoinRoom)
        assert (joined.as_person, joined.room) == (True, answer.room)
        await asyncio.sleep(100)
        people.hangs_up(FIRST)
        assert await dialled(house) == HangUp()
        assert len(house.desk.calls) == 0

    house = lived(story, people)
    assert house.reasons == ["transferred"]
    assert outcomes(house) == ["answered"]
    [ended] = house.events("transfer.ended")
    assert (ended["kind"], ended["broken"]) == ("warm", False)
    assert ended["talked_s"] == pytest.approx(102.7, abs=0.5)
    assert people.updates == [], "nothing had to be forced"


def test_who_has_talked_goes_on_at_the_next_node() -> None:
    async def story(house: House) -> None:
        await waits(house)
        await asyncio.sleep(60)
        answer = await dialled(house)
        assert isinstance(answer, SayAndHangUp)

    assert outcomes(lived(story, People({FIRST: Person()}), flow=flow(next="bye"))) == ["answered"]


def test_the_caller_ends_the_talk() -> None:
    async def story(house: House) -> None:
        await waits(house)
        await asyncio.sleep(60)
        assert await dialled(house, "answered", "completed") == HangUp()

    house = lived(story, People({FIRST: Person()}), flow=flow(next="bye"))
    assert (outcomes(house), house.reasons) == (["answered"], ["transferred"])


def test_green_but_broken_goes_on_as_if_nobody_had_answered() -> None:
    people = People({FIRST: Person(), SECOND: Person()})

    async def story(house: House) -> None:
        await waits(house)
        await asyncio.sleep(10)
        assert people.calls[0].room
        again = await dialled(house)
        assert isinstance(again, JoinRoom)
        assert again.room != people.calls[0].room
        await asyncio.sleep(60)
        assert await dialled(house) == HangUp()

    house = lived(story, people, flow=flow(numbers=[FIRST, SECOND]))
    assert outcomes(house) == ["broken", "answered"]
    assert len(house.events("transfer.broken")) == 1


def test_what_the_flow_says_goes_along() -> None:
    people = People({"sip:desk@h.example": Person()})

    async def story(house: House) -> None:
        await waits(house)
        await asyncio.sleep(10)
        [call] = people.calls
        assert call.to == "sip:desk@h.example?X-Caller=%2B15550100001"
        assert (call.form["From"], call.form["TimeLimit"]) == ("+15550199", 600)
        [asked, _] = call.heard
        assert isinstance(asked, AskToAccept)
        assert asked.spoken.text == "Llama +15550100001. Para atender la llamada, pulse 1."
        assert asked.spoken.language == "es"
        await asyncio.sleep(60)
        await dialled(house)

    own = flow(
        numbers=["sip:desk@h.example"], whisper="Llama {caller}.", person_language="es", caller_id="+15550199",
        headers={"X-Caller": "{caller}"}, limit_s=600,
    )  # fmt: skip
    lived(story, people, flow=own)


# Nobody takes it


@pytest.mark.parametrize(
    ("person", "outcome"),
    [
        (Person("busy", rings_s=1), "busy"),
        (Person("failed", rings_s=0.1), "failed"),
        (Person("no-answer", rings_s=15), "no_answer"),
        (Person(rings_s=60), "no_answer"),
        (Person(keys=("2",)), "declined"),
        (Person(keys=()), "declined"),
        (Person(hangs_up_after_s=2), "declined"),
        (Person(hangs_up_after_s=2, notices=False), "no_answer"),
    ],
)
def test_the_caller_is_brought_back_and_the_flow_goes_on(person: Person, outcome: str) -> None:
    people = People({FIRST: person})

    async def story(house: House) -> None:
        await waits(house)
        await asyncio.sleep(20 + ANSWER_WITHIN_S + 5)
        [answer] = people.came_back
        assert isinstance(answer, RecordMessage)
        assert people.sent_to(sid()) == [BACK]

    house = lived(story, people)
    assert outcomes(house) == [outcome]
    assert [line["where"] for line in house.events("call.handed_over")] == ["person", "voicemail"]


def test_a_person_without_a_word_is_asked_several_times() -> None:
    people = People({FIRST: Person(keys=("", "", "1"))})

    async def story(house: House) -> None:
        await waits(house)
        await asyncio.sleep(60)
        assert [type(answer) for answer in people.calls[0].heard] == [AskToAccept] * ASKS + [JoinRoom]
        await dialled(house)

    assert outcomes(lived(story, people)) == ["answered"]


def test_one_person_after_the_other() -> None:
    people = People({FIRST: Person("busy"), SECOND: Person()})

    async def story(house: House) -> None:
        await waits(house)
        await asyncio.sleep(30)
        [answer] = people.came_back
        assert isinstance(answer, JoinRoom)
        assert people.calls[1].room == answer.room
        await asyncio.sleep(60)
        assert await dialled(house) == HangUp()

    house = lived(story, people, flow=flow(numbers=[FIRST, SECOND]))
    assert outcomes(house) == ["busy", "answered"]
    assert house.reasons == ["transferred"]


def test_back_to_the_agent_who_is_told() -> None:
    people = People({FIRST: Person("busy")})

    async def story(house: House) -> None:
        await waits(house)
        await asyncio.sleep(7)
        [answer] = people.came_back
        assert isinstance(answer, ConnectStream)
        phone = house.connect(sid(), answer.token)
        await asyncio.sleep(1)
        assert any("the line was busy" in str(text) for _, text in house.agents[-1].sent)
        await phone.stops()
        await house.asks("completed")

    house = lived(story, people, flow=flow(failed="agent"))
    assert len(house.agents) == 1, "it is the same conversation"


# The caller goes


@pytest.mark.parametrize("after_s", [0.01, 0.2, 2, 5, 6])
def test_a_caller_who_hangs_up_meanwhile_leaves_nobody_ringing(after_s: float) -> None:
    people = People({FIRST: Person(thinks_s=5)})

    async def story(house: House) -> None:
        await waits(house)
        await asyncio.sleep(after_s)
        assert await dialled(house, "", "completed") == HangUp()
        assert len(house.desk.calls) == 0
        await asyncio.sleep(60)
        assert people.sent_to(sid()) == []
        for call in people.calls:
            assert call.status == "completed"
            assert call.room is None

    house = lived(story, people)
    assert (outcomes(house), house.reasons) == (["caller_gone"], ["caller_hung_up"])


def test_twilios_status_alone_is_enough() -> None:
    people = People({FIRST: Person(rings_s=15)})

    async def story(house: House) -> None:
        await waits(house)
        await asyncio.sleep(3)
        house.desk.status_changed(sid(), "completed", 10)
        await asyncio.sleep(3)
        [call] = people.calls
        assert (call.status, people.sent_to(call.sid)) == ("completed", [GONE])

    assert outcomes(lived(story, people)) == ["unknown"]


def test_a_person_who_takes_a_call_that_is_over_is_told_so() -> None:
    people = People({FIRST: Person(thinks_s=10)})

    async def story(house: House) -> None:
        await waits(house)
        await asyncio.sleep(6)
        [call] = people.calls
        people.update_errors = [VendorFailed("HTTP 500", status=500)]
        await dialled(house, "", "completed")
        await asyncio.sleep(30)
        last = call.heard[-1]
        assert isinstance(last, SayAndHangUp)
        assert "not on the line any more" in last.spoken.text

    house = lived(story, people)
    assert len(house.events("transfer.person_left")) == 1
    assert outcomes(house) == ["caller_gone"]


def test_a_conference_that_ends_by_itself_is_a_transfer_that_failed() -> None:
    people = People({FIRST: Person(rings_s=15)})

    async def story(house: House) -> None:
        await waits(house)
        await asyncio.sleep(5)
        assert isinstance(await dialled(house, "failed"), RecordMessage)
        await asyncio.sleep(2)
        assert people.calls[0].status == "completed"

    assert outcomes(lived(story, people)) == ["failed"]


# Twilio's REST API fails


@pytest.mark.parametrize(
    "error",
    [
        VendorRejected("HTTP 400 21211", status=400, vendor_code="21211"),
        VendorBusy("HTTP 429", status=429),
        VendorUnreachable("refused", sent=False),
    ],
)
def test_a_person_who_surely_was_not_called_is_not_waited_for(error: VendorError) -> None:
    people = People({FIRST: Person()}, create_error=error)

    async def story(house: House) -> None:
        await waits(house)
        await asyncio.sleep(3)
        assert [type(answer) for answer in people.came_back] == [RecordMessage]

    house = lived(story, people)
    assert outcomes(house) == ["failed"]
    assert [line["code"] for line in house.events("transfer.unplaced")] == [error.code]


@pytest.mark.parametrize("error", [VendorUnreachable("no answer in 10 s"), VendorFailed("HTTP 500", status=500)])
def test_a_call_that_nobody_knows_of_is_never_made_again_and_may_be_taken(error: VendorError) -> None:
    people = People({FIRST: Person()}, create_error=error, made_anyway=True)

    async def story(house: House) -> None:
        await waits(house)
        await asyncio.sleep(60)
        [call] = people.calls
        assert call.room
        assert await dialled(house) == HangUp()

    assert outcomes(lived(story, people)) == ["answered"]


def test_a_call_that_nobody_knows_of_and_that_never_was_ends_in_time() -> None:
    people = People({FIRST: Person()}, create_error=VendorUnreachable("no answer in 10 s"))

    async def story(house: House) -> None:
        await waits(house)
        await asyncio.sleep(20 + ANSWER_WITHIN_S - 1)
        assert people.came_back == []
        await asyncio.sleep(3)
        assert [type(answer) for answer in people.came_back] == [RecordMessage]

    assert outcomes(lived(story, people)) == ["no_answer"]


def test_a_caller_who_cannot_be_brought_back_at_once_is_tried_again() -> None:
    people = People({FIRST: Person("busy")}, update_errors=[VendorUnreachable("reset")])

    async def story(house: House) -> None:
        await waits(house)
        await asyncio.sleep(30)
        assert [type(answer) for answer in people.came_back] == [RecordMessage]
        assert people.sent_to(sid()) == [BACK] * 2

    assert len(lived(story, people).events("transfer.stuck")) == 1


def test_a_caller_who_never_comes_back_is_not_tried_for_ever() -> None:
    people = People({FIRST: Person("busy")}, deaf=True)

    async def story(house: House) -> None:
        await waits(house)
        await asyncio.sleep(120)
        assert people.sent_to(sid()) == [BACK] * BACK_TRIES
        await dialled(house, "", "completed")

    assert outcomes(lived(story, people)) == ["busy"]


def test_a_caller_who_is_gone_already_is_not_brought_back() -> None:
    gone = VendorRejected("not in-progress", status=400, vendor_code="21220")
    people = People({FIRST: Person("busy")}, update_errors=[gone])

    async def story(house: House) -> None:
        await waits(house)
        await asyncio.sleep(60)
        assert people.sent_to(sid()) == [BACK]
        house.desk.status_changed(sid(), "completed", 9)

    assert lived(story, people).events("transfer.stuck") == []


# Who may ask


def test_a_token_is_of_one_call_and_of_one_person() -> None:
    people = People({FIRST: Person(keys=())})

    async def story(house: House) -> None:
        await waits(house)
        await asyncio.sleep(5)
        [call] = people.calls
        other = incoming(sid(9))
        assert await house.desk.whisper(other, call.token) == HangUp()
        assert await house.desk.whisper_answered(other, call.token, "1") == HangUp()
        assert await house.desk.whisper(incoming(call.sid), "no-such-token") == HangUp()
        assert await house.desk.whisper_answered(incoming(call.sid), "\ud800", "1") == HangUp()
        assert call.token not in str(house.shared.keys_now())
        assert call.token not in str(house.logs)

    lived(story, people)


def test_a_key_that_is_repeated_has_the_same_answer() -> None:
    people = People({FIRST: Person()})

    async def story(house: House) -> None:
        await waits(house)
        await asyncio.sleep(30)
        [call] = people.calls
        again = await house.desk.whisper_answered(incoming(call.sid), call.token, "1")
        assert again == call.heard[-1]
        await dialled(house)

    lived(story, people)


def test_a_question_that_is_repeated_while_the_caller_waits_has_the_same_answer() -> None:
    people = People({FIRST: Person(rings_s=15)})

    async def story(house: House) -> None:
        _, answer = await waits(house)
        await asyncio.sleep(3)
        assert await house.asks() == answer
        live = house.desk.calls.find(sid())
        assert live is not None
        assert live.state is CallState.AWAY
        assert len(people.calls) == 1

    lived(story, people)


# Without credentials


def test_without_twilios_rest_api_it_is_made_cold() -> None:
    async def story(house: House) -> None:
        phone = await house.talks()
        phone.caller.says(DtmfPressed("0"))
        await phone.running
        assert await house.asks() == DialNumber(FIRST, None, 20)
        assert await house.desk.whisper(incoming(sid(9)), "t") == HangUp()
        assert await house.desk.whisper_answered(incoming(sid(9)), "t", "1") == HangUp()
        house.desk.transfer_status_changed("t", sid(9), "completed")
        assert isinstance(await dialled(house, "busy"), RecordMessage)

    house = in_house(story, flow=flow())
    [told] = house.events("transfer.downgraded")
    assert (told["flow"], told["node"], told["log_level"]) == ("main", "desk", "warning")
    assert house.events("transfer.begun")[0]["kind"] == "cold"


@pytest.mark.parametrize(("mode", "told"), [("warm", [("main", "desk")]), ("cold", [])])
def test_the_operator_is_told_of_it_at_the_start(mode: str, told: list[tuple[str, str]]) -> None:
    with capture_logs() as logs:
        tell_of_cold_ones({"main": Flow.model_validate(flow(mode=mode))}, Log())
    assert [(line["flow"], line["node"]) for line in logs] == told


# Several workers


def test_any_worker_may_be_asked_about_the_person() -> None:
    people = People({FIRST: Person()})

    async def story(house: House) -> None:
        other = house.another()
        await waits(house)
        people.desk = other.desk
        await asyncio.sleep(30)
        [call] = people.calls
        assert call.room
        await dialled(house)
        await other.desk.close()

    assert outcomes(lived(story, people)) == ["answered"]


@pytest.mark.parametrize(("person", "answer"), [(Person("busy"), RecordMessage), (Person(), HangUp)])
def test_any_worker_may_be_asked_about_the_caller(person: Person, answer: type[Answer]) -> None:
    people = People({FIRST: person})

    async def story(house: House) -> None:
        other = house.another()
        await waits(house)
        await asyncio.sleep(1)
        people.desk = other.desk
        await asyncio.sleep(60)
        if person.status == "answers":
            assert await other.desk.stream_ended(incoming(dial_status="answered")) == HangUp()
        else:
            assert [type(each) for each in people.came_back] == [answer]
        await asyncio.sleep(5)
        await other.desk.close()

    house = lived(story, people)
    assert outcomes(house) == ["busy" if answer is RecordMessage else "answered"]


def test_hundreds_side_by_side_leave_nobody_ringing() -> None:
    persons = [
        Person(), Person("busy"), Person(rings_s=60), Person(keys=("2",)), Person(hangs_up_after_s=1), Person("failed"),
    ]  # fmt: skip
    people = People({FIRST: persons[0], SECOND: persons[0]})

    async def one(house: House, number: int) -> None:
        call_sid = sid(number)
        await waits(house, call_sid)
        if number % 5 == 0:
            await asyncio.sleep(number % 9)
            await house.desk.stream_ended(incoming(call_sid, status="completed"))
            return
        await asyncio.sleep(120)
        live = house.desk.calls.find(call_sid)
        if live is not None and live.transfer is not None:
            await house.desk.stream_ended(incoming(call_sid, dial_status="answered"))
        house.desk.status_changed(call_sid, "completed", 100)

    async def story(house: House) -> None:
        lives = people._lives

        async def somebody(call: Any, _: Person) -> None:
            await lives(call, persons[int(call.sid[-3:], 10) % len(persons)])

        people._lives = somebody  # type: ignore[method-assign]
        await asyncio.gather(*(one(house, number) for number in range(1, 201)))
        await asyncio.sleep(60)
        assert len(house.desk.calls) == 0
        ringing = [call for call in people.calls if call.status in ("queued", "ringing")]
        assert ringing == []

    house = lived(story, people)
    assert len(house.reasons) == 200
    assert len(house.events("transfer.begun")) == len(house.events("transfer.ended"))
