"""People behind the agent, for real: a network with its REST API, a person's phone that rings, a caller who waits."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from ivr_bridge.simulator.phone.call_account import CallAccount
from ivr_bridge.simulator.phone.callees import listener, nobody
from ivr_bridge.simulator.phone.caller import Digits, HangUp, Say, Step, Wait
from ivr_bridge.simulator.phone.line import SANDBOX_ACCOUNT_SID, Line
from ivr_bridge.simulator.phone.network import Network
from ivr_bridge.simulator.phone.network_rest import NetworkRest
from ivr_bridge.simulator.phone.voices import speak
from tests.calls.conftest import Once
from tests.calls.house import TOKEN, House, PlacedCall, house, sandbox, sandbox_log

pytestmark = pytest.mark.timeout(180)

COLLEAGUE, OURS = "+15550109999", "+15550100002"
PARKING, GOODBYE, MESSAGE = "is there parking", "no thank you goodbye", "Please call me back. Thank you."
PRESS_0 = Digits("0", barge_in=True, after_ms=1000, expects_answer=False)


def flow(**desk: Any) -> dict[str, Any]:
    person = {"kind": "transfer", "mode": "warm", "numbers": [COLLEAGUE], "ring_s": 5, **desk}
    return {
        "numbers": ["*"],
        "disclosure": False,
        "person": "person",
        "start": "talk",
        "nodes": {
            "talk": {"kind": "agent", "next": "message"},
            "person": {"failed": "talk", **person},
            "message": {"kind": "voicemail"},
            "bye": {"kind": "hang_up", "prompt": "goodbye"},
        },
    }


@dataclass(frozen=True)
class Lived:
    """What came of one call."""

    call: PlacedCall
    conversations: list[str]
    others: list[CallAccount]
    """The other ends of the network, in order."""
    asked: list[tuple[str, str]]
    """Method and form's keys of what Twilio's REST API was asked for."""
    messages: int = 0
    """Recorded here."""


@asynccontextmanager
async def network() -> AsyncIterator[tuple[Network, NetworkRest]]:
    """With nobody's server behind it yet; speaks in real time."""
    line = Line("http://127.0.0.1:9", None, TOKEN, in_real_time=True)
    async with Network(line) as made, NetworkRest(made, numbers=(OURS,)) as rest:
        yield made, rest


async def live(
    folder: Path, rendered: Path, desk: dict[str, Any], callee: Any, *steps: Step, agent_keys: str = ""
) -> Lived:
    async with network() as (made, rest), sandbox() as service_url:
        settings = {"twilio_account_sid": SANDBOX_ACCOUNT_SID, "twilio_api_base_url": rest.url}
        flows = {"main": flow(**desk)}
        async with house(folder, service_url, rendered=rendered, flows=flows, **settings) as here:
            await here.ready()
            keying = asyncio.create_task(_press_for_agent(here, agent_keys))
            found = await _call(here, service_url, made, rest, callee, *steps)
            await keying
        return replace(found, messages=len([*(folder / "var" / "voicemails").glob("*.wav")]))


async def _press_for_agent(here: House, keys: str) -> None:
    """What the agent's tool `send_digits` does, while the agent talks; the sandbox's agent never thinks of it."""
    calls = here.bridge.desk.calls
    while keys and not (calls.all() and calls.all()[0].account.conversation_id and calls.all()[0].call is not None):
        await asyncio.sleep(0.05)
    if keys and (call := calls.all()[0].call) is not None:
        call._parts.controls.send_digits(keys, "carrier")


async def _call(here: House, service_url: str, made: Network, rest: NetworkRest, callee: Any, *steps: Step) -> Lived:
    made.line = replace(here.line, in_real_time=True)
    made.callees.set(COLLEAGUE, callee)
    call = await here.call(*steps, line={"in_real_time": True}, network=made)
    async with asyncio.timeout(10):
        await made.idle()
    conversations = [one["conversation_id"] for one in await sandbox_log(service_url)]
    others = [leg.account for leg in made.calls.values() if leg.sid != call.report.call_sid]
    asked = [(request.method, " ".join(name for name, _ in request.form)) for request in rest.requests]
    return Lived(call, conversations, others, asked)


@pytest.fixture(scope="module")
def lived(rendered: Path, once: Once) -> dict[str, Lived]:
    async def both(folder: Path) -> dict[str, Lived]:
        back = live(
            folder / "back", rendered, {}, nobody(),
            Wait(12.0), PRESS_0, Wait(14.0), Say(speak(PARKING), PARKING), Say(speak(GOODBYE), GOODBYE),
            Wait(6.0), Say(speak(MESSAGE), MESSAGE, expects_answer=False), Wait(1.0), HangUp(),
            agent_keys="12#",
        )  # fmt: skip
        put_through = live(
            folder / "through", rendered, {"whisper": "A caller for you."}, listener(14.0, rings_s=2.0, keys="1"),
            Wait(3.0), PRESS_0, Wait(40.0),
        )  # fmt: skip
        found = await asyncio.gather(back, put_through)
        return dict(zip(("back", "through"), found, strict=True))

    made: dict[str, Lived] = once("warm-transfers", both)
    return made


# Nobody answers: back to the agent, then voicemail


def test_the_caller_comes_back_to_the_same_conversation(lived: dict[str, Lived]) -> None:
    call = lived["back"].call
    assert [line["outcome"] for line in call.named("transfer.ended")] == ["no_answer"]
    assert call.report.played_by_network[0] == "12#", "the agent pressed keys before"
    assert len(call.report.stream_sids) == 3
    assert len(call.named("agent.returned")) == 2
    assert lived["back"].conversations == [call.ended["conversation_id"]]
    assert PARKING in call.texts("caller")
    assert call.report.violations == []


def test_one_phone_rang_and_the_caller_was_sent_back_once(lived: dict[str, Lived]) -> None:
    [colleague] = lived["back"].others
    assert (colleague.status, colleague.called) == ("no-answer", COLLEAGUE)
    creates = [fields for method, fields in lived["back"].asked if "To" in fields.split()]
    updates = [fields for method, fields in lived["back"].asked if fields == "Url Method"]
    assert (len(creates), len(updates)) == (1, 1)


def test_the_call_ends_with_a_message(lived: dict[str, Lived]) -> None:
    call = lived["back"].call
    assert call.reason == "message_recorded"
    assert (len(call.named("voicemail.begun")), lived["back"].messages) == (1, 1)
    assert "leave_message" in call.prompts


# Somebody answers


def test_the_person_takes_the_call_with_a_key(lived: dict[str, Lived]) -> None:
    call = lived["through"].call
    assert call.reason == "transferred"
    [ended] = call.named("transfer.ended")
    assert (ended["kind"], ended["outcome"], ended["broken"]) == ("warm", "answered", False)
    [colleague] = lived["through"].others
    assert colleague.status == "completed"
    assert len(call.named("transfer.whispered")) == 1
    assert call.report.violations == []


def test_the_caller_has_heard_music_meanwhile(lived: dict[str, Lived]) -> None:
    call = lived["through"].call
    waiting = [text for text in call.report.twiml if "<Conference" in text]
    assert len(waiting) == 1
    assert "/prompts/" in waiting[0]
    assert sum(end - start for start, end in call.report.network_heard_at_ms) > 1500
