"""Languages in a call: by key, by words, by the agent; in the same conversation or in a new one."""

import asyncio
from typing import Any

import pytest

from ivr_bridge.elevenlabs.conversation.events import Interrupted
from ivr_bridge.twilio.stream_events import DtmfPressed
from tests.support.call_scene import Outside, Scene, hangs_up
from tests.support.menu_calls import (
    calls_tool,
    heard,
    longest_silence_s,
    menu_flow,
    play_menu,
    presses,
    says,
    told,
    transcribes,
    voices,
)

SPANISH = "Buenas tardes, quisiera reservar una mesa para cuatro personas"


def language_flow(start: str = "menu", **more: Any) -> dict[str, Any]:
    """Each order says in which language it was made."""
    return menu_flow(start, agent={"dynamic_variables": {"spoken": "{language}"}}, **more)


def spoken(scene: Scene) -> list[str]:
    return [order.dynamic_variables["spoken"] for order in scene.orders]


def changes(scene: Scene) -> list[tuple[str, str, str]]:
    return [(line["before"], line["language"], line["by"]) for line in scene.events("language.changed")]


def prompts(scene: Scene) -> list[tuple[str, str]]:
    return [(line["prompt"], line["language"]) for line in scene.events("prompt.played")]


def test_by_key() -> None:
    async def story(scene: Scene) -> None:
        await presses(scene, "9", after_s=0.2)
        await presses(scene, "2", after_s=1)
        await asyncio.sleep(0.2)
        assert scene.journey.language == "es"
        await hangs_up(scene)

    _, scene = play_menu(story)
    asked = [("which_language", "en"), ("which_language", "es"), ("which_language", "zh")]
    assert prompts(scene) == [("main_menu", "en"), *asked, ("main_menu", "es")]
    assert changes(scene) == [("en", "es", "flow")]
    assert len(scene.orders) == 1


def test_by_what_the_caller_says_when_asked() -> None:
    async def story(scene: Scene) -> None:
        await presses(scene, "9", after_s=0.2)
        await asyncio.sleep(1)
        transcribes(scene.agent, "Español, por favor, no hablo inglés")
        await asyncio.sleep(0.2)
        await hangs_up(scene)

    _, scene = play_menu(story, outside=Outside())
    assert scene.journey.language == "es"
    assert prompts(scene)[-1] == ("main_menu", "es")


def test_the_call_follows_the_callers_words_and_the_agent_goes_on_by_itself() -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(0.2)
        transcribes(scene.agent, SPANISH)
        says(scene.agent, "Con gusto.", 1000, 2)
        await asyncio.sleep(2)
        await presses(scene, "0")

    _, scene = play_menu(story, flow=language_flow("chat"), outside=Outside())
    assert changes(scene) == [("en", "es", "speech")]
    assert len(scene.orders) == 1
    assert prompts(scene) == [("connecting_person", "es")]


@pytest.mark.parametrize("text", ["OK", "80012", "Juan García", "hola"])
def test_a_word_that_says_nothing_of_a_language_changes_none(text: str) -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(0.2)
        transcribes(scene.agent, text)
        await asyncio.sleep(0.2)
        await hangs_up(scene)

    _, scene = play_menu(story, start="chat", outside=Outside())
    assert changes(scene) == []


def test_a_flow_may_forbid_to_follow() -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(0.2)
        transcribes(scene.agent, SPANISH)
        await asyncio.sleep(0.2)
        await hangs_up(scene)

    _, scene = play_menu(story, flow=language_flow("chat", follow_language=False), outside=Outside())
    assert changes(scene) == []


@pytest.mark.parametrize("by", ["agent", "speech"])
def test_reconnect_opens_a_conversation_in_the_new_language_that_knows_what_was_said(by: str) -> None:
    world = Outside()

    async def story(scene: Scene) -> None:
        await asyncio.sleep(0.2)
        world.dial_s = 3.0
        says(scene.agent, "Hello, how can I help?", 1000, 1)
        await asyncio.sleep(1.5)
        transcribes(scene.agent, SPANISH, 2)
        if by == "agent":
            _, is_error = await calls_tool(scene.agent, "switch_language", language="es")
            assert not is_error
        await asyncio.sleep(1)
        says(scene.agent, "Sorry?", 1000, 3, byte=0x21)
        assert len(scene.orders) == 2
        await asyncio.sleep(2.5)
        new = scene.agents[1]
        assert scene.agent.closed
        assert "You: Hello, how can I help?" in told(new, "contextual_update")[0]
        assert SPANISH in told(new, "contextual_update")[0]
        assert told(new) == [SPANISH]
        says(new, "Con gusto.", 1000, 1)
        await asyncio.sleep(3)
        await hangs_up(scene)

    flow = language_flow("chat", switch="reconnect", follow_language=by == "speech")
    _, scene = play_menu(story, flow=flow, outside=world)
    assert changes(scene) == [("en", "es", by)]
    assert spoken(scene) == ["en", "es"]
    assert [who for who in voices(scene) if "agent" in who] == ["agent", "agent"], "the old one is not heard any more"
    assert longest_silence_s(scene, 1.7, 5.2) < 2.0
    assert scene.events("filler.played")
    assert scene.events("rung.climbed") == []


def test_a_language_chosen_by_key_on_the_way_to_the_agent_is_told_to_the_one_that_comes() -> None:
    nodes = {
        "choose_language": {
            "kind": "language",
            "prompt": "which_language",
            "options": {"1": "en", "2": "es"},
            "next": "booking",
        }
    }

    async def story(scene: Scene) -> None:
        await asyncio.sleep(1)
        await presses(scene, "2")
        await asyncio.sleep(0.5)
        assert len(scene.agents) == 2
        assert told(scene.agents[0]) == []
        assert told(scene.agents[1]) == ["I chose to book a table."]
        says(scene.agents[1], "Con gusto.", 1000, 1)
        await asyncio.sleep(2)
        await hangs_up(scene)

    flow = language_flow("choose_language", switch="reconnect", nodes=nodes)
    _, scene = play_menu(story, flow=flow, outside=Outside())
    assert spoken(scene) == ["en", "es"]
    assert voices(scene)[-1] == "agent"


def test_a_menu_that_opens_with_a_new_conversation_is_told_to_that_one() -> None:
    async def story(scene: Scene) -> None:
        await presses(scene, "9", after_s=0.2)
        await presses(scene, "2", after_s=1)
        await asyncio.sleep(0.5)
        assert scene.journey.state.node == "menu"
        updates = told(scene.agents[1], "contextual_update")
        assert sum("choose_option" in text for text in updates) == 1
        await hangs_up(scene)

    flow = language_flow("menu", switch="reconnect")
    _, scene = play_menu(story, flow=flow, outside=Outside())
    assert spoken(scene) == ["en", "es"]


def test_two_changes_at_once_leave_nobody_behind() -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(1)
        for key in "926":  # Spanish, and then another agent, in one instant
            scene.caller.says(DtmfPressed(key))
        await asyncio.sleep(0.5)
        assert [agent.closed for agent in scene.agents] == [True] * (len(scene.agents) - 1) + [False]
        assert scene.orders[-1].agent_id == "agent_2"
        assert spoken(scene)[-1] == "es"
        assert scene.call.agent is scene.agents[-1]
        await hangs_up(scene)

    play_menu(story, flow=language_flow("menu", switch="reconnect"), outside=Outside())


def test_the_agent_switches_the_language_of_prompts_in_its_own_conversation() -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(0.2)
        result, is_error = await calls_tool(scene.agent, "switch_language", language="zh")
        assert (result, is_error) == ("The call goes on in zh.", False)
        _, is_error = await calls_tool(scene.agent, "switch_language", "t2", language="de")
        assert is_error
        await presses(scene, "0")

    _, scene = play_menu(story, start="chat", outside=Outside())
    assert changes(scene) == [("en", "zh", "agent")]
    assert prompts(scene) == [("connecting_person", "zh")]
    assert len(scene.orders) == 1


def test_a_menu_is_said_again_in_the_language_that_the_agent_switched_to() -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(0.3)
        await calls_tool(scene.agent, "switch_language", language="es")
        await asyncio.sleep(0.5)
        await hangs_up(scene)

    _, scene = play_menu(story, outside=Outside())
    assert prompts(scene) == [("main_menu", "en"), ("main_menu", "es")]
    assert heard(scene)[0] == ("prompt", 0.0, 0.3)


def test_an_old_conversation_that_is_interrupted_late_changes_nothing() -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(0.2)
        await calls_tool(scene.agent, "switch_language", language="es")
        await asyncio.sleep(0.5)
        says(scene.agents[1], "Hola, digame.", 3000, 1)
        await asyncio.sleep(0.5)
        scene.agents[0].says(Interrupted(9))
        transcribes(scene.agents[0], "hello?")
        await asyncio.sleep(3)
        await hangs_up(scene)

    _, scene = play_menu(story, flow=language_flow("chat", switch="reconnect"), outside=Outside())
    assert scene.account.barge_ins == 0
    assert heard(scene)[-1][2] - heard(scene)[-1][1] == pytest.approx(3.0, abs=0.01)
