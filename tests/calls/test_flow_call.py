"""One whole call through a flow: menu, words, agent, key, menu, key, closed hours; measured in its recording."""

import asyncio
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from ivr_bridge.simulator.phone.caller import Digits, Say, Wait
from ivr_bridge.simulator.phone.voices import speak
from ivr_bridge.simulator.service.dialogue import DialogueState, phrases
from tests.calls.conftest import Once
from tests.calls.house import PlacedCall, ears, house, prompt_text, said_by_agent, sandbox, sandbox_log
from tests.calls.listening import found_at_ms, trimmed

pytestmark = [pytest.mark.timeout(180), pytest.mark.realtime]

MENU = (
    "For our opening hours, press 1. To book a table, press 2. For the front desk, press 3. "
    "Or simply say what you want, at any time, in your own words. I am listening to you all the while."
)
BEGINNING_MS = 1200
"""So much of a prompt is enough to know it by."""
FIRST_TONE_MS = 250
"""100 ms are promised; the rest is a busy machine."""


def option(key: str, says: str, leads_to: str) -> dict[str, str]:
    return {"key": key, "says": says, "next": leads_to}


FLOW: dict[str, Any] = {
    "numbers": ["*"],
    "person": "person",
    "start": "menu",
    "nodes": {
        "menu": {
            "kind": "menu",
            "prompt": "options",
            "options": {
                "hours": option("1", "opening hours", "goodbye"),
                "booking": option("2", "book a table", "booking"),
                "desk": option("3", "the front desk", "opening"),
            },
            "otherwise": "goodbye",
        },
        "booking": {"kind": "agent", "next": "goodbye"},
        "person": {"kind": "transfer", "number": "${NOBODY_TODAY}", "failed": "menu"},
        "opening": {"kind": "hours", "hours": "desk", "open": "goodbye", "closed": "closed"},
        "closed": {"kind": "prompt", "prompt": "closed_now", "next": "goodbye"},
        "goodbye": {"kind": "hang_up", "prompt": "goodbye"},
    },
}
NEVER_OPEN = {"desk": {"time_zone": "America/New_York", "week": {}}}


@dataclass(frozen=True)
class Lived:
    call: PlacedCall
    conversations: list[dict[str, Any]]


async def live_through(folder: Path, rendered: Path) -> Lived:
    options = tuple((name, one["says"]) for name, one in FLOW["nodes"]["menu"]["options"].items())
    await asyncio.to_thread(ears().prepare, phrases(DialogueState(options=options)))
    async with (
        sandbox() as service_url,
        house(
            folder, service_url, rendered=rendered, prompts={"options": MENU}, flows={"desk": FLOW}, hours=NEVER_OPEN
        ) as here,
    ):
        await here.ready()
        call = await here.call(
            Say(speak("book a table please"), "book a table please", barge_in=True, after_ms=5000),
            Digits("0"),
            Digits("3", barge_in=True, after_ms=2500),
            Wait(30),
        )
        return Lived(call, await sandbox_log(service_url))


@pytest.fixture(scope="module")
def lived(rendered: Path, once: Once) -> Lived:
    made: Lived = once("flow_call", lambda folder: live_through(folder, rendered))
    return made


def placed(call: PlacedCall, text: str, *, whole: bool = True) -> list[tuple[float, float]]:
    """Where the words, or only their beginning, are heard: (start, end) in ms."""
    clip = trimmed(said_by_agent(text))
    clip = clip if whole else clip[: BEGINNING_MS * 16]
    return [(at_ms, at_ms + len(clip) / 16) for at_ms in found_at_ms(clip, call.report.heard_pcm16)]


def test_it_goes_as_the_flow_says(lived: Lived) -> None:
    call = lived.call
    assert [fields["node"] for fields in call.named("node.entered")] == ["menu", "booking", "menu", "closed", "goodbye"]
    assert [(one["option"], one["by"]) for one in call.named("option.chosen")] == [
        ("booking", "agent"),
        ("desk", "key"),
    ]
    assert call.prompts == ["disclosure", "options", "options", "closed_now", "goodbye"]
    assert (call.reason, call.report.violations) == ("flow_ended", [])


def test_the_agent_chooses_by_its_tool_what_the_menu_told_it(lived: Lived) -> None:
    (conversation,) = lived.conversations
    assert conversation["transcripts"][0] == "book a table please"
    assert conversation["tool_calls"] == [{"tool_name": "choose_option", "parameters": {"option": "booking"}}]
    notices = [one["text"] for one in conversation["context"] if one["context_id"] == "menu"]
    assert ["Options:" in notice for notice in notices] == [True, False, True, False], "told, withdrawn, and again"
    assert all(name in notices[0] for name in FLOW["nodes"]["menu"]["options"])


def test_nobody_but_the_caller_speaks_for_the_caller(lived: Lived) -> None:
    assert lived.call.texts("caller") == ["book a table please"]


def test_the_agent_is_not_heard_while_the_menu_speaks(lived: Lived) -> None:
    """It has greeted a caller who could not hear it; that is lost."""
    assert placed(lived.call, "Welcome to the Harbour Kitchen. How can I help you?") == []
    assert lived.call.texts("agent")[0].startswith("Welcome to the Harbour Kitchen.")


def test_words_stop_the_prompt_and_the_agent_answers(lived: Lived) -> None:
    call = lived.call
    ((_, spoken_until_ms),) = call.report.spoken_at_ms
    (first_menu, second_menu) = placed(call, MENU, whole=False)
    (answer,) = placed(call, "With pleasure. For how many people?")
    assert placed(call, MENU) == [], "never to its end"
    assert first_menu[0] < spoken_until_ms < answer[0] < second_menu[0]
    assert call.texts("agent")[1] == "With pleasure. For how many people?"


def test_the_next_prompt_is_there_at_once_after_a_key(lived: Lived) -> None:
    """And what it interrupts is not heard any more: what is heard next is the prompt's beginning."""
    report = lived.call.report
    to_menu_ms, to_closed_ms = report.keyed_at_ms
    for keyed_ms, text, whole in ((to_menu_ms, MENU, False), (to_closed_ms, prompt_text("closed_now"), True)):
        first_tone_ms = next(start for start, _ in report.heard_at_ms if start >= keyed_ms)
        assert first_tone_ms - keyed_ms <= FIRST_TONE_MS
        (begins_ms, _) = placed(lived.call, text, whole=whole)[-1]
        assert abs(begins_ms - first_tone_ms) <= 60


def test_the_menu_speaks_until_the_next_key(lived: Lived) -> None:
    """No word of the agent, and nobody's silence, comes in between."""
    report = lived.call.report
    to_menu_ms, to_closed_ms = report.keyed_at_ms
    again = [fields["heard_ms"] for fields in lived.call.named("reply.played") if fields["event_id"] < 0][2]
    assert again > to_closed_ms - to_menu_ms - 500


def test_what_nobody_interrupts_is_heard_whole_and_one_after_the_other(lived: Lived) -> None:
    call = lived.call
    spans = [placed(call, prompt_text(name)) for name in ("disclosure", "closed_now", "goodbye")]
    assert [len(found) for found in spans] == [1, 1, 1]
    menus = placed(call, MENU, whole=False)
    (disclosure,), (closed,), (goodbye,) = spans
    in_order = [disclosure, *menus, closed, goodbye]
    assert len(in_order) == 5
    for (_, ends_ms), (begins_ms, _) in pairwise(in_order):
        assert begins_ms >= ends_ms - 60
