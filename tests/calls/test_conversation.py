"""The demo dialogue and its like: questions, an interruption, a booking by tool, goodbye; noise and silence."""

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from ivr_bridge.simulator.phone.caller import HangUp, Say, Step, Wait
from ivr_bridge.simulator.phone.voices import speak
from tests.calls.conftest import Once
from tests.calls.house import CONFIG, House, PlacedCall, house, said_by_agent, sandbox, sandbox_log
from tests.calls.listening import found_at_ms

pytestmark = pytest.mark.timeout(240)

DESK = "Welcome to the Harbour Kitchen. How can I help you?"
HOURS_BEGIN = "We are open every day except Monday."
PARKING = "Yes, there is free parking behind the house."
ADDRESS = "We are at twelve Harbour Street, next to the old lighthouse."
FAREWELL = "Thank you for calling. Goodbye."


@dataclass
class Held:
    """A call, and what the sandbox says of its conversation."""

    call: PlacedCall
    conversation: dict[str, Any]


def demo() -> tuple[Step, ...]:
    """The steps of the project's own `config/calls/demo.yaml`."""
    script = yaml.safe_load((CONFIG / "calls" / "demo.yaml").read_text())
    return tuple(
        Say(speak(step["say"]), step["say"], barge_in=step.get("barge_in", False), after_ms=step.get("after_ms", 0))
        for step in script["steps"]
    )


def noise(seconds: float) -> bytes:
    """White noise, as loud as speech."""
    samples = np.random.default_rng(1).normal(0, 2000, int(seconds * 8000))
    return samples.clip(-32768, 32767).astype("<i2").tobytes()


def tone(seconds: float) -> bytes:
    times_s = np.arange(int(seconds * 8000)) / 8000
    return (6000 * np.sin(2 * np.pi * 1000 * times_s)).astype("<i2").tobytes()


async def hold(here: House, *steps: Step, **script: Any) -> Held:
    call = await here.call(*steps, **script)
    conversations = {each["conversation_id"]: each for each in await sandbox_log(here.service_url)}
    return Held(call, conversations[call.ended["conversation_id"]])


def questions(*words: str, variant: str = "f5") -> tuple[Step, ...]:
    return tuple(Say(speak(each, variant=variant)) for each in words)


async def hold_all(folder: Path, rendered: Path) -> dict[str, Held]:
    parking, address = "is there parking", "where are you"
    async with (
        sandbox() as service_url,
        sandbox(fault="late_audio") as late_url,
        house(folder / "one", service_url, rendered=rendered, config={"tell_agent_what_was_heard": True}) as here,
        house(folder / "late", late_url, rendered=rendered) as late,
    ):
        await here.ready()
        await late.ready()
        over = Say(speak("is there parking"), barge_in=True, after_ms=1500)
        stories = {
            "demo": hold(here, *demo(), quiet_s=0.4),
            "one order": hold(here, *questions(parking, address, "no thank you goodbye")),
            "other order, other voice": hold(here, *questions(address, parking, "goodbye", variant="m3")),
            "noise": hold(here, Say(noise(2), expects_answer=False), Wait(2), HangUp()),
            "tone": hold(here, Say(tone(2), expects_answer=False), Wait(2), HangUp()),
            "silence": hold(here, Wait(6), HangUp()),
            "late audio": hold(late, *questions("what are your opening hours"), over),
        }
        return dict(zip(stories, await asyncio.gather(*stories.values()), strict=True))


@pytest.fixture(scope="module")
def held(rendered: Path, once: Once) -> dict[str, Held]:
    made: dict[str, Held] = once("conversations", lambda folder: hold_all(folder, rendered))
    return made


def count(held: Held, text: str, *, first_ms: int | None = None) -> int:
    return len(found_at_ms(said_by_agent(text), held.call.report.heard_pcm16, first_ms=first_ms))


def test_the_demo_is_understood(held: dict[str, Held]) -> None:
    call = held["demo"].call
    assert call.texts("caller") == [
        "what are your opening hours",
        "i would like to book a table",
        "for two people",
        "on friday",
        "at seven",
        "no thank you goodbye",
    ]
    said = call.texts("agent")
    assert said[0] == DESK
    assert said[1].startswith(HOURS_BEGIN)
    assert said[-1] == FAREWELL
    assert call.reason == "agent_hung_up"
    assert call.report.result == "completed"
    assert call.report.violations == []
    assert call.prompts == []


def test_the_table_is_booked_by_the_tool(held: dict[str, Held]) -> None:
    demo = held["demo"]
    (called,) = demo.call.named("tool.called")
    assert called["tool"] == "book_table"
    assert json.loads(called["pii.arguments"]) == {"people": 2, "day": "friday", "time": "seven"}
    (answered,) = demo.call.named("tool.answered")
    assert "A table for 2 people on friday at seven is booked." in answered["pii.result"]
    (result,) = demo.conversation["tool_results"]
    assert result["is_error"] is False
    assert any("is booked" in text for text in demo.call.texts("agent"))
    assert (demo.call.ended["tools"], demo.call.ended["tools_failed"]) == (1, 0)


def test_what_was_heard_of_an_interrupted_answer(held: dict[str, Held]) -> None:
    """The ledger against the ear: the answer's first sample in the WAV to where the phone cleared it."""
    call = held["demo"].call
    (barged,) = call.named("caller.barged_in")
    assert call.report.clears == call.ended["barge_ins"] == 1
    heard = call.report.heard_pcm16
    (began_ms,) = found_at_ms(said_by_agent(call.texts("agent")[1]), heard, first_ms=1500)
    # The next thing heard is the answer to the words of the interruption.
    spoken_end_ms = call.report.spoken_at_ms[1][1]
    ended_ms = max(end for start, end in call.report.heard_at_ms if start < spoken_end_ms)
    assert barged["heard_ms"] == pytest.approx(ended_ms - began_ms, abs=250)
    assert barged["sent_ms"] - barged["heard_ms"] < 1600, "no more than the lead was ahead"
    assert barged["dropped_ms"] > 0


def test_the_agent_is_told_what_was_heard(held: dict[str, Held]) -> None:
    demo = held["demo"]
    (barged,) = demo.call.named("caller.barged_in")
    assert demo.call.texts("agent")[1].startswith(barged["pii.heard"])
    assert barged["pii.heard"]
    assert demo.conversation["received"].count("contextual_update") == 1


def test_every_turn_has_its_latency(held: dict[str, Held]) -> None:
    latencies_ms = held["demo"].call.report.turn_latency_ms
    assert len(latencies_ms) == 6
    assert all(0 < latency_ms < 10_000 for latency_ms in latencies_ms)


def test_what_is_asked_is_answered_in_any_order_and_voice(held: dict[str, Held]) -> None:
    one, other = held["one order"], held["other order, other voice"]
    assert one.call.texts("agent") == [DESK, PARKING, ADDRESS, FAREWELL]
    assert other.call.texts("agent") == [DESK, ADDRESS, PARKING, FAREWELL]
    for each in (one, other):
        assert [count(each, text) for text in (DESK, PARKING, ADDRESS, FAREWELL)] == [1, 1, 1, 1]
        assert each.call.reason == "agent_hung_up"


@pytest.mark.parametrize("name", ["noise", "tone", "silence"])
def test_what_is_no_speech_has_no_words(held: dict[str, Held], name: str) -> None:
    call = held[name].call
    assert call.texts("caller") == []
    assert held[name].conversation["transcripts"] == []
    assert held[name].conversation["user_audio_bytes"] > 8000
    assert call.reason == "caller_hung_up"


def test_audio_that_comes_after_its_interruption_is_not_played(held: dict[str, Held]) -> None:
    late = held["late audio"]
    assert late.call.ended["stale_audio"] > 0
    assert late.call.ended["barge_ins"] == 1
    assert late.call.texts("agent")[-1] == PARKING
    assert count(late, PARKING) == 1
    (at_ms,) = found_at_ms(said_by_agent(PARKING), late.call.report.heard_pcm16)
    cleared_ms = next(end for start, end in late.call.report.heard_at_ms if start < at_ms <= end or end < at_ms)
    assert cleared_ms <= at_ms


def test_all_that_the_caller_said_reached_the_agent(held: dict[str, Held]) -> None:
    """As much audio as the call lasted, but for the last words: the agent had closed while they were played."""
    demo = held["demo"]
    heard_ms = demo.conversation["user_audio_bytes"] / 8
    said_ms = len(demo.call.report.caller_pcm16) / 16
    assert said_ms - 4000 < heard_ms <= said_ms + 100
    assert demo.call.ended["frames_dropped"] == 0
