"""Everything that calls people around a real desk: what API clients ask, and machines that answer."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from ivr_bridge.bridge.outbound_office import NO_ACCOUNT, NO_NUMBER, OutboundOffice, direction_of
from ivr_bridge.elevenlabs.conversation.events import AgentResponded
from ivr_bridge.records.tables import callbacks as callback_rows
from ivr_bridge.telemetry.log import Log
from ivr_bridge.twilio.call_desk import ConnectStream, GatherKeys, IncomingCall
from ivr_bridge.twilio.stream_events import DtmfPressed
from tests.support.front_desk import ACCOUNT, House, Phone, in_house, incoming, sid
from tests.support.outbound_scene import MONDAY, OUR_NUMBER, PERSON, FakeRecords, FakeRest

AGENT = {"start": "agent", "disclosure": False, "nodes": {"agent": {"kind": "agent"}}}
MESSAGE = {**AGENT, "outbound": {"machine": "leave_word"}}
RUDE = {**AGENT, "outbound": {"machine": "hang_up"}}
PROMISES = {
    "start": "back",
    "disclosure": False,
    "nodes": {
        "back": {"kind": "callback", "next": "bye", "otherwise": "agent"},
        "bye": {"kind": "hang_up", "prompt": "goodbye"},
        "agent": {"kind": "agent"},
    },
}


def called(call_sid: str) -> IncomingCall:
    return IncomingCall(call_sid, ACCOUNT, PERSON, OUR_NUMBER, "outbound-api", "in-progress")


class Joined:
    """A house and its office; somebody may be called and answers."""

    def __init__(self, house: House, **settings: Any) -> None:
        self.house = house
        self.records = FakeRecords()
        self.rest = FakeRest(lambda: MONDAY)
        needs = house.desk._needs
        self.office = OutboundOffice(
            needs.settings.model_copy(update={"outbound_caller_id": OUR_NUMBER, **settings}),
            self.rest,  # type: ignore[arg-type]
            records=self.records,
            desk=house.desk,
            ivr=needs.ivr,
            base_url=lambda: "https://bridge.example",
            log=Log(),
            wall=lambda: MONDAY,
        )

    async def rings(self, **more: Any) -> tuple[str, str]:
        """Dial id and CallSid of somebody who is called now."""
        dial_id = await self.office.dial(PERSON, "main", {}, None)
        await asyncio.sleep(1)
        return dial_id, list(self.rest.calls)[-1]

    async def answers(self) -> tuple[str, str, Phone]:
        """They take the call, and hear the agent."""
        dial_id, call_sid = await self.rings()
        answer = await self.office.outbound.answered(dial_id, called(call_sid))
        assert isinstance(answer, ConnectStream)
        phone = self.house.connect(call_sid, answer.token)
        await asyncio.sleep(1)
        return dial_id, call_sid, phone


def joined(story: Callable[[Joined], Awaitable[None]], flow: dict[str, Any], **settings: Any) -> House:
    async def play(house: House) -> None:
        here = Joined(house)
        running = asyncio.create_task(here.office.run())
        await story(here)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await here.office.close()

    return in_house(play, flow=flow, **settings)


def test_a_call_is_made_and_answered_by_the_agent() -> None:
    async def story(here: Joined) -> None:
        dial_id, call_sid, phone = await here.answers()
        [live] = here.office.live_calls()
        assert (live["direction"], live["flow"], live["node"]) == ("outbound", "main", "agent")
        assert PERSON not in str(live)
        found = await here.office.look_up(dial_id)
        assert found is not None
        assert (found["state"], found["over"], found["call_sid"]) == ("answered", False, call_sid)
        assert PERSON not in str(found)
        assert here.house.desk.calls.find(call_sid).journey.values["caller"] == PERSON  # type: ignore[union-attr]
        await phone.stops()

    house = joined(story, AGENT)
    assert [line["pii.caller"] for line in house.events("call.answered")] == [PERSON]


def test_a_machine_gets_its_message_and_nothing_of_the_agent() -> None:
    async def story(here: Joined) -> None:
        dial_id, call_sid, phone = await here.answers()
        agent = here.house.agents[-1]
        agent.says(AgentResponded("Hello, I am calling about", 1))
        agent.speaks(20_000)
        await asyncio.sleep(1)
        before = phone.caller.heard_ms()
        here.office.outbound.machine_detected(dial_id, call_sid, "machine_end_beep")
        agent.speaks(5_000, event_id=2)
        await phone.running
        assert "clear" in phone.caller.kinds()
        assert phone.caller.heard_ms() - before < 2500, "the message of a second, and what was under way"
        await here.house.asks(call_sid=call_sid)
        here.office.outbound.status_changed(dial_id, call_sid, "completed")
        await asyncio.sleep(0)
        found = await here.office.look_up(dial_id)
        assert found is not None
        assert (found["state"], found["answered_by"]) == ("done", "machine_end_beep")

    house = joined(story, MESSAGE)
    assert house.reasons == ["machine_answered"]
    assert [line["prompt"] for line in house.events("prompt.played")] == ["leave_word"]
    assert [line["then"] for line in house.events("machine.detected")] == ["message"]


def test_a_machine_that_gets_nothing_is_hung_up_and_so_is_a_fax() -> None:
    async def story(here: Joined) -> None:
        for answered_by in ("machine_end_silence", "fax"):
            dial_id, call_sid, phone = await here.answers()
            here.office.outbound.machine_detected(dial_id, call_sid, answered_by)
            await phone.running
            await here.house.asks(call_sid=call_sid)
            here.office.outbound.status_changed(dial_id, call_sid, "completed")
            await asyncio.sleep(0)
            found = await here.office.look_up(dial_id)
            assert found is not None
            assert (found["state"], found["error"]) == ("failed", "machine")

    house = joined(story, RUDE)
    assert house.reasons == ["machine_answered"] * 2
    assert house.events("prompt.played") == []


def test_a_person_and_whoever_it_is_unknown_go_on() -> None:
    async def story(here: Joined) -> None:
        dial_id, call_sid, phone = await here.answers()
        for answered_by in ("human", "unknown", "machine_start"):
            here.office.outbound.machine_detected(dial_id, call_sid, answered_by)
        await asyncio.sleep(2)
        assert not phone.running.done()

    house = joined(story, MESSAGE)
    assert [line["then"] for line in house.events("machine.detected")] == ["go on"] * 3


def test_a_machine_that_is_known_before_its_stream_gets_the_message_in_it() -> None:
    async def story(here: Joined) -> None:
        dial_id, call_sid = await here.rings()
        answer = await here.office.outbound.answered(dial_id, called(call_sid))
        here.office.outbound.machine_detected(dial_id, call_sid, "machine_end_beep")
        assert isinstance(answer, ConnectStream)
        phone = here.house.connect(call_sid, answer.token)
        await phone.running
        assert phone.caller.heard_ms() == pytest.approx(1000)
        await here.house.asks(call_sid=call_sid)

    house = joined(story, MESSAGE)
    assert house.reasons == ["machine_answered"]


def test_whoever_rings_holds_a_line_and_is_let_in() -> None:
    async def story(here: Joined) -> None:
        _, call_sid = await here.rings()
        assert not isinstance(await here.house.desk.answer_voice(incoming(sid(7))), ConnectStream)
        dial_id = here.rest.forms[0]["Url"].rpartition("/")[2]
        assert isinstance(await here.office.outbound.answered(dial_id, called(call_sid)), ConnectStream)

    joined(story, AGENT, max_calls=1)


def test_a_flow_promises_to_call_back_and_the_caller_is_called() -> None:
    async def story(here: Joined) -> None:
        here.house.desk.draining = True
        here.house.desk.draining = False
        phone = await here.house.talks()
        phone.caller.says(DtmfPressed("1"))
        await phone.running
        [row] = here.records.all(callback_rows)
        assert (row["number"], row["flow"], row["id"]) == ("+15550100001", "main", sid())
        await here.house.asks()
        await asyncio.sleep(6)
        assert [form["To"] for form in here.rest.forms] == ["+15550100001"]

    house = joined(story, PROMISES, max_calls=5, outbound_reserve=0)
    played = [line["prompt"] for line in house.events("prompt.played")]
    promised = [line["event"] for line in house.logs].index("callback.promised")
    confirmed = [line.get("prompt") for line in house.logs].index("callback_confirmed")
    assert promised < confirmed
    assert played[0] == "callback_offer"
    assert played[1:12] == [f"digit_{digit}" for digit in "15550100001"]
    assert played[-2:] == ["callback_confirmed", "goodbye"]
    assert "+15550100001" not in str([line for line in house.logs if "pii" not in str(line)])


def test_a_promise_that_cannot_be_kept_leads_elsewhere() -> None:
    async def story(here: Joined) -> None:
        phone = await here.house.talks()
        here.records.disk_full = True
        phone.caller.says(DtmfPressed("1"))
        await asyncio.sleep(2)
        assert not phone.running.done()
        assert here.house.desk.calls.find(sid()).journey.state.node == "agent"  # type: ignore[union-attr]

    house = joined(story, PROMISES)
    assert "callback_confirmed" not in [line["prompt"] for line in house.events("prompt.played")]


def test_which_flow_a_call_begins_in() -> None:
    async def story(here: Joined) -> None:
        assert here.office.flow("main") == "main"
        assert here.office.flow("nowhere") is None
        assert here.office.flow(None) == "main"
        assert await here.office.look_up("DL-none") is None

    joined(story, AGENT)


def test_why_nobody_can_be_called() -> None:
    async def story(house: House) -> None:
        needs, records = house.desk._needs, FakeRecords()

        def made(rest: Any, **settings: Any) -> OutboundOffice:
            known = needs.settings.model_copy(update=settings)
            return OutboundOffice(known, rest, records=records, desk=house.desk, ivr=needs.ivr, base_url=str, log=Log())

        assert made(None).hindrance == NO_NUMBER
        assert made(None, outbound_caller_id=OUR_NUMBER).hindrance == NO_ACCOUNT
        able = made(FakeRest(lambda: MONDAY), outbound_caller_id=OUR_NUMBER, callbacks=True)
        assert able.hindrance is None
        await house.answers(sid(1))
        assert isinstance(await house.desk.answer_voice(incoming(sid(2))), GatherKeys)

    in_house(story, max_calls=1)


def test_direction() -> None:
    assert direction_of(incoming()) == "inbound"
    assert direction_of(called("CA1")) == "outbound"
