"""The caller's side of a stream: keys and sounds, before, during and after what counts."""

import asyncio

import pytest

from ivr_bridge.bridge.filler import TURN_FILL_S
from ivr_bridge.bridge.greeting_choice import Greeting
from ivr_bridge.bridge.termination import Termination
from ivr_bridge.errors import RemoteProtocolError
from ivr_bridge.twilio.stream_events import DtmfPressed, StreamClosed, StreamStopped, UnknownStreamMessage
from tests.support.call_scene import Outside, Scene, hangs_up, prompt
from tests.support.menu_calls import at_s, heard, menu_flow, play_menu, presses, says, told, transcribes, voices

WELCOME = Greeting("cached", prompt("welcome", 1000))


@pytest.mark.parametrize(
    ("event", "termination", "reason"),
    [
        (StreamStopped(), Termination.STREAM_ENDED, None),
        (StreamClosed(1000), Termination.STREAM_ENDED, "closed"),
        (StreamClosed(1006), Termination.STREAM_LOST, "lost"),
        (RemoteProtocolError("media before start"), Termination.STREAM_FAULTED, None),
    ],
)
def test_how_a_stream_ends(event: object, termination: Termination, reason: str | None) -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(0.5)
        scene.caller.says(event)  # type: ignore[arg-type]
        await asyncio.sleep(0.01)

    ended, scene = play_menu(story)
    assert ended is termination
    assert [line["reason"] for line in scene.events("stream.ended")] == ([reason] if reason else [])


def test_a_stream_that_stops_in_a_goodbye_keeps_its_first_reason() -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(0.5)
        await presses(scene, "0")
        await asyncio.sleep(0.2)
        await hangs_up(scene)

    termination, scene = play_menu(story)
    assert termination is Termination.TRANSFERRED
    assert heard(scene)[-1][2] < 2.0


def test_unknown_messages_are_counted_and_each_kind_is_logged_once() -> None:
    async def story(scene: Scene) -> None:
        for number in range(30):
            scene.caller.says(UnknownStreamMessage(f"kind {number % 15}" + "x" * 60))
        await asyncio.sleep(0.1)
        await hangs_up(scene)

    _, scene = play_menu(story)
    assert scene.account.unknown_messages == 30
    kinds = [line["kind"] for line in scene.events("stream.unknown")]
    assert len(kinds) == 10
    assert max(map(len, kinds)) == 40


def test_keys_in_a_goodbye_count_no_more() -> None:
    async def story(scene: Scene) -> None:
        await presses(scene, "0", after_s=0.5)
        await presses(scene, "1", "2", after_s=0.1)

    termination, scene = play_menu(story)
    assert termination is Termination.TRANSFERRED
    assert scene.played == ["main_menu", "connecting_person"]


def test_a_key_of_the_flow_is_not_told_to_the_agent_and_one_of_the_agents_not_to_the_flow() -> None:
    async def story(scene: Scene) -> None:
        await presses(scene, "1", after_s=0.2)
        await presses(scene, "1", after_s=0.2)
        await presses(scene, "2", after_s=1)
        node = scene.journey.state.node
        await presses(scene, "1", "#", after_s=0.2)
        assert scene.journey.state.node == node == "booking"
        assert told(scene.agent) == ["I chose to book a table.", "I pressed 1 on the keypad."]
        await hangs_up(scene)

    play_menu(story, outside=Outside())


@pytest.mark.parametrize("key", ["A", "D"])
def test_a_key_that_no_telephone_has_changes_nothing(key: str) -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(0.3)
        scene.caller.says(DtmfPressed(key))
        await asyncio.sleep(0.3)
        await hangs_up(scene)

    _, scene = play_menu(story)
    assert heard(scene) == [("prompt", 0.0, 0.6)] or heard(scene)[0][2] >= 0.6
    assert scene.played == ["main_menu"]


def test_keys_count_as_a_sign_of_the_caller() -> None:
    async def story(scene: Scene) -> None:
        for _ in range(8):
            await presses(scene, "1", "#", after_s=10)
        await hangs_up(scene)

    _, scene = play_menu(story, start="chat", greeting=WELCOME, agent_silent_s=100)
    assert scene.events("caller.asked") == []


# Sounds


def waits_for(scene: Scene) -> str | None:
    return scene.parts.filler.why


def test_a_sound_is_a_turn_of_the_callers_only_when_the_agent_is_to_answer() -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(2)
        scene.caller.speaks(600)
        assert waits_for(scene) is None
        await presses(scene, "2")
        scene.parts.filler.end()
        scene.caller.speaks(600)
        assert waits_for(scene) == "turn"
        assert scene.parts.filler.since == scene.caller.now
        await hangs_up(scene)

    play_menu(story, outside=Outside())


def test_a_sound_over_a_voice_is_no_turn_that_waits_for_an_answer() -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(0.2)
        says(scene.agent, "Let me tell you a story.", 4000, 1)
        await asyncio.sleep(1)
        scene.caller.speaks(600)
        assert waits_for(scene) is None
        await asyncio.sleep(2)
        await hangs_up(scene)

    play_menu(story, start="chat", outside=Outside())


def test_a_short_click_is_nothing() -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(2)
        scene.caller.speaks(100)
        await asyncio.sleep(5)
        await hangs_up(scene)

    _, scene = play_menu(story, start="chat", greeting=WELCOME)
    assert voices(scene) == ["prompt"]


def test_with_no_agent_there_a_sound_waits_for_nobody() -> None:
    async def story(scene: Scene) -> None:
        await presses(scene, "7", after_s=1)
        await asyncio.sleep(1.2)
        scene.caller.speaks(1000)
        await asyncio.sleep(3)
        assert waits_for(scene) is None
        await hangs_up(scene)

    _, scene = play_menu(story)
    assert set(voices(scene)) == {"prompt"}


def test_a_sound_without_words_is_waited_for_so_long_and_then_the_caller_is_asked_again() -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(2)
        scene.caller.speaks(600)
        began_s = at_s(scene)
        await asyncio.sleep(12)
        assert began_s + TURN_FILL_S < at_s(scene)
        await hangs_up(scene)

    _, scene = play_menu(story, start="chat", greeting=WELCOME, outside=Outside(greets=True))
    assert scene.played == ["no_input"]
    assert scene.events("rung.climbed") == []


def test_words_after_the_call_has_begun_to_end_change_nothing() -> None:
    async def story(scene: Scene) -> None:
        await presses(scene, "0", after_s=0.5)
        transcribes(scene.agent, "No, wait, when are you open?")
        says(scene.agent, "From nine.", 1000, 2)

    termination, scene = play_menu(story, flow=menu_flow("chat"))
    assert termination is Termination.TRANSFERRED
    assert voices(scene) == ["prompt"]


def test_a_terminator_that_a_full_number_needed_no_more_is_not_the_agents() -> None:
    async def story(scene: Scene) -> None:
        await presses(scene, "3", *"80012345", "#", after_s=0.2)
        await asyncio.sleep(3)
        assert told(scene.agent) == ["My customer number is 80012345.", "I chose to book a table."]
        await presses(scene, "#")
        assert told(scene.agent)[-1] == "I pressed # on the keypad."
        await hangs_up(scene)

    play_menu(story, outside=Outside())
