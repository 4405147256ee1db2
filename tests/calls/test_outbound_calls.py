"""Calls that we make, for real: a network with its REST API, phones that ring, machines, lines that are busy."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from ivr_bridge.simulator.phone.call_account import CallAccount
from ivr_bridge.simulator.phone.callees import busy, machine, person
from ivr_bridge.simulator.phone.caller import Digits, HangUp, Say, Wait
from ivr_bridge.simulator.phone.line import SANDBOX_ACCOUNT_SID, Line
from ivr_bridge.simulator.phone.network import Network
from ivr_bridge.simulator.phone.network_rest import NetworkRest
from ivr_bridge.simulator.phone.rest_faults import RestFault
from ivr_bridge.simulator.phone.voices import speak
from ivr_bridge.telemetry.call_feed import FeedEvent
from tests.calls.conftest import Once
from tests.calls.house import TOKEN, House, PlacedCall, house, sandbox, sandbox_log

pytestmark = pytest.mark.timeout(180)

OURS = "+15550100002"
PERSON, MACHINE, BUSY, LOST = "+15550101111", "+15550102222", "+15550103333", "+15550104444"
WAITS = "+15550105555"
PARKING, GOODBYE = "is there parking", "no thank you goodbye"
WORD = "This is a message for your machine. Goodbye."
FLOWS = {
    "main": {"numbers": ["*"], "disclosure": False, "start": "talk", "nodes": {"talk": {"kind": "agent"}}},
    "reminder": {
        "disclosure": False,
        "outbound": {"machine": "word"},
        "start": "talk",
        "nodes": {"talk": {"kind": "agent"}},
    },
}


@dataclass(frozen=True)
class Dialled:
    """One dial, as everybody has it."""

    told: dict[str, Any]
    """By the API, at last."""
    leg: CallAccount | None
    """Of the network: who was called."""
    events: list[FeedEvent]
    log: list[str]

    def named(self, name: str) -> list[dict[str, Any]]:
        return [dict(event.fields) for event in self.events if event.name == name]


@asynccontextmanager
async def outbound_house(
    folder: Path, rendered: Path, **given: Any
) -> AsyncIterator[tuple[House, Network, NetworkRest]]:
    """The bridge, an agent, and a network whose REST API it asks."""
    line = Line("http://127.0.0.1:9", None, TOKEN, in_real_time=True)
    async with Network(line) as network, NetworkRest(network, numbers=(OURS,)) as rest, sandbox() as service_url:
        settings = {
            "twilio_account_sid": SANDBOX_ACCOUNT_SID, "twilio_api_base_url": rest.url, "outbound_caller_id": OURS,
            "outbound_cps": 10, **given,
        }  # fmt: skip
        async with house(
            folder, service_url, rendered=rendered, flows=FLOWS, prompts={"word": WORD}, **settings
        ) as here:
            await here.ready()
            network.line = replace(here.line, in_real_time=True)
            yield here, network, rest
            async with asyncio.timeout(20):
                await network.idle()


async def dial(here: House, to: str, network: Network, **more: Any) -> Dialled:
    """`POST /api/v1/calls`, and what has become of it when it is over."""
    headers = {"Authorization": f"Bearer {here.bridge.made_api_key}"}
    async with aiohttp.ClientSession(here.url, headers=headers) as http:
        async with http.post("/api/v1/calls", json={"to": to, "flow": "reminder", **more}) as answer:
            assert answer.status == 202, await answer.text()
            dial_id = (await answer.json())["dial_id"]
        told: dict[str, Any] = {}
        async with asyncio.timeout(90):
            while not told.get("over"):
                await asyncio.sleep(0.2)
                async with http.get(f"/api/v1/calls/dials/{dial_id}") as answer:
                    told = await answer.json()
    async with asyncio.timeout(20):
        await network.idle()
    leg = next((each for each in network.calls.values() if each.account.called == to), None)
    events: list[FeedEvent] = []
    if told["call_sid"] is not None and told["state"] == "done":
        events = [event async for event in here.feeds.follow(told["call_sid"])]
    report = leg.report() if leg is not None else None
    return Dialled(
        told,
        leg.account if leg is not None else None,
        events,
        list(report.violations) if report is not None else [],
    )


@pytest.fixture(scope="module")
def lived(rendered: Path, once: Once) -> dict[str, Dialled]:
    async def all_of_them(folder: Path) -> dict[str, Dialled]:
        async with outbound_house(folder, rendered) as (here, network, rest):
            greeting = speak("You have reached our machine. Please leave a message.")
            network.callees.set(PERSON, person(Say(speak(PARKING), PARKING), Say(speak(GOODBYE), GOODBYE), rings_s=0.5))
            network.callees.set(MACHINE, machine(greeting, rings_s=0.5))
            network.callees.set(BUSY, busy())
            network.callees.set(LOST, busy())
            found = await asyncio.gather(*(dial(here, to, network) for to in (PERSON, MACHINE, BUSY)))
            rest.fail(RestFault("reset_after", method="POST", path="Calls.json"))
            lost = await dial(here, LOST, network)
            creates = [each for each in rest.created if each.order.called == LOST]
            assert len(creates) == 1, "no second phone rings"
        return dict(zip(("person", "machine", "busy", "lost"), (*found, lost), strict=True))

    made: dict[str, Dialled] = once("outbound-calls", all_of_them)
    return made


def test_a_person_talks_with_the_agent(lived: dict[str, Dialled]) -> None:
    dialled = lived["person"]
    assert (dialled.told["state"], dialled.told["answered_by"]) == ("done", "human")
    assert [line["pii.text"] for line in dialled.named("caller.said")][-2:] == [PARKING, GOODBYE]
    assert dialled.events[-1].fields["reason"] == "agent_hung_up"
    assert [line["pii.caller"] for line in dialled.named("call.answered")] == [PERSON]
    assert dialled.log == []


def test_a_machine_gets_the_message_after_its_tone_and_nothing_behind_it(lived: dict[str, Dialled]) -> None:
    dialled = lived["machine"]
    assert (dialled.told["state"], dialled.told["answered_by"]) == ("done", "machine_end_beep")
    assert dialled.events[-1].fields["reason"] == "machine_answered"
    assert [line["prompt"] for line in dialled.named("prompt.played")][-1] == "word"
    [detected] = dialled.named("machine.detected")
    assert detected["then"] == "message"
    assert dialled.log == []


def test_a_busy_line(lived: dict[str, Dialled]) -> None:
    assert (lived["busy"].told["state"], lived["busy"].told["error"]) == ("failed", "busy")


def test_a_create_whose_answer_was_lost_is_found_and_not_repeated(lived: dict[str, Dialled]) -> None:
    told = lived["lost"].told
    assert (told["state"], told["error"]) == ("failed", "busy")
    assert told["call_sid"]


# A full house


@pytest.fixture(scope="module")
def promised(rendered: Path, once: Once) -> tuple[PlacedCall, CallAccount | None, list[str]]:
    async def live(folder: Path) -> tuple[PlacedCall, CallAccount | None, list[str]]:
        more = {"max_calls": 1, "callbacks": True, "callback_pause_s": 1}
        async with outbound_house(folder, rendered, **more) as (here, network, _):
            network.callees.set(WAITS, person(Say(speak(GOODBYE), GOODBYE), rings_s=0.5))
            busy_line = asyncio.create_task(here.call(Wait(14.0), HangUp()))
            await asyncio.sleep(2)
            script = (Wait(1.0), Digits("1", barge_in=True, expects_answer=False), Wait(8.0))
            second = await here.call(*script, line={"caller": WAITS, "in_real_time": True}, network=network)
            await busy_line
            async with asyncio.timeout(60):
                while not any(leg.account.called == WAITS and leg.account.is_over for leg in network.calls.values()):
                    await asyncio.sleep(0.2)
            called = next(leg.account for leg in network.calls.values() if leg.account.called == WAITS)
            await asyncio.sleep(0.5)
            return second, called, [row["state"] for row in await here.bridge.outbound.callbacks.listed()]

    made: tuple[PlacedCall, CallAccount | None, list[str]] = once("callbacks", live)
    return made


def test_who_finds_every_line_taken_is_called_back(
    promised: tuple[PlacedCall, CallAccount | None, list[str]],
) -> None:
    second, called, states = promised
    assert second.reason == "busy"
    assert "<Gather" in second.report.twiml[0]
    assert "We will call you back" in second.report.twiml[1]
    assert called is not None
    assert called.status == "completed"
    assert states == ["done"]


# Keys that the carrier presses


@pytest.fixture(scope="module")
def pressed(rendered: Path, once: Once) -> tuple[PlacedCall, list[str]]:
    async def live(folder: Path) -> tuple[PlacedCall, list[str]]:
        async with sandbox() as service_url, house(folder, service_url, rendered=rendered) as here:
            await here.ready()

            async def press() -> None:
                while not (live := here.bridge.desk.calls.all()) or live[0].call is None:
                    await asyncio.sleep(0.05)
                await asyncio.sleep(4)
                assert live[0].call is not None
                live[0].call._parts.controls.send_digits("12w#", "carrier")

            pressing = asyncio.create_task(press())
            call = await here.call(Wait(9.0), Say(speak(PARKING), PARKING), Say(speak(GOODBYE), GOODBYE))
            await pressing
            return call, [conversation["conversation_id"] for conversation in await sandbox_log(service_url)]

    lived: tuple[PlacedCall, list[str]] = once("carrier-digits", live)
    return lived


def test_after_the_keys_the_same_conversation_goes_on(pressed: tuple[PlacedCall, list[str]]) -> None:
    call, conversations = pressed
    assert (call.reason, call.ended["streams"]) == ("agent_hung_up", 2)
    assert conversations == [call.ended["conversation_id"]]
    [keys] = [text for text in call.report.twiml if "<Play" in text]
    assert '<Play digits="12w#"' in keys
    assert PARKING in call.texts("caller")
    assert call.report.violations == []
