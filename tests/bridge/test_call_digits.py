"""Digits in a call: a number that the agent is told, and one that concerns nobody."""

import asyncio
import json

import pytest

from ivr_bridge.bridge.greeting_choice import AGENT_GREETS
from tests.support.call_scene import Outside, Scene, hangs_up
from tests.support.legs import silence_b64
from tests.support.menu_calls import heard, menu_flow, play_menu, presses, says, told, transcribes, voices

PIN = "4711"
SILENCE = silence_b64(20)
VOICE = silence_b64(20, 0x10)


def test_a_number_is_collected_until_its_terminator_and_the_agent_is_told_once() -> None:
    async def story(scene: Scene) -> None:
        await presses(scene, "3", after_s=0.2)
        await presses(scene, *"80012", after_s=0.5)
        assert told(scene.agent) == []
        await presses(scene, "#", after_s=0.5)
        assert told(scene.agent)[0].startswith("My customer number is 80012.")
        await asyncio.sleep(0.2)
        says(scene.agent, "Thank you.", 1000, 1)
        await asyncio.sleep(4)
        assert sum("80012" in text for text in told(scene.agent)) == 1
        await hangs_up(scene)

    _, scene = play_menu(story, outside=Outside())
    assert voices(scene)[-1] == "agent"
    assert scene.played == ["main_menu", "ask_account"]


def test_one_message_and_no_second_one_that_would_cut_off_the_answer_to_it() -> None:
    nodes = {"booking": {"kind": "agent"}}

    async def story(scene: Scene) -> None:
        await presses(scene, "3", after_s=0.2)
        await presses(scene, *"80012#", after_s=0.2)
        await asyncio.sleep(0.2)
        assert told(scene.agent) == ["My customer number is 80012."]
        await hangs_up(scene)

    play_menu(story, flow=menu_flow(nodes=nodes), outside=Outside())


def test_a_number_is_complete_when_no_digit_comes_any_more() -> None:
    async def story(scene: Scene) -> None:
        await presses(scene, "3", after_s=0.2)
        await presses(scene, *"8001", after_s=1)
        await asyncio.sleep(3.7)
        assert told(scene.agent) == []
        await asyncio.sleep(0.6)
        assert told(scene.agent)[0].startswith("My customer number is 8001.")
        await hangs_up(scene)

    play_menu(story, outside=Outside())


def test_a_number_is_complete_when_it_is_as_long_as_it_may_be() -> None:
    async def story(scene: Scene) -> None:
        await presses(scene, "3", after_s=0.2)
        await presses(scene, *"12345678", after_s=0.1)
        assert told(scene.agent)[0].startswith("My customer number is 12345678.")
        await hangs_up(scene)

    play_menu(story, outside=Outside())


def test_0_is_a_digit_while_digits_are_collected() -> None:
    async def story(scene: Scene) -> None:
        await presses(scene, "3", after_s=0.2)
        await presses(scene, *"0000#", after_s=0.2)
        assert told(scene.agent)[0].startswith("My customer number is 0000.")
        await hangs_up(scene)

    _, scene = play_menu(story, outside=Outside())
    assert "connecting_person" not in scene.played


def test_too_few_digits_are_asked_for_again() -> None:
    async def story(scene: Scene) -> None:
        await presses(scene, "3", after_s=0.2)
        await presses(scene, *"12#", after_s=0.2)
        await asyncio.sleep(1)
        await hangs_up(scene)

    _, scene = play_menu(story)
    assert scene.played == ["main_menu", "ask_account", "no_input", "ask_account"]
    assert told(scene.agent) == []


def test_the_first_digit_stops_the_prompt_at_once() -> None:
    async def story(scene: Scene) -> None:
        await presses(scene, "3", after_s=0.2)
        await asyncio.sleep(0.4)
        now = scene.caller.now
        await presses(scene, "1")
        assert scene.caller.sent[-1] == (now, "clear", "")
        await hangs_up(scene)

    play_menu(story)


def test_sensitive_digits_mute_the_caller_towards_the_agent_and_nobody_else() -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(0.2)
        scene.caller.speaks(100)
        assert scene.agent.audio[-5:] == [VOICE] * 5
        await presses(scene, "4")
        before = len(scene.agent.audio)
        for key in PIN:
            scene.caller.speaks(100)
            await presses(scene, key, after_s=0.2)
            if key != PIN[-1]:
                assert set(scene.agent.audio[before:]) == {SILENCE}
        assert len(scene.agent.audio) - before >= 20, "the agent's clock goes on"
        before = len(scene.agent.audio)
        scene.caller.speaks(100)
        assert scene.agent.audio[before:] == [VOICE] * 5, "it hears the caller again"
        assert scene.journey.state.node == "menu"
        await hangs_up(scene)

    play_menu(story, outside=Outside(), greeting=AGENT_GREETS)


@pytest.mark.parametrize("leave", ["too few digits", "the end of the stream"])
def test_a_sensitive_number_is_in_no_message_and_in_no_log_unmasked(leave: str) -> None:
    async def story(scene: Scene) -> None:
        await presses(scene, "4", after_s=0.2)
        await presses(scene, *PIN[:-1], after_s=0.3)
        if leave == "too few digits":
            await presses(scene, PIN[-1], after_s=0.3)
            await presses(scene, "2", after_s=0.3)
            await asyncio.sleep(1)
        await hangs_up(scene)

    _, scene = play_menu(story, outside=Outside())
    assert PIN not in json.dumps(scene.agent.sent)
    assert [line["pii.digit"] for line in scene.events("caller.keyed")][:4] == ["4", "*", "*", "*"]
    for line in scene.logs:
        plain = {name: value for name, value in line.items() if not name.startswith("pii.")}
        for part in (PIN, PIN[:-1], "'4'", '"7"'):
            assert part not in json.dumps(plain, default=str), line
    assert PIN not in repr(scene.journey.state), "a traceback shows no number"


def test_while_a_number_is_asked_for_what_the_agent_says_is_held_and_no_music_plays_over_the_keys() -> None:
    async def story(scene: Scene) -> None:
        await presses(scene, "3", after_s=0.2)
        await asyncio.sleep(1.2)
        transcribes(scene.agent, "One moment, where is that card")
        says(scene.agent, "Take your time.", 2000, 2)
        await asyncio.sleep(4)
        await presses(scene, *"80012", after_s=0.5)
        await hangs_up(scene)

    _, scene = play_menu(story, outside=Outside())
    assert heard(scene) == [("prompt", 0.0, 0.2), ("prompt", 0.2, 1.2)]
    assert scene.events("filler.played") == []


def test_words_while_a_number_is_asked_for_lose_nobody_their_agent() -> None:
    async def story(scene: Scene) -> None:
        await presses(scene, "3", after_s=0.2)
        await asyncio.sleep(1.2)
        transcribes(scene.agent, "One moment, where is that card")
        await presses(scene, *"80", after_s=3)
        await presses(scene, *"012", after_s=3)
        await presses(scene, "#", after_s=0.5)
        assert told(scene.agent)[0].startswith("My customer number is 80012.")
        await hangs_up(scene)

    _, scene = play_menu(story, outside=Outside())
    assert len(scene.orders) == 1
    assert scene.events("rung.climbed") == []


def test_keys_while_the_agent_talks_are_told_to_it_as_one_message() -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(0.5)
        await presses(scene, *"123", after_s=0.4)
        assert told(scene.agent) == []
        await asyncio.sleep(2.3)
        assert told(scene.agent) == ["I pressed 1 2 3 on the keypad."]
        await presses(scene, *"45#", after_s=0.1)
        assert told(scene.agent)[1:] == ["I pressed 4 5 on the keypad."]
        await hangs_up(scene)

    play_menu(story, start="chat", outside=Outside())


def test_keys_pressed_before_the_agent_is_there_are_told_when_it_is() -> None:
    async def story(scene: Scene) -> None:
        await presses(scene, *"12#", after_s=0.1)
        await asyncio.sleep(3)
        assert told(scene.agent) == ["I pressed 1 2 on the keypad."]
        await hangs_up(scene)

    play_menu(story, start="chat", outside=Outside(dial_s=2.0))
