"""Warm transfers and who asks about them: strangers, repeated requests, other workers, hundreds at once."""

import asyncio
from typing import Any

import pytest

from ivr_bridge.bridge.call_state import CallState
from ivr_bridge.twilio.call_desk import Answer, HangUp, RecordMessage
from tests.support.front_desk import House, incoming, sid
from tests.support.people import People, Person
from tests.support.warm_transfer_scene import FIRST, SECOND, dialled, lived, outcomes, waits

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
