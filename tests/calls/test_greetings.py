"""Exactly one greeting, at once, in each mode; counted in what the caller heard."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ivr_bridge.bridge import agent_profile
from ivr_bridge.simulator.phone.caller import HangUp, Say, Wait
from ivr_bridge.simulator.phone.voices import speak
from tests.calls.conftest import Once
from tests.calls.house import PlacedCall, house, prompt_text, said_by_agent, sandbox, sandbox_log
from tests.calls.listening import found_at_ms, trimmed

pytestmark = pytest.mark.timeout(180)

DESK = "Welcome to the Harbour Kitchen. How can I help you?"
KNOWS_CALLER = "Welcome to the Harbour Kitchen. You are calling from +15550100001. How can I help you?"
OPERATORS = "Hello and good evening. Here is the kitchen at the harbour, what would you like to eat?"
CLARA = "SandboxClara00000001"
OWEN = "SandboxOwen000000002"
CALLER_NUMBER = {"caller_number": "caller"}


@dataclass
class Greeted:
    """A call in which nobody says anything but the greeting, what the agent was told, and the log's events."""

    call: PlacedCall
    conversation: dict[str, Any]

    def count(self, text: str, voice_id: str = CLARA) -> int:
        clip = said_by_agent(text, voice_id=voice_id)
        return len(found_at_ms(clip, self.call.report.heard_pcm16))


async def greeted(
    folder: Path,
    rendered: Path | None,
    *,
    fault: str | None = None,
    absent: str | None = None,
    ready: bool = True,
    wait_s: float = 6,
    config: Mapping[str, object] | None = None,
    agent_id: str | None = None,
) -> Greeted:
    async with (
        sandbox(fault=fault, absent=absent) as service_url,
        house(
            folder,
            service_url,
            rendered=rendered,
            config=config,
            prompts={"welcome": OPERATORS},
            elevenlabs_agent_id=agent_id,
        ) as here,
    ):
        async with asyncio.timeout(20):
            mode = here.bridge.current.ivr.config.greeting
            while ready and here.bridge.profile.greeting(mode, "en").prompt is None:
                await asyncio.sleep(0.02)
            while here.bridge.profile.agent is None and absent is None and fault != "no_agent":
                await asyncio.sleep(0.02)
        call = await here.call(Wait(wait_s), HangUp())
        conversations = await sandbox_log(service_url)
        return Greeted(call, conversations[-1] if conversations else {})


async def back_later(folder: Path) -> tuple[PlacedCall, PlacedCall]:
    """The vendor cannot be reached at start: one call then; another when it is back."""
    async with sandbox() as address:
        port = int(address.rpartition(":")[2])
    async with house(folder, address) as here:
        dark = await here.call(Wait(1), HangUp())
        async with sandbox(port=port):
            await here.ready()
            return dark, await here.call(Wait(5), HangUp())


async def spoken_over(folder: Path, rendered: Path) -> PlacedCall:
    """The caller speaks while the cached greeting plays."""
    async with sandbox() as service_url, house(folder, service_url, rendered=rendered) as here:
        await here.ready()
        return await here.call(Say(speak("no thank you goodbye"), barge_in=True, after_ms=500), Wait(20))


async def live_through_all(folder: Path, rendered: Path) -> dict[str, Any]:
    welcome = {"greeting": "welcome"}
    stories = {
        "cached": greeted(folder / "cached", rendered),
        "agent": greeted(folder / "agent", rendered, ready=False, config={"greeting": "agent"}),
        "name": greeted(folder / "name", rendered, config=welcome),
        "name without override": greeted(folder / "strict", rendered, config=welcome, agent_id="agent_sandbox_strict"),
        "variables": greeted(
            folder / "variables",
            rendered,
            ready=False,
            config={"dynamic_variables": CALLER_NUMBER},
            agent_id="agent_sandbox_caller",
            wait_s=11,
        ),
        "tts fails": greeted(folder / "tts", None, ready=False, fault="unreachable_tts"),
        "agent is not told": greeted(
            folder / "absent", rendered, ready=False, absent="/v1/convai/agents/", agent_id="agent_sandbox_desk"
        ),
        "no agent": greeted(folder / "none", rendered, ready=False, fault="no_agent", wait_s=11),
        "back later": back_later(folder / "later"),
        "spoken over": spoken_over(folder / "over", rendered),
    }
    return dict(zip(stories, await asyncio.gather(*stories.values()), strict=True))


@pytest.fixture(scope="module")
def calls(rendered: Path, once: Once) -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as shorter:
        shorter.setattr(agent_profile, "FIRST_RETRY_S", 0.5)
        made: dict[str, Any] = once("greetings", lambda folder: live_through_all(folder, rendered))
        return made


@pytest.mark.parametrize(
    ("name", "greeting", "text", "voice_id"),
    [
        ("cached", "cached", DESK, CLARA),
        ("agent", "agent", DESK, CLARA),
        ("name", "welcome", OPERATORS, CLARA),
        ("name without override", "welcome", OPERATORS, CLARA),
        ("variables", "agent", KNOWS_CALLER, OWEN),
        ("tts fails", "agent", DESK, CLARA),
        ("agent is not told", "agent", DESK, CLARA),
    ],
)
def test_one_greeting_and_no_other(calls: dict[str, Any], name: str, greeting: str, text: str, voice_id: str) -> None:
    greeted = calls[name]
    assert greeted.call.ended["greeting"] == greeting
    assert greeted.count(text, voice_id) == 1
    length_ms = len(trimmed(said_by_agent(text, voice_id=voice_id))) / 16
    spoken_ms = greeted.call.report.heard_at_ms[-1][1] - greeted.call.report.heard_at_ms[0][0]
    assert spoken_ms == pytest.approx(length_ms, abs=400), "nothing else is heard"
    assert greeted.call.report.violations == []
    assert len(greeted.call.named("greeting.played")) == 1


def test_the_cached_greeting_is_there_at_once(calls: dict[str, Any]) -> None:
    """The server says how fast; a busy machine may take its time."""
    call = calls["cached"].call
    assert call.ended["first_word_ms"] < 2000
    assert call.report.first_word_ms < 2000


def test_the_agent_knows_what_the_operator_says(calls: dict[str, Any]) -> None:
    """Where it may be told so, the operator's words are the agent's own first message; else they are a fact."""
    allowed, strict = calls["name"], calls["name without override"]
    assert allowed.call.texts("agent") == [OPERATORS]
    assert "contextual_update" not in allowed.conversation["received"]
    assert strict.call.texts("agent") == [DESK]
    assert strict.conversation["received"].count("contextual_update") == 1


def test_an_agent_that_is_not_there_leaves_nobody_in_silence(calls: dict[str, Any]) -> None:
    greeted = calls["no agent"]
    assert greeted.call.reason == "agent_refused"
    assert greeted.count(DESK) == 0
    assert greeted.count(prompt_text("sorry")) == 1


def test_a_vendor_that_comes_back(calls: dict[str, Any]) -> None:
    """Started in the dark, with not one prompt rendered: Twilio has the words; later all is as it should be."""
    dark, later = calls["back later"]
    assert dark.reason == "agent_unreachable"
    assert dark.report.said_by_network == [prompt_text("sorry")]
    assert later.reason == "caller_hung_up"
    assert later.ended["greeting"] == "cached"
    assert len(found_at_ms(said_by_agent(DESK), later.report.heard_pcm16)) == 1


def test_words_over_the_cached_greeting_clear_it(calls: dict[str, Any]) -> None:
    call = calls["spoken over"]
    assert call.texts("caller") == ["no thank you goodbye"]
    assert 1 <= call.report.clears <= 1 + len(call.named("filler.played"))
    assert call.ended["barge_ins"] == 1
    heard = call.report.heard_pcm16
    second_sentence = trimmed(said_by_agent(DESK))[1900 * 16 :]
    assert found_at_ms(second_sentence, heard) == [], "it was not heard to its end"
    assert len(found_at_ms(said_by_agent(DESK), heard, first_ms=500)) == 1
    assert len(found_at_ms(said_by_agent("Thank you for calling. Goodbye."), heard)) == 1
