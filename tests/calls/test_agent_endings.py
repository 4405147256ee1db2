"""One call for each way an agent can end or spoil a call, and for faults that it must survive."""

import asyncio
from pathlib import Path

import pytest
from aiohttp import web

from ivr_bridge.bridge.termination import Termination
from ivr_bridge.simulator.phone.caller import HangUp, Say, Step, Wait
from ivr_bridge.simulator.phone.voices import speak
from tests.calls.conftest import Once
from tests.calls.house import PlacedCall, house, prompt_text, said_by_agent, sandbox
from tests.calls.listening import found_at_ms
from tests.support.vendor_server import Vendor, vendor_server

pytestmark = pytest.mark.timeout(180)

SLOW = 40.0
"""Seconds that a caller would stay who is left alone."""

HOURS = Say(speak("what are your opening hours"))
STEPS: dict[str, tuple[Step, ...]] = {
    "silent": (HOURS, HOURS, Wait(SLOW)),
    "malformed": (Say(speak("no thank you goodbye")),),
    "tool_storm": (Wait(4), HangUp()),
}
"""What the caller does who does anything."""


async def with_fault(fault: str, folder: Path, rendered: Path) -> PlacedCall:
    async with (
        sandbox(fault=fault) as service_url,
        house(folder / fault, service_url, rendered=rendered, agent_silent_s=8 if fault == "flood" else 2) as here,
    ):
        await here.ready()
        return await here.call(*STEPS.get(fault, (Wait(SLOW),)))


async def agent_hangs_up_by_tool(folder: Path, rendered: Path) -> PlacedCall:
    """The sandbox's dialogue knows no `hang_up`: it calls it by the name of the tool that it does know."""
    async with sandbox() as service_url, house(folder / "tool", service_url, rendered=rendered) as here:
        await here.ready()
        tools = here.bridge.current.ivr.tools._tools
        tools["get_call_info"] = tools["hang_up"]
        return await here.call(Say(speak("what is my number")), Wait(SLOW))


async def agent_of_another_format(folder: Path, rendered: Path) -> PlacedCall:
    async def converse(vendor: Vendor, ws: web.WebSocketResponse) -> None:
        await vendor.begin(ws, agent_output_audio_format="opus_48000")
        await vendor.read_all(ws)

    async with (
        vendor_server(converse) as vendor,
        house(
            folder / "format",
            vendor.http_url,
            rendered=rendered,
            config={"agent_auth": "public"},
            elevenlabs_agent_id="agent_1",
        ) as here,
    ):
        return await here.call(Wait(SLOW))


async def nobody_at_the_vendor(folder: Path, rendered: Path) -> PlacedCall:
    async with house(
        folder / "nobody", "http://127.0.0.1:9", rendered=rendered, elevenlabs_agent_id="agent_1", agent_silent_s=2
    ) as here:
        return await here.call(Wait(SLOW))


async def live_through_all(folder: Path, rendered: Path) -> dict[str, PlacedCall]:
    faults = (
        *("close_1002", "close_1011", "close_1008", "drop", "refuse", "busy", "hang", "silent", "flood"),
        *("goodbye_1000", "malformed", "tool_storm"),
    )
    stories = {fault: with_fault(fault, folder, rendered) for fault in faults} | {
        "hang_up": agent_hangs_up_by_tool(folder, rendered),
        "format": agent_of_another_format(folder, rendered),
        "nobody": nobody_at_the_vendor(folder, rendered),
    }
    return dict(zip(stories, await asyncio.gather(*stories.values()), strict=True))


@pytest.fixture(scope="module")
def calls(rendered: Path, once: Once) -> dict[str, PlacedCall]:
    made: dict[str, PlacedCall] = once("agents", lambda folder: live_through_all(folder, rendered))
    return made


@pytest.mark.parametrize(
    ("name", "termination"),
    [
        ("close_1002", Termination.AGENT_LOST),
        ("close_1011", Termination.AGENT_LOST),
        ("close_1008", Termination.AGENT_REFUSED),
        ("drop", Termination.AGENT_LOST),
        ("refuse", Termination.AGENT_REFUSED),
        ("busy", Termination.AGENT_UNREACHABLE),
        ("hang", Termination.AGENT_UNREACHABLE),
        ("nobody", Termination.AGENT_UNREACHABLE),
        ("silent", Termination.AGENT_SILENT),
        ("flood", Termination.AGENT_FLOODED),
        ("format", Termination.AUDIO_FORMAT),
        ("goodbye_1000", Termination.AGENT_HUNG_UP),
        ("hang_up", Termination.AGENT_HUNG_UP),
        ("malformed", Termination.AGENT_HUNG_UP),
        ("tool_storm", Termination.CALLER_HUNG_UP),
    ],
)
def test_the_termination(calls: dict[str, PlacedCall], name: str, termination: Termination) -> None:
    call = calls[name]
    assert (call.reason, call.ended["result"], call.ended["by"]) == (
        termination.code,
        termination.result,
        termination.by,
    )
    assert call.is_freed, "its slot is still taken"
    assert call.report.violations == []
    assert call.report.said_by_network == []
    apologises = termination.prompt is not None
    apology = said_by_agent(prompt_text("sorry"))
    assert len(found_at_ms(apology, call.report.heard_pcm16)) == apologises, "heard once, to its end"
    assert call.heard_ms > 1000


@pytest.mark.parametrize(
    ("name", "code"), [("close_1002", 1002), ("close_1011", 1011), ("close_1008", 1008), ("drop", 1006)]
)
def test_the_close_code_is_told(calls: dict[str, PlacedCall], name: str, code: int) -> None:
    assert calls[name].ended["agent_close_code"] == code


@pytest.mark.parametrize("name", ["refuse", "busy", "hang", "nobody", "format"])
def test_why_nobody_could_be_reached_is_in_the_log(calls: dict[str, PlacedCall], name: str) -> None:
    lines = calls[name].named("agent.unreached")
    assert lines
    assert all(line["error"] for line in lines)


def test_of_a_silent_agent_the_caller_is_asked_again_once(calls: dict[str, PlacedCall]) -> None:
    assert calls["silent"].prompts == ["no_input", "sorry"]


@pytest.mark.parametrize(
    ("name", "rungs"),
    [
        ("drop", ["retry", "apology"]),
        ("close_1011", ["retry", "apology"]),
        ("nobody", ["retry", "apology"]),
        ("silent", ["retry", "apology"]),
        ("close_1008", ["apology"]),
        ("refuse", ["apology"]),
        ("busy", ["apology"]),
        ("format", ["apology"]),
    ],
)
def test_the_rungs_of_the_ladder(calls: dict[str, PlacedCall], name: str, rungs: list[str]) -> None:
    assert [fields["rung"] for fields in calls[name].named("rung.climbed")] == rungs


def test_after_1000_the_greeting_is_still_heard_to_its_end(calls: dict[str, PlacedCall]) -> None:
    greeting = said_by_agent("Welcome to the Harbour Kitchen. How can I help you?")
    assert len(found_at_ms(greeting, calls["goodbye_1000"].report.heard_pcm16)) == 1
    assert calls["goodbye_1000"].ended["agent_close_code"] == 1000


def test_hang_up_waits_for_the_last_words(calls: dict[str, PlacedCall]) -> None:
    call = calls["hang_up"]
    last = call.texts("agent")[-1]
    assert last.startswith("The call ends after your last words.")
    assert len(found_at_ms(said_by_agent(last), call.report.heard_pcm16)) == 1
    assert call.report.close_code == 1000


def test_messages_of_no_kind_are_counted_and_survived(calls: dict[str, PlacedCall]) -> None:
    assert calls["malformed"].ended["unknown_messages"] > 0
    assert {fields["kind"] for fields in calls["malformed"].named("agent.unknown")} >= {"mystery"}
    assert calls["malformed"].texts("agent")[-1] == "Thank you for calling. Goodbye."


def test_twenty_tools_at_once_get_one_answer_each(calls: dict[str, PlacedCall]) -> None:
    call = calls["tool_storm"]
    answered = [fields["tool_call_id"] for name in ("tool.answered", "tool.failed") for fields in call.named(name)]
    assert len(answered) == len(set(answered)) == call.ended["tools"] == 20
