"""A whole call in the older dialect: both were written apart, and nothing but the call says whether they agree."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from structlog.testing import capture_logs

from ivr_bridge.simulator.phone.caller import Say, Wait
from ivr_bridge.simulator.phone.voices import speak
from tests.calls.conftest import Once
from tests.calls.house import PlacedCall, house, said_by_agent, sandbox, sandbox_log
from tests.calls.listening import found_at_ms

pytestmark = [pytest.mark.timeout(180), pytest.mark.realtime]

KEY = "sk_of_old/+0123456789"
DESK = "Welcome to the Harbour Kitchen. How can I help you?"
PARKING = "Yes, there is free parking behind the house."
FAREWELL = "Thank you for calling. Goodbye."


@dataclass
class OldCalls:
    """A call with a story, and one whose key is refused; what the sandbox says of the first, and every log line."""

    story: PlacedCall
    refused: PlacedCall
    conversation: dict[str, Any]
    logged: str


async def hold(folder: Path, rendered: Path) -> OldCalls:
    config = {"agent_dialect": "legacy", "greeting": "agent"}
    with capture_logs() as captured:
        async with (
            sandbox(key=KEY, absent="/v1/convai/agents") as service_url,
            sandbox(key="another") as strict_url,
            house(
                folder / "story",
                service_url,
                rendered=rendered,
                config={**config, "legacy_key_in_url": True},
                elevenlabs_api_key=KEY,
                elevenlabs_agent_id="agent_sandbox_desk",
            ) as here,
            house(
                folder / "refused",
                strict_url,
                rendered=rendered,
                config={**config, "legacy_key_in_url": True},
                elevenlabs_api_key=KEY,
            ) as refused,
        ):
            story = await here.call(
                Say(speak("is there parking"), "is there parking"),
                Say(speak("what are your opening hours"), "what are your opening hours"),
                Say(speak("what is my number"), "what is my number", barge_in=True, after_ms=1500),
                Say(speak("no thank you goodbye"), "no thank you goodbye"),
            )
            sent_away = await refused.call(Wait(1))
            (conversation,) = await sandbox_log(service_url)
    return OldCalls(story, sent_away, conversation, json.dumps(captured, default=repr))


@pytest.fixture(scope="module")
def old(rendered: Path, once: Once) -> OldCalls:
    made: OldCalls = once("legacy", lambda folder: hold(folder, rendered))
    return made


def test_the_agent_greets_hears_and_answers(old: OldCalls) -> None:
    call = old.story
    assert call.reason == "agent_hung_up"
    assert call.report.violations == []
    assert call.prompts == []
    assert call.texts("caller") == [
        "is there parking",
        "what are your opening hours",
        "what is my number",
        "no thank you goodbye",
    ]
    said = call.texts("agent")
    assert said[:2] == [DESK, PARKING]
    assert said[2].startswith("We are open every day")
    assert said[-1] == FAREWELL
    for text in (DESK, PARKING, FAREWELL):
        assert len(found_at_ms(said_by_agent(text), call.report.heard_pcm16)) == 1, text
    assert call.ended["unknown_messages"] == 0


def test_the_callers_words_stop_the_agent_who_is_told_so_and_only_then(old: OldCalls) -> None:
    (barged,) = old.story.named("caller.barged_in")
    assert old.story.report.clears == 1
    assert barged["dropped_ms"] > 0
    assert old.conversation["received"].count("interruption") == 1


def test_the_agent_gets_what_its_tool_gave(old: OldCalls) -> None:
    (called,) = old.story.named("tool.called")
    assert called["tool"] == "get_call_info"
    (result,) = old.conversation["tool_results"]
    assert result["is_error"] is False
    assert json.loads(result["result"])["caller"] == "+15550100001"
    assert old.story.texts("agent")[3].startswith("You are calling from +15550100001.")


def test_a_key_that_is_refused_ends_in_the_ladder(old: OldCalls) -> None:
    (misconfigured,) = old.refused.named("agent.misconfigured")
    assert "401 invalid_api_key" in misconfigured["error"]
    assert (old.refused.reason, old.refused.prompts) == ("agent_refused", ["sorry"])


def test_the_key_was_in_the_url_and_is_in_no_log(old: OldCalls) -> None:
    assert "agent.key_in_url" in old.logged, "start warns of it"
    assert '"auth": "legacy_key_in_url"' in old.logged
    for spelling in (KEY, quote(KEY, safe=""), KEY[3:9]):
        assert spelling not in old.logged
