"""Callers who were promised to be called back: kept, called in turn, tried again, never lost and never doubled."""

import asyncio
from datetime import datetime, timedelta
from itertools import pairwise

from ivr_bridge.bridge.callbacks import attempt_of, dial_id, hours_of
from ivr_bridge.errors import VendorUnreachable
from ivr_bridge.flows.model import Flow
from tests.support.outbound_scene import MONDAY, PERSON, FakeRecords, Office, in_office, wants
from tests.support.virtual_time import run_virtual

OTHER = "+15550107777"


async def ends(office: Office, status: str, answered_by: str | None = None) -> None:
    """The last call that was made ends like this."""
    sid = list(office.rest.calls)[-1]
    if status == "completed":
        await office.answers(office.dial_id(), sid)
    if answered_by is not None:
        office.outbound.machine_detected(office.dial_id(), sid, answered_by)
    office.outbound.status_changed(office.dial_id(), sid, status)
    await asyncio.sleep(0)


def test_a_promise_is_kept_before_it_is_made_and_the_caller_is_called_back() -> None:
    async def story(office: Office) -> None:
        assert await office.promises()
        assert office.records.promised == ["callbacks"]
        assert office.waiting() == [("waiting", 0)]
        await asyncio.sleep(1)
        assert office.waiting() == [("dialling", 1)]
        assert [form["To"] for form in office.rest.forms] == [PERSON]
        assert office.dial_id() == f"{wants(1).call_sid}.1"
        await ends(office, "completed")
        assert office.waiting() == [("done", 1)]
        assert office.desk.answered[0].flow == "main"
        await asyncio.sleep(900)

    office = in_office(story)
    assert len(office.rest.forms) == 1
    assert [line["pii"] if "pii" in line else line["pii.number"] for line in office.events("callback.promised")] == [
        PERSON
    ]
    assert [line["state"] for line in office.events("callback.ended")] == ["done"]


def test_a_repeated_request_promises_nothing_twice() -> None:
    async def story(office: Office) -> None:
        assert await office.promises()
        await asyncio.sleep(1)
        assert await office.promises()
        assert office.waiting() == [("dialling", 1)]
        await ends(office, "completed")
        assert await office.promises()
        await asyncio.sleep(900)
        assert office.waiting() == [("done", 1)]

    assert len(in_office(story).rest.forms) == 1


def test_the_number_that_was_confirmed_last_is_called() -> None:
    async def story(office: Office) -> None:
        office.desk.calls.reserved = 5
        await office.promises()
        await office.promises(to=OTHER)
        office.desk.calls.reserved = 0
        await asyncio.sleep(2)
        assert [form["To"] for form in office.rest.forms] == [OTHER]

    in_office(story, max_calls=5, outbound_reserve=0)


def test_a_disk_that_takes_nothing_and_what_is_no_number_are_not_promised() -> None:
    async def story(office: Office) -> None:
        assert not await office.promises(to="anonymous")
        office.records.disk_full = True
        assert not await office.promises()
        assert office.waiting() == []

    assert [line["error"] for line in in_office(story).events("callback.refused")] == ["no number", "no room"]


def test_nobody_answers_so_it_is_tried_again_later_and_given_up_at_last() -> None:
    async def story(office: Office) -> None:
        await office.promises()
        moments: list[datetime] = []
        for status in ("busy", "no-answer", "failed"):
            while len(office.rest.forms) == len(moments):
                await asyncio.sleep(1)
            moments.append(office.wall())
            await asyncio.sleep(1)
            await ends(office, status)
        assert all(later - earlier > timedelta(minutes=10) for earlier, later in pairwise(moments))
        assert office.waiting() == [("failed", 3)]
        await asyncio.sleep(900)

    office = in_office(story)
    assert len(office.rest.forms) == 3
    assert [(line["state"], line["error"]) for line in office.events("callback.ended")] == [
        ("waiting", "busy"), ("waiting", "no-answer"), ("failed", "failed"),
    ]  # fmt: skip


def test_a_machine_that_gets_a_message_is_enough_and_one_that_gets_none_is_not() -> None:
    async def story(office: Office) -> None:
        await office.promises(1, flow="reminder")
        await asyncio.sleep(1.2)
        await ends(office, "completed", "machine_end_beep")
        await office.promises(2, flow="rude")
        await asyncio.sleep(1.2)
        await ends(office, "completed", "machine_end_beep")
        assert office.waiting() == [("done", 1), ("waiting", 1)]

    assert [line["error"] for line in in_office(story).events("callback.ended")] == [None, "machine"]


def test_they_are_called_in_turn_and_only_while_there_is_room_beside_callers() -> None:
    async def story(office: Office) -> None:
        office.desk.calls.reserved = 2
        for number in (1, 2, 3):
            await office.promises(number)
            await asyncio.sleep(1)
        await asyncio.sleep(60)
        assert office.rest.forms == [], "two of four lines are busy, and two are for callers"
        office.desk.calls.reserved = 1
        await asyncio.sleep(10)
        assert len(office.rest.forms) == 1, "whoever rings holds a line"
        await ends(office, "busy")
        await asyncio.sleep(10)
        assert [office.dial_id(n) for n in (0, 1)] == [f"{wants(n).call_sid}.1" for n in (1, 2)]

    in_office(story, max_calls=4, outbound_reserve=2)


def test_the_hours_of_the_flow_are_respected() -> None:
    async def story(office: Office) -> None:
        office.begins = MONDAY.replace(hour=8, minute=45)
        await office.promises(1, flow="office")
        await asyncio.sleep(600)
        assert office.rest.forms == []
        await office.promises(2)
        await asyncio.sleep(10)
        assert len(office.rest.forms) == 1, "the other one may be called at any hour, and does not wait behind it"
        await asyncio.sleep(300)
        assert len(office.rest.forms) == 2

    in_office(story)


def test_an_operator_cancels() -> None:
    async def story(office: Office) -> None:
        office.desk.draining = True
        await office.promises()
        sid = wants(1).call_sid
        assert await office.callbacks.cancel(sid) == "cancelled"
        assert await office.callbacks.cancel(sid) == "cancelled"
        assert await office.callbacks.cancel("CB?") is None
        office.desk.draining = False
        await asyncio.sleep(60)
        assert office.rest.forms == []
        assert [row["state"] for row in await office.callbacks.listed()] == ["cancelled"]
        assert await office.callbacks.listed("waiting") == []

    assert len(in_office(story).events("callback.cancelled")) == 1


def test_who_is_being_called_is_not_cancelled() -> None:
    async def story(office: Office) -> None:
        await office.promises()
        await asyncio.sleep(1)
        assert await office.callbacks.cancel(wants(1).call_sid) == "dialling"

    in_office(story)


def test_an_operator_has_one_called_now_at_whatever_hour() -> None:
    async def story(office: Office) -> None:
        office.begins = MONDAY.replace(hour=18)
        await office.promises(1, flow="office")
        await asyncio.sleep(10)
        assert await office.callbacks.call_now(wants(1).call_sid) == "waiting"
        await asyncio.sleep(2)
        assert len(office.rest.forms) == 1
        assert await office.callbacks.call_now(wants(1).call_sid) == "dialling"
        assert await office.callbacks.call_now("CB?") is None

    in_office(story)


def test_two_servers_on_one_database_call_each_caller_once() -> None:
    async def play() -> None:
        records = FakeRecords()
        first = Office([], records)
        second = Office([], records, first.rest)
        first.opens()
        second.opens()
        for number in range(1, 9):
            await (first if number % 2 else second).promises(number)
        await asyncio.sleep(20)
        assert sorted(form["Url"] for form in first.rest.forms) == [
            f"https://bridge.example/twilio/outbound/{wants(number).call_sid}.1" for number in range(1, 9)
        ]
        await first.closes()
        await second.closes()

    run_virtual(play())


def test_a_process_that_ends_between_taking_one_and_calling_it_loses_none() -> None:
    async def play() -> None:
        records = FakeRecords()
        first = Office([], records)
        await first.promises()
        [row] = await first.callbacks.listed()
        assert await first.book.claim_callback(row, state="dialling", attempts=1, last_at=first.wall())
        second = Office([], records)
        second.opens()
        await asyncio.sleep(60)
        assert second.rest.forms == []
        await asyncio.sleep(60)
        assert [form["To"] for form in second.rest.forms] == [PERSON]
        await second.closes()

    run_virtual(play())


def test_a_create_that_was_never_answered_is_not_repeated_for_a_callback_either() -> None:
    async def story(office: Office) -> None:
        office.rest.instead = [(VendorUnreachable("no answer"), "ringing")]
        await office.promises()
        await asyncio.sleep(60)
        assert office.waiting() == [("dialling", 1)]
        [sid] = office.rest.calls
        office.outbound.status_changed(office.dial_id(), sid, "busy")
        await asyncio.sleep(0)
        assert office.waiting() == [("waiting", 1)]

    assert len(in_office(story).rest.forms) == 1


def test_an_id_tells_the_attempt() -> None:
    assert attempt_of(dial_id("CA1", 3)) == 3
    assert attempt_of("DLabc") == 0


def test_the_hours_are_those_of_the_flow_or_of_its_first_hours_node() -> None:
    nodes = {
        "hours": {"kind": "hours", "hours": "desk", "open": "bye", "closed": "bye"},
        "bye": {"kind": "hang_up"},
    }
    assert hours_of(Flow.model_validate({"start": "hours", "nodes": nodes})) == "desk"
    assert hours_of(Flow.model_validate({"start": "bye", "nodes": {"bye": nodes["bye"]}})) is None
    both = {"start": "hours", "nodes": nodes, "outbound": {"hours": "calls"}}
    assert hours_of(Flow.model_validate(both)) == "calls"
