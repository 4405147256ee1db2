"""Warm transfers when Twilio's REST API fails, and when there are no credentials for it."""

import asyncio

import pytest
from structlog.testing import capture_logs

from ivr_bridge.bridge.warm_transfers import ANSWER_WITHIN_S, BACK_TRIES, tell_of_cold_ones
from ivr_bridge.errors import VendorBusy, VendorError, VendorFailed, VendorRejected, VendorUnreachable
from ivr_bridge.flows.model import Flow
from ivr_bridge.telemetry.log import Log
from ivr_bridge.twilio.call_desk import DialNumber, HangUp, RecordMessage
from ivr_bridge.twilio.stream_events import DtmfPressed
from tests.support.front_desk import House, in_house, incoming, sid
from tests.support.people import People, Person
from tests.support.warm_transfer_scene import BACK, FIRST, dialled, flow, lived, outcomes, waits

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
