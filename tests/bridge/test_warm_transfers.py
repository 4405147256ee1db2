"""Warm transfers on virtual time: the caller waits, a person is called, and either side may go at any moment."""

import asyncio

import pytest

from ivr_bridge.bridge.warm_transfers import ANSWER_WITHIN_S, ASKS
from ivr_bridge.elevenlabs.conversation.events import AgentResponded, CallerTranscribed
from ivr_bridge.errors import VendorFailed
from ivr_bridge.twilio.call_desk import AskToAccept, ConnectStream, HangUp, JoinRoom, RecordMessage, SayAndHangUp
from ivr_bridge.twilio.stream_events import DtmfPressed
from tests.support.front_desk import House, sid
from tests.support.people import BASE, People, Person
from tests.support.warm_transfer_scene import BACK, FIRST, GONE, OURS, SECOND, dialled, flow, lived, outcomes, waits

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
