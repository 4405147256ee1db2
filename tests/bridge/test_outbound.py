"""Calls that we make: what is asked of Twilio, what is never asked twice, and what becomes of each."""

import asyncio
from itertools import pairwise

import pytest

from ivr_bridge.errors import VendorBusy, VendorFailed, VendorRejected, VendorUnreachable
from ivr_bridge.records.journal import JournalFull
from ivr_bridge.records.tables import dials as dial_rows
from ivr_bridge.telemetry.events import CATALOGUE
from ivr_bridge.twilio.call_desk import HangUp
from tests.support.outbound_scene import BASE, OUR_NUMBER, PERSON, FakeRecords, Office, in_office
from tests.support.virtual_time import run_virtual

REFUSED = VendorUnreachable("refused", sent=False)
TIMED_OUT = VendorUnreachable("no answer in 10 s")


def test_somebody_is_called_into_a_flow_and_the_call_goes_there() -> None:
    async def story(office: Office) -> None:
        dial = await office.asks(machine=True)
        assert office.dials() == [("waiting", None)], "on the disk before Twilio is asked"
        assert office.rest.forms == []
        await asyncio.sleep(1)
        url = f"{BASE}/twilio/outbound/{dial.id}"
        assert office.rest.forms == [
            {
                "To": PERSON, "From": OUR_NUMBER, "Url": url, "Method": "POST", "Timeout": 60, "TimeLimit": 3660,
                "StatusCallback": f"{url}/status", "StatusCallbackMethod": "POST",
                "StatusCallbackEvent": ("initiated", "ringing", "answered", "completed"),
                "MachineDetection": "DetectMessageEnd", "AsyncAmd": "true",
                "AsyncAmdStatusCallback": f"{url}/machine", "AsyncAmdStatusCallbackMethod": "POST",
            }
        ]  # fmt: skip
        assert office.dials() == [("created", None)]
        [sid] = office.rest.calls
        await office.answers(dial.id, sid)
        assert office.dials() == [("answered", None)]
        [call] = office.desk.answered
        assert (call.flow, call.variables, call.caller) == ("reminder", {"name": "Ann"}, PERSON)
        office.outbound.status_changed(dial.id, sid, "completed")
        await asyncio.sleep(0)
        assert office.dials() == [("done", None)]

    office = in_office(story)
    assert [line["event"] for line in office.logs] == ["dial.asked", "dial.created", "dial.ended"]
    assert PERSON not in str([{n: v for n, v in line.items() if not n.startswith("pii.")} for line in office.logs])


def test_without_machine_detection_nobody_listens() -> None:
    async def story(office: Office) -> None:
        await office.asks()
        await asyncio.sleep(1)
        assert not any("Amd" in name or "Machine" in name for name in office.rest.forms[0])

    in_office(story)


@pytest.mark.parametrize("status", ["busy", "no-answer", "failed", "canceled"])
def test_nobody_takes_the_call(status: str) -> None:
    async def story(office: Office) -> None:
        dial = await office.asks()
        await asyncio.sleep(1)
        [sid] = office.rest.calls
        assert office.desk.calls.reserved == 1
        office.outbound.status_changed(dial.id, sid, "ringing")
        office.outbound.status_changed(dial.id, sid, status)
        office.outbound.status_changed(dial.id, sid, "completed")
        await asyncio.sleep(1)
        assert office.dials() == [("failed", status)]
        assert office.desk.calls.reserved == 0

    assert len(in_office(story).events("dial.ended")) == 1


def test_a_time_out_is_unknown_and_looked_up_before_anything_else_is_done() -> None:
    async def story(office: Office) -> None:
        office.rest.instead = [(TIMED_OUT, "ringing")]
        await office.asks()
        await asyncio.sleep(1)
        assert office.dials() == [("unknown", "vendor_unreachable")]
        await asyncio.sleep(30)
        assert office.dials() == [("created", None)]
        assert [row["call_sid"] for row in office.records.all(dial_rows)] == list(office.rest.calls)
        await asyncio.sleep(600)

    office = in_office(story)
    assert len(office.rest.forms) == 1, "one phone rings"
    assert [line["error"] for line in office.events("dial.unknown")] == ["vendor_unreachable"]
    assert [line["found"] for line in office.events("dial.found")] == list(office.rest.calls)


def test_an_unknown_call_that_twilio_does_not_have_is_made_after_a_while() -> None:
    async def story(office: Office) -> None:
        office.rest.instead = [TIMED_OUT]
        await office.asks()
        await asyncio.sleep(80)
        assert len(office.rest.forms) == 1
        assert office.dials() == [("unknown", "vendor_unreachable")]
        await asyncio.sleep(40)
        assert len(office.rest.forms) == 2
        assert office.dials() == [("created", None)]
        assert office.desk.calls.reserved == 1

    office = in_office(story)
    assert [line["found"] for line in office.events("dial.found")] == ["no call"]


def test_an_earlier_call_to_the_same_number_is_not_taken_for_the_unknown_one() -> None:
    async def story(office: Office) -> None:
        await office.asks()
        await asyncio.sleep(1.5)
        office.rest.instead = [TIMED_OUT]
        await office.asks()
        await asyncio.sleep(60)
        assert [state for state, _ in office.dials()] == ["created", "unknown"]
        await asyncio.sleep(60)
        assert [state for state, _ in office.dials()] == ["created", "created"]
        assert len(office.rest.forms) == 3

    in_office(story, outbound_ring_s=600)


def test_a_webhook_of_the_call_tells_what_the_answer_did_not() -> None:
    async def story(office: Office) -> None:
        office.rest.instead = [(VendorFailed("503", status=503), "queued")]
        dial = await office.asks()
        await asyncio.sleep(1)
        assert office.dials() == [("unknown", "vendor_failed")]
        office.outbound.status_changed(dial.id, "CA77", "initiated")
        await asyncio.sleep(0)
        assert office.dials() == [("created", None)]
        office.outbound.status_changed(dial.id, "CA77", "busy")
        await asyncio.sleep(0)
        assert office.dials() == [("failed", "busy")]

    assert len(in_office(story).rest.forms) == 1


def test_a_refused_connection_and_too_many_requests_are_made_later() -> None:
    async def story(office: Office) -> None:
        busy = VendorBusy("429", status=429, vendor_code="20429")
        office.rest.instead = [REFUSED, busy]
        await office.asks()
        await asyncio.sleep(1)
        assert office.dials() == [("waiting", "vendor_unreachable")]
        assert office.desk.calls.reserved == 0
        await asyncio.sleep(12)
        assert office.dials() == [("waiting", "20429")]
        await asyncio.sleep(8)
        assert office.dials() == [("created", None)]

    office = in_office(story)
    assert len(office.rest.forms) == 3
    assert [line["again_s"] for line in office.events("dial.delayed")] == [10.0, 5.0]


def test_what_twilio_rejects_is_not_tried_again() -> None:
    async def story(office: Office) -> None:
        office.rest.instead = [VendorRejected(f"{PERSON} is no number", status=400, vendor_code="21211")]
        await office.asks()
        await asyncio.sleep(60)
        assert office.dials() == [("failed", "21211")]

    office = in_office(story)
    assert len(office.rest.forms) == 1
    assert PERSON not in str([line for line in office.logs if line["event"] != "dial.asked"])


def test_twilio_is_asked_about_a_call_that_nobody_has_told_the_end_of() -> None:
    async def story(office: Office) -> None:
        await office.asks()
        await asyncio.sleep(1)
        [sid] = office.rest.calls
        office.rest.calls[sid]["status"] = "no-answer"
        await asyncio.sleep(110)
        assert office.dials() == [("failed", "no-answer")]

    in_office(story)


def test_a_call_that_nobody_asked_for_is_hung_up() -> None:
    async def story(office: Office) -> None:
        assert await office.answers("DLnone", "CA5") == HangUp()
        assert office.desk.answered == []

    in_office(story)


def test_calls_are_begun_one_a_second() -> None:
    async def story(office: Office) -> None:
        for _ in range(5):
            await office.asks()
        begun_at = asyncio.get_running_loop().time()
        moments: list[float] = []
        while len(moments) < 5:
            await asyncio.sleep(0.05)
            if len(office.rest.forms) > len(moments):
                moments.append(asyncio.get_running_loop().time() - begun_at)
        assert all(later - earlier > 0.9 for earlier, later in pairwise(moments))
        assert moments[-1] < 6

    in_office(story)


def test_nobody_is_called_while_every_line_is_taken_or_the_server_goes_down() -> None:
    async def story(office: Office) -> None:
        office.desk.calls.reserved = 2
        await office.asks()
        await asyncio.sleep(10)
        assert office.rest.forms == []
        office.desk.calls.reserved = 0
        office.desk.draining = True
        await asyncio.sleep(10)
        assert office.rest.forms == []
        office.desk.draining = False
        await asyncio.sleep(2)
        assert len(office.rest.forms) == 1

    in_office(story, max_calls=2)


def test_a_dial_that_cannot_be_kept_is_not_made() -> None:
    async def story(office: Office) -> None:
        office.records.disk_full = True
        with pytest.raises(JournalFull):
            await office.asks()
        await asyncio.sleep(10)
        assert office.rest.forms == []

    in_office(story)


def test_a_process_that_ends_while_it_asks_leaves_a_dial_that_the_next_one_looks_up() -> None:
    async def play() -> None:
        records = FakeRecords()
        first = Office([], records)
        first.rest.after_s = 5.0
        first.opens()
        await first.asks()
        await asyncio.sleep(2)
        await first.closes()
        assert first.dials() == [("unknown", None)]
        first.rest.after_s = 0.1
        first.rest._create({"To": PERSON, "From": OUR_NUMBER, "Url": ""})  # it had come through
        second = Office([], records, first.rest)
        second.opens()
        await asyncio.sleep(30)
        assert second.dials() == [("created", None)]
        assert len(second.rest.forms) == 1
        await second.closes()

    run_virtual(play())


def test_the_database_is_away_for_a_while() -> None:
    async def story(office: Office) -> None:
        office.records.down = True
        await office.asks()
        await asyncio.sleep(600)
        assert office.rest.forms == []
        office.records.down = False
        await asyncio.sleep(40)
        assert len(office.rest.forms) == 1

    assert len(in_office(story).events("outbound.stalled")) == 1


def test_its_events_are_in_the_catalogue() -> None:
    assert {name for name in CATALOGUE if name.startswith("dial.")} >= {"dial.asked", "dial.unknown", "dial.ended"}
