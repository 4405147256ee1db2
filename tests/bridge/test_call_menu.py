"""A menu and an agent alive at once: one voice at a time, keys, words, and the ways between the two."""

import asyncio

import pytest

from ivr_bridge.bridge.agent_side import HAND_OVER
from ivr_bridge.bridge.flow_stage import MENU_CLOSED
from ivr_bridge.bridge.termination import Termination
from ivr_bridge.elevenlabs.conversation.events import Interrupted
from tests.support.call_scene import Outside, Scene, hangs_up
from tests.support.legs import silence_b64
from tests.support.menu_calls import (
    at_s,
    calls_tool,
    heard,
    longest_silence_s,
    menu_flow,
    play_menu,
    presses,
    says,
    speech,
    taken,
    told,
    transcribes,
    voices,
)

# Keys


def test_a_key_stops_the_prompt_and_the_next_one_begins_in_the_same_instant() -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(0.5)
        scene.caller.sent.clear()
        now = scene.caller.now
        await presses(scene, "1")
        assert scene.caller.now == now
        assert [kind for at, kind, _ in scene.caller.sent if at == now][:2] == ["clear", "media"]
        await asyncio.sleep(0.2)
        await hangs_up(scene)

    _, scene = play_menu(story)
    assert scene.played == ["main_menu", "opening_hours_info"]
    chosen = scene.events("option.chosen")
    assert [(line["node"], line["option"], line["by"]) for line in chosen] == [("menu", "hours", "key")]


def test_a_key_in_the_silence_after_the_prompt_works_as_well_and_needs_no_clear() -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(3)
        await presses(scene, "1")
        assert heard(scene)[-1][1] == pytest.approx(at_s(scene))
        assert "clear" not in scene.caller.kinds()
        await hangs_up(scene)

    _, scene = play_menu(story)
    assert scene.played == ["main_menu", "opening_hours_info"]


def test_a_menu_has_patience_and_then_goes_on() -> None:
    async def story(scene: Scene) -> None:
        await presses(scene, "#", after_s=0.5)
        await asyncio.sleep(20)

    termination, scene = play_menu(story)
    assert termination is Termination.VOICEMAIL_LEFT
    assert scene.played == ["main_menu", "no_match", "main_menu", "no_input", "main_menu", "leave_message"]
    assert scene.journey.leaving is not None
    assert scene.journey.said_on_leaving


# One voice at a time


def test_while_the_menu_plays_the_agent_hears_the_caller_and_nobody_hears_the_agent() -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(0.2)
        before = len(scene.agent.audio)
        scene.caller.speaks(100)
        assert scene.agent.audio[before:] == [silence_b64(20, 0x10)] * 5
        says(scene.agent, "Hello, how can I help?", 2000, 1)
        await asyncio.sleep(0.2)
        says(scene.agent, "Are you there?", 1000, 2)
        await presses(scene, "1", after_s=0.2)
        await asyncio.sleep(1.5)
        await presses(scene, "2")
        await asyncio.sleep(1)
        await hangs_up(scene)

    _, scene = play_menu(story, outside=Outside(greets=False))
    assert "agent" not in voices(scene), "what it said to nobody is dropped"
    assert scene.account.barge_ins == 0


def test_an_agent_that_is_interrupted_in_a_menu_stops_no_prompt() -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(0.2)
        says(scene.agent, "Hello", 2000, 1)
        scene.agent.says(Interrupted(2))
        await asyncio.sleep(1.5)
        await hangs_up(scene)

    _, scene = play_menu(story)
    assert heard(scene)[0] == ("prompt", 0.0, 1.0)
    assert scene.account.barge_ins == 0
    assert scene.events("caller.barged_in") == []


def test_words_stop_the_prompt_and_the_agent_answers() -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(0.4)
        scene.caller.speaks(400)
        now = scene.caller.now
        transcribes(scene.agent, "Do you have parking?")
        await taken()
        assert (now, "clear", "") in scene.caller.sent
        await asyncio.sleep(0.6)
        says(scene.agent, "Yes, behind the house.", 2000, 2)
        await asyncio.sleep(6)
        await hangs_up(scene)

    _, scene = play_menu(story, flow=menu_flow(nodes={}))
    assert heard(scene) == [("prompt", 0.0, 0.4), ("agent", 1.0, 3.0)]
    assert scene.played == ["main_menu"], "a menu in which somebody talks does not say itself again"


def test_words_over_a_menus_prompt_are_no_barge_in_over_the_agent() -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(0.4)
        transcribes(scene.agent, "Do you have parking?")
        says(scene.agent, "Yes.", 1000, 2)
        await asyncio.sleep(2)
        await hangs_up(scene)

    _, scene = play_menu(story, tell=True)
    assert scene.account.barge_ins == 0
    assert not any("heard" in text for text in told(scene.agent, "contextual_update"))


def test_what_the_agent_says_before_its_transcript_comes_is_held_and_then_heard() -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(2)
        scene.caller.speaks(400)
        says(scene.agent, "Yes, behind the house.", 1000, 2)
        await asyncio.sleep(0.1)
        assert voices(scene) == ["prompt"]
        transcribes(scene.agent, "Do you have parking?")
        await asyncio.sleep(2)
        await hangs_up(scene)

    _, scene = play_menu(story, outside=Outside(greets=False))
    assert heard(scene) == [("prompt", 0.0, 1.0), ("agent", 2.1, 3.1)]


@pytest.mark.parametrize("over_the_prompt", [False, True])
def test_what_the_agent_said_before_the_caller_made_a_sound_answers_nobody(over_the_prompt: bool) -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(0.2)
        scene.agent.says(*speech(1000, 1, byte=0x21))
        await asyncio.sleep(0.2 if over_the_prompt else 2.0)
        scene.caller.speaks(400)
        await asyncio.sleep(0.1)
        transcribes(scene.agent, "Do you have parking?")
        says(scene.agent, "Yes.", 1000, 2)
        await asyncio.sleep(3)
        await hangs_up(scene)

    _, scene = play_menu(story, outside=Outside(greets=False))
    assert voices(scene) == ["prompt", "agent"]


@pytest.mark.parametrize("greets", [False, True])
def test_after_words_over_a_prompt_the_caller_does_not_wait_in_silence(greets: bool) -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(0.4)
        transcribes(scene.agent, "Do you have parking?")
        await asyncio.sleep(6)
        says(scene.agent, "Yes.", 1000, 3)
        await asyncio.sleep(2)
        await hangs_up(scene)

    _, scene = play_menu(story, outside=Outside(greets=greets))
    assert longest_silence_s(scene, 0.4, 6.4) < 2.0
    assert heard(scene)[-1][0] == "agent"


def test_a_silent_agent_that_was_spoken_to_over_the_prompt_is_given_up() -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(0.4)
        transcribes(scene.agent, "Do you have parking?")
        await asyncio.sleep(12)
        await hangs_up(scene)

    termination, scene = play_menu(story, outside=Outside(greets=False))
    assert termination is Termination.AGENT_SILENT
    assert [line["cause"] for line in scene.events("rung.climbed")] == ["silent"]


# Options by words


def test_the_agent_is_told_the_options_when_the_menu_opens_and_that_they_are_withdrawn() -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(0.2)
        first = told(scene.agent, "contextual_update")
        assert len(first) == 1
        assert "hours = hours" in first[0]
        assert "choose_option" in first[0]
        await presses(scene, "2")
        assert told(scene.agent, "contextual_update")[1:] == [MENU_CLOSED]
        await hangs_up(scene)

    play_menu(story)


def test_choose_option_is_the_key_and_nothing_else_is_an_option() -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(0.2)
        transcribes(scene.agent, "When are you open?")
        wrong, is_error = await calls_tool(scene.agent, "choose_option", "t0", option="dragons")
        assert is_error
        assert "booking" in wrong
        now = scene.caller.now
        _, is_error = await calls_tool(scene.agent, "choose_option", "t1", option="hours")
        assert not is_error
        assert scene.caller.now == now
        assert (now, "media") in [entry[:2] for entry in scene.caller.sent]
        _, is_error = await calls_tool(scene.agent, "choose_option", "t2", option="hours")
        assert is_error, "no menu is open while a prompt plays"
        await asyncio.sleep(0.2)
        await hangs_up(scene)

    _, scene = play_menu(story)
    assert scene.played == ["main_menu", "opening_hours_info"]
    assert [(line["option"], line["by"]) for line in scene.events("option.chosen")] == [("hours", "agent")]


def test_after_an_option_by_words_the_agent_is_held_again() -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(0.2)
        transcribes(scene.agent, "When are you open?")
        await calls_tool(scene.agent, "choose_option", option="hours")
        says(scene.agent, "I am taking you there.", 1000, 2)
        await asyncio.sleep(3)
        await hangs_up(scene)

    _, scene = play_menu(story)
    assert set(voices(scene)) == {"prompt"}
    assert scene.played == ["main_menu", "opening_hours_info", "main_menu"]


def test_the_agent_may_show_the_menu_again() -> None:
    async def story(scene: Scene) -> None:
        await presses(scene, "2", after_s=0.2)
        says(scene.agent, "A table for whom?", 3000, 1)
        await asyncio.sleep(1)
        _, is_error = await calls_tool(scene.agent, "show_menu")
        assert not is_error
        assert scene.journey.state.node == "menu"
        says(scene.agent, "Here it is.", 1000, 2)
        await presses(scene, "1", after_s=0.5)
        await asyncio.sleep(0.1)
        await hangs_up(scene)

    _, scene = play_menu(story, outside=Outside(greets=False))
    assert voices(scene) == ["prompt", "agent", "prompt", "prompt"]
    assert scene.played == ["main_menu", "main_menu", "opening_hours_info"]


def test_a_call_without_a_menu_has_none_to_show() -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(0.2)
        text, is_error = await calls_tool(scene.agent, "show_menu")
        assert is_error
        assert text == "This call has no menu."
        await hangs_up(scene)

    play_menu(story, start="chat")


@pytest.mark.parametrize(("key", "message"), [("2", "I chose to book a table."), ("8", HAND_OVER["en"])])
def test_the_menu_hands_over_with_context_and_the_agents_greeting_is_not_heard(key: str, message: str) -> None:
    menu = menu_flow()
    menu["nodes"]["menu"]["options"]["chat"] = {"key": "8", "says": "talk", "next": "chat"}

    async def story(scene: Scene) -> None:
        scene.agent.says(*speech(1500, 1, byte=0x21))
        await presses(scene, key, after_s=0.5)
        assert told(scene.agent) == [message]
        await asyncio.sleep(0.3)
        says(scene.agent, "Gladly.", 1000, 2)
        await asyncio.sleep(3)
        await hangs_up(scene)

    _, scene = play_menu(story, flow=menu, outside=Outside(greets=False))
    assert heard(scene) == [("prompt", 0.0, 0.5), ("agent", 0.8, 1.8)]
    assert len(scene.orders) == 1, "it is the same conversation"


def test_an_agent_that_greets_answers_after_its_greeting_was_dropped() -> None:
    async def story(scene: Scene) -> None:
        says(scene.agent, "Welcome to the agent!", 1500, 1, byte=0x21)
        await presses(scene, "2", after_s=0.5)
        await asyncio.sleep(0.3)
        says(scene.agent, "Gladly.", 1000, 2)
        await asyncio.sleep(3)
        await hangs_up(scene)

    _, scene = play_menu(story)
    assert voices(scene) == ["prompt", "agent"]


# A person


@pytest.mark.parametrize("where", ["menu", "agent"])
def test_0_reaches_a_person_when_the_prompt_was_heard(where: str) -> None:
    async def story(scene: Scene) -> None:
        if where == "agent":
            says(scene.agent, "Let me tell you a long story.", 8000, 1)
            await asyncio.sleep(1)
        await presses(scene, "0", after_s=0.3)
        says(scene.agent, "and so on", 3000, 2)

    termination, scene = play_menu(story, start="menu" if where == "menu" else "chat")
    assert termination is Termination.TRANSFERRED
    assert scene.played[-1] == "connecting_person"
    who, start, end = heard(scene)[-1]
    assert (who, round(end - start, 3)) == ("prompt", 1.0)
    assert told(scene.agent) == []


def test_without_a_person_0_is_a_digit_for_the_agent() -> None:
    async def story(scene: Scene) -> None:
        await presses(scene, "0", after_s=0.3)
        await asyncio.sleep(3)
        await hangs_up(scene)

    _, scene = play_menu(story, flow=menu_flow("chat", person=None))
    assert told(scene.agent) == ["I pressed 0 on the keypad."]


def test_a_person_without_a_number_leaves_no_room_for_the_agent() -> None:
    nodes = {
        "desk": {"kind": "transfer", "number": "${NOBODY}", "failed": "hours"},
        "hours": {"kind": "prompt", "prompt": "opening_hours_info", "next": "keys_only"},
    }

    async def story(scene: Scene) -> None:
        says(scene.agent, "Let me tell you a long story.", 4000, 1)
        await presses(scene, "0", after_s=1)
        says(scene.agent, "and so on", 3000, 2)
        await asyncio.sleep(1.5)
        says(scene.agent, "and on", 3000, 3)
        await asyncio.sleep(1)
        await hangs_up(scene)

    _, scene = play_menu(story, flow=menu_flow("chat", nodes))
    assert voices(scene) == ["agent", "prompt", "prompt"]
