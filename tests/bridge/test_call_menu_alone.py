"""A menu without an agent: keys only, and the agent is missed only when somebody wants it."""

import asyncio

import pytest

from ivr_bridge.elevenlabs.conversation.events import ConversationClosed
from ivr_bridge.errors import AgentUnreachable
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


@pytest.mark.parametrize("code", [1000, 1011])
def test_a_menu_that_loses_its_agent_goes_on_with_keys(code: int) -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(0.3)
        scene.agent.says(ConversationClosed(code, ""))
        await asyncio.sleep(0.3)
        assert not scene.journey.options
        await presses(scene, "1", after_s=1)
        await asyncio.sleep(0.1)
        await hangs_up(scene)

    _, scene = play_menu(story)
    assert heard(scene)[0] == ("prompt", 0.0, 1.0), "nobody notices"
    assert scene.played == ["main_menu", "opening_hours_info"]
    assert scene.events("rung.climbed") == []
    assert scene.events("filler.played") == []
    assert len(scene.orders) == 1


def test_no_agent_at_all_is_a_menu_of_keys_and_the_ladder_waits_until_one_is_asked_for() -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(2)
        assert scene.events("rung.climbed") == []
        await presses(scene, "2")
        await asyncio.sleep(6)

    ladder = [{"kind": "retry"}, {"kind": "menu", "node": "keys_only"}]
    errors: list[Exception | None] = [AgentUnreachable("down")] * 4
    _, scene = play_menu(story, flow=menu_flow(ladder=ladder), outside=Outside(dial_errors=errors))
    assert [line["rung"] for line in scene.events("rung.climbed")] == ["retry", "menu"]
    assert scene.played[:2] == ["main_menu", "fallback_menu"]


def test_an_agent_lost_in_a_menu_is_brought_back_by_the_way_to_it() -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(0.3)
        scene.agent.says(ConversationClosed(1011, "crash"))
        await presses(scene, "2", after_s=1)
        await asyncio.sleep(0.3)
        assert told(scene.agents[1]) == ["I chose to book a table."]
        says(scene.agents[1], "Gladly.", 1000, 1)
        await asyncio.sleep(2)
        await hangs_up(scene)

    ladder = [{"kind": "retry"}, {"kind": "apology"}]
    _, scene = play_menu(story, flow=menu_flow(ladder=ladder), outside=Outside())
    assert voices(scene) == ["prompt", "agent"]
    assert [line["rung"] for line in scene.events("agent.recovered")] == ["retry"]


def test_a_menu_that_is_for_keys_only_is_never_told_to_an_agent_and_words_do_not_stop_it() -> None:
    async def story(scene: Scene) -> None:
        await presses(scene, "7", after_s=0.2)
        updates = told(scene.agent, "contextual_update")
        await asyncio.sleep(0.2)
        transcribes(scene.agent, "Do you have parking?")
        says(scene.agent, "Yes.", 1000, 2)
        await asyncio.sleep(1)
        assert told(scene.agent, "contextual_update") == updates
        _, is_error = await calls_tool(scene.agent, "choose_option", option="back")
        assert is_error
        await hangs_up(scene)

    _, scene = play_menu(story, outside=Outside(greets=False))
    assert heard(scene) == [("prompt", 0.0, 0.2), ("prompt", 0.2, 1.2)]


def test_words_that_nobody_understands_are_not_met_by_silence() -> None:
    async def story(scene: Scene) -> None:
        scene.agent.says(ConversationClosed(1011, ""))
        await asyncio.sleep(1.2)
        scene.caller.speaks(800)
        await asyncio.sleep(6)
        await hangs_up(scene)

    _, scene = play_menu(story)
    assert [line["why"] for line in scene.events("filler.played")] == ["turn: music"]
    assert longest_silence_s(scene, 1.2, 7) < 2.0
    assert scene.played[:3] == ["main_menu", "no_input", "main_menu"]


def test_an_agent_that_chose_the_option_itself_is_not_asked_a_second_time() -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(0.3)
        transcribes(scene.agent, "I would like to book a table")
        await calls_tool(scene.agent, "choose_option", option="booking")
        assert told(scene.agent) == []
        assert told(scene.agent, "contextual_update")[-1] == "I chose to book a table."
        says(scene.agent, "With pleasure.", 1000, 3)
        await asyncio.sleep(2)
        await hangs_up(scene)

    _, scene = play_menu(story)
    assert voices(scene) == ["prompt", "agent"]
