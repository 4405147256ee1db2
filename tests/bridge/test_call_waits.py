"""What a caller hears while they wait: something from 1.5 s on, never 2 s of silence, and nothing over speech."""

import asyncio
from typing import Any

import pytest

from ivr_bridge.bridge.greeting_choice import Greeting
from ivr_bridge.bridge.termination import Termination
from ivr_bridge.elevenlabs.conversation.events import ConversationClosed, Interrupted, ToolReported, ToolRequested
from tests.support.call_scene import Outside, Scene, hangs_up, prompt
from tests.support.menu_calls import (
    at_s,
    heard,
    longest_silence_s,
    menu_flow,
    play_menu,
    presses,
    says,
    services_answer,
    taken,
    told,
    transcribes,
    voices,
)

CRASH = ConversationClosed(1011, "crash")
RETRY = [{"kind": "retry"}, {"kind": "apology"}]
WELCOME = Greeting("cached", prompt("welcome", 1000))


def chat(**more: Any) -> dict[str, Any]:
    return menu_flow("chat", **more)


def test_after_the_callers_turn_music_plays_until_the_agent_speaks_and_stops_within_a_frame() -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(2)
        transcribes(scene.agent, "When are you open?")
        await asyncio.sleep(4.05)
        assert scene.caller.kinds()[-1] != "clear"
        now = scene.caller.now
        says(scene.agent, "From nine.", 1000, 2)
        await taken()
        assert (now, "clear", "") in scene.caller.sent
        who, start, _ = heard(scene)[-1]
        assert (who, start) == ("agent", round(at_s(scene), 3))
        await asyncio.sleep(2)
        await hangs_up(scene)

    _, scene = play_menu(story, flow=chat(), greeting=WELCOME)
    assert longest_silence_s(scene, 2, 6.05) < 2.0
    assert voices(scene) == ["prompt", "music", "agent"]
    assert heard(scene)[1][1] >= 3.5, "an answer is usually near"
    assert scene.account.barge_ins == 0


def test_an_answer_that_comes_soon_is_not_covered() -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(2)
        transcribes(scene.agent, "When are you open?")
        await asyncio.sleep(1.4)
        says(scene.agent, "From nine.", 1000, 2)
        await asyncio.sleep(5)
        await hangs_up(scene)

    _, scene = play_menu(story, flow=chat(), greeting=WELCOME)
    assert voices(scene) == ["prompt", "agent"]
    assert scene.events("filler.played") == []


def test_nobody_is_kept_waiting_when_it_is_the_callers_turn() -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(20)
        await hangs_up(scene)

    _, scene = play_menu(story, flow=chat(), greeting=WELCOME, outside=Outside(greets=True))
    assert heard(scene) == [("prompt", 0.0, 1.0)]


def test_a_menu_is_the_callers_turn_too() -> None:
    async def story(scene: Scene) -> None:
        scene.caller.speaks(400)
        await asyncio.sleep(5.5)
        scene.caller.speaks(400)
        await asyncio.sleep(0.4)
        await hangs_up(scene)

    _, scene = play_menu(story)
    assert voices(scene) == ["prompt"]


@pytest.mark.parametrize("over", [False, True])
def test_a_filler_that_the_caller_speaks_over_stops_and_is_no_barge_in(over: bool) -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(2)
        transcribes(scene.agent, "When are you open?")
        await asyncio.sleep(3)
        assert voices(scene)[-1] == "music"
        if over:
            scene.caller.speaks(600)
            assert scene.caller.sent[-1][:2] == (scene.caller.now, "clear")
        scene.agent.says(Interrupted(2))
        await asyncio.sleep(1.2)
        says(scene.agent, "From nine.", 1000, 3)
        await asyncio.sleep(2)
        await hangs_up(scene)

    _, scene = play_menu(story, flow=chat(), greeting=WELCOME, tell=True)
    assert scene.account.barge_ins == 0
    assert told(scene.agent, "contextual_update") == []
    if over:
        assert voices(scene) == ["prompt", "music", "agent"], "no music over the caller's own talk"


def test_who_goes_on_speaking_hears_no_music_under_their_own_voice() -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(2)
        for _ in range(30):
            scene.caller.speaks(200)
            await asyncio.sleep(0.2)
        await hangs_up(scene)

    _, scene = play_menu(story, flow=chat(), greeting=WELCOME)
    assert voices(scene) == ["prompt"]


def test_a_noise_that_is_no_turn_is_not_followed_by_music_for_ever() -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(2)
        scene.caller.speaks(400)
        await asyncio.sleep(20)
        await hangs_up(scene)

    _, scene = play_menu(story, flow=chat(), greeting=WELCOME, agent_silent_s=30)
    music = [(start, end) for who, start, end in heard(scene) if who == "music"]
    assert music
    assert music[-1][1] <= 2 + 8.4


def test_a_slow_tool_is_covered_by_words_and_the_agent_is_not_given_up() -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(2)
        transcribes(scene.agent, "Look it up")
        await asyncio.sleep(1)
        scene.agent.says(ToolRequested("slow_lookup", "t1", {"seconds": 4.5}, 2))
        await asyncio.sleep(7)
        says(scene.agent, "Found.", 1000, 3)
        await asyncio.sleep(2)
        await hangs_up(scene)

    _, scene = play_menu(story, flow=chat(), greeting=WELCOME)
    assert longest_silence_s(scene, 2, 10) < 2.0
    assert scene.events("rung.climbed") == []
    assert voices(scene)[-1] == "agent"


@pytest.mark.parametrize("state", [{"state": "sent"}, None])
def test_a_slow_service_is_covered_and_the_agent_held(state: dict[str, str] | None) -> None:
    async def story(scene: Scene) -> None:
        asked = services_answer(scene, 5.0, state)
        await presses(scene, "5", after_s=0.5)
        assert asked == ["https://orders.example/latest"]
        await asyncio.sleep(2)
        says(scene.agent, "Hello?", 1000, 1)
        await asyncio.sleep(4)
        assert scene.journey.state.node == "menu"
        await asyncio.sleep(0.5)
        await hangs_up(scene)

    _, scene = play_menu(story)
    assert longest_silence_s(scene, 0.5, 6.5) < 2.0
    assert "agent" not in voices(scene)
    assert scene.events("filler.played")[0]["why"] == "http: words"
    assert scene.journey.values.get("state") == (state or {}).get("state")
    assert heard(scene)[-1][1] == pytest.approx(5.5, abs=0.01), "the menu stops the filler at once"


def test_a_service_that_answers_when_the_caller_has_gone_elsewhere_changes_nothing() -> None:
    async def story(scene: Scene) -> None:
        services_answer(scene, 3.0, {"state": "sent"})
        says(scene.agent, "Hello.", 500, 1)
        await presses(scene, "5", after_s=1)
        scene.agent.says(CRASH)
        await presses(scene, "1", after_s=0.5)
        assert scene.journey.state.node == "order", "a service is not interrupted by a key"
        await asyncio.sleep(3)
        assert scene.journey.state.node == "menu"
        await hangs_up(scene)

    play_menu(story)


def test_a_service_that_never_answers_does_not_outlive_the_call() -> None:
    async def story(scene: Scene) -> None:
        services_answer(scene, 1000.0, None)
        await presses(scene, "5", after_s=0.5)
        await asyncio.sleep(1)
        await hangs_up(scene)

    termination, scene = play_menu(story)
    assert termination is Termination.STREAM_ENDED
    assert scene.journey.state.node == "order"


def test_an_agent_that_is_slow_to_come_is_waited_for_with_words_then_music() -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(7)
        says(scene.agents[0], "Here I am.", 1000, 1)
        await asyncio.sleep(2)
        await hangs_up(scene)

    _, scene = play_menu(story, flow=chat(), outside=Outside(dial_s=6.0, greets=True))
    assert longest_silence_s(scene, 0, 7) < 2.0
    assert voices(scene)[0] == "prompt"
    assert voices(scene)[-1] == "agent"


# An agent that says nothing


def test_an_agent_that_does_not_answer_a_key_is_given_up_and_nobody_waits_in_silence() -> None:
    async def story(scene: Scene) -> None:
        await presses(scene, "2", after_s=0.5)
        await asyncio.sleep(20)
        await hangs_up(scene)

    ladder = [{"kind": "menu", "node": "keys_only"}]
    _, scene = play_menu(story, flow=menu_flow(ladder=ladder), outside=Outside())
    assert [line["cause"] for line in scene.events("rung.climbed")] == ["silent"]
    assert longest_silence_s(scene, 0.5, 9) < 2.0


def test_a_second_agent_that_is_silent_too_is_given_up_too() -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(2)
        transcribes(scene.agent, "When are you open?")
        await asyncio.sleep(25)
        await hangs_up(scene)

    ladder = [{"kind": "retry"}, {"kind": "menu", "node": "keys_only"}]
    _, scene = play_menu(story, flow=chat(ladder=ladder), greeting=WELCOME)
    assert [line["rung"] for line in scene.events("rung.climbed")] == ["retry", "menu"]
    assert longest_silence_s(scene, 2, 18) < 2.0


def test_a_new_agent_has_its_own_8_seconds() -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(2)
        transcribes(scene.agent, "When are you open?")
        await asyncio.sleep(6)
        scene.agent.says(CRASH)
        await asyncio.sleep(4)
        says(scene.agents[1], "From nine.", 1000, 1)
        await asyncio.sleep(3)
        await hangs_up(scene)

    _, scene = play_menu(story, flow=chat(ladder=RETRY), greeting=WELCOME, outside=Outside())
    assert [line["cause"] for line in scene.events("rung.climbed")] == ["lost"]
    assert voices(scene)[-1] == "agent"
    assert longest_silence_s(scene, 2, 12) < 2.0


def test_an_agent_that_works_is_not_silent() -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(2)
        transcribes(scene.agent, "When are you open?")
        for number in range(4):
            await asyncio.sleep(6)
            scene.agent.says(ToolReported("lookup", f"t{number}", "mcp", False))
        await hangs_up(scene)

    termination, scene = play_menu(story, flow=chat(), greeting=WELCOME)
    assert termination is Termination.STREAM_ENDED
    assert scene.events("rung.climbed") == []


def test_a_failure_is_covered_until_somebody_speaks() -> None:
    world = Outside()

    async def story(scene: Scene) -> None:
        await asyncio.sleep(2)
        world.dial_s = 5.0
        scene.agent.says(CRASH)
        await asyncio.sleep(6)
        says(scene.agents[1], "Sorry, I am back.", 1000, 1)
        await asyncio.sleep(2)
        await hangs_up(scene)

    _, scene = play_menu(story, flow=chat(ladder=RETRY), greeting=WELCOME, outside=world)
    assert longest_silence_s(scene, 2, 8) < 2.0
    assert voices(scene)[-1] == "agent"
    assert scene.events("agent.recovered")[0]["ms_since_failure"] == pytest.approx(6000, abs=10)
