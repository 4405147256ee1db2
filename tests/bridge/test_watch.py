"""What is looked at five times a second: clocks, prompts that end, waits, stalls, a steady feed."""

import asyncio
from itertools import pairwise

import pytest

from ivr_bridge.bridge.greeting_choice import Greeting
from ivr_bridge.bridge.termination import Termination
from ivr_bridge.bridge.watch import STEADY_FEED_S, TICK_S
from ivr_bridge.twilio.stream_events import CallerAudio
from tests.support.call_scene import Outside, Scene, hangs_up, prompt
from tests.support.legs import FakeCaller
from tests.support.menu_calls import heard, menu_flow, play_menu, presses, says, transcribes

WELCOME = Greeting("cached", prompt("welcome", 1000))


def goes_silent(scene: Scene) -> None:
    """Not even silence comes any more."""

    def nothing(event: object) -> None:
        if not isinstance(event, CallerAudio):
            FakeCaller.says(scene.caller, event)  # type: ignore[arg-type]

    scene.caller.says = nothing  # type: ignore[method-assign]


def test_a_prompts_end_is_told_within_a_tick() -> None:
    async def story(scene: Scene) -> None:
        await presses(scene, "1", after_s=0.5)
        await asyncio.sleep(1 + TICK_S + 0.01)
        assert scene.journey.state.node == "menu"
        await asyncio.sleep(0.1)
        await hangs_up(scene)

    _, scene = play_menu(story)
    assert scene.played == ["main_menu", "opening_hours_info", "main_menu"]


def test_prompts_that_were_never_rendered_hold_nobody_up() -> None:
    async def story(scene: Scene) -> None:
        await presses(scene, "1", after_s=0.5)
        await asyncio.sleep(0.5)
        assert scene.journey.state.node == "menu"
        await presses(scene, "0")

    termination, scene = play_menu(story, prompts=False)
    assert termination is Termination.TRANSFERRED
    assert heard(scene) == []


def test_marks_that_never_come_back_hold_nobody_up() -> None:
    async def story(scene: Scene) -> None:
        await presses(scene, "0", after_s=0.5)

    termination, scene = play_menu(story, echo_marks=False)
    assert termination is Termination.TRANSFERRED
    assert heard(scene)[-1] == ("prompt", 0.5, 1.5)


@pytest.mark.parametrize("where", ["menu", "chat"])
def test_a_call_ends_when_its_time_is_up(where: str) -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(2)

    termination, scene = play_menu(story, start=where, max_call_s=3)
    assert termination is Termination.CALL_TOO_LONG
    assert scene.played[-1] == "time_is_up"
    assert heard(scene)[-1][2] == pytest.approx(4.0, abs=0.3)


def test_no_media_for_15_s_is_a_dead_line() -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(1)
        goes_silent(scene)

    termination, _ = play_menu(story, start="chat", greeting=WELCOME, outside=Outside(greets=True))
    assert termination is Termination.STREAM_SILENT


def test_a_stream_that_reads_nothing_for_5_s_is_given_up() -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(1)
        scene.caller.stalled_s = 5.0

    termination, _ = play_menu(story)
    assert termination is Termination.STREAM_STALLED


def test_an_agent_that_hears_nothing_gets_a_sign_of_life() -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(1)
        goes_silent(scene)
        await asyncio.sleep(STEADY_FEED_S * 2 + 2)
        FakeCaller.speaks(scene.caller, 20)
        await hangs_up(scene)

    _, scene = play_menu(story, start="chat", greeting=WELCOME, outside=Outside(greets=True))
    assert [kind for kind, _ in scene.agent.sent].count("user_activity") == 2


def test_a_caller_who_says_nothing_is_asked_and_then_let_go() -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(50)

    greeting = {"greeting": WELCOME, "outside": Outside(greets=True)}
    termination, scene = play_menu(story, start="chat", **greeting)
    assert termination is Termination.CALLER_SILENT
    assert scene.played == ["are_you_there", "goodbye_silence"]
    assert scene.events("filler.played") == [], "nobody who is to speak hears music"


@pytest.mark.parametrize(("quiet_s", "cause"), [(0.0, None), (6.0, "lost")])
def test_a_sound_that_nobody_answers_is_asked_again_unless_the_agent_is_half_open(
    quiet_s: float, cause: str | None
) -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(2)
        scene.agent.quiet_for_s = quiet_s
        scene.caller.speaks(600)
        await asyncio.sleep(10)
        await hangs_up(scene)

    _, scene = play_menu(story, flow=menu_flow("chat"), greeting=WELCOME, outside=Outside(greets=True))
    assert [line["cause"] for line in scene.events("rung.climbed")] == ([cause] if cause else [])
    assert scene.played == (["sorry"] if cause else ["no_input"])


def test_a_filler_of_words_is_followed_by_rounds_of_music_without_a_hole() -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(2)
        transcribes(scene.agent, "Look it up")
        await asyncio.sleep(30)
        says(scene.agent, "Here.", 500, 2)
        await asyncio.sleep(1)
        await hangs_up(scene)

    _, scene = play_menu(story, flow=menu_flow("chat"), greeting=WELCOME, agent_silent_s=60)
    spans = heard(scene)[1:-1]
    assert max(later[1] - earlier[2] for earlier, later in pairwise(spans)) <= TICK_S + 0.01
    assert [line["why"] for line in scene.events("filler.played")][:3] == ["turn: music", "turn: words", "turn: music"]


def test_without_a_prompt_for_it_a_wait_is_filled_with_music() -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(4)
        await hangs_up(scene)

    _, scene = play_menu(story, start="chat", prompts=False, outside=Outside(dial_s=10.0))
    assert [who for who, _, _ in heard(scene)] == ["music"]


def test_once_the_call_ends_nothing_else_begins() -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(2)
        transcribes(scene.agent, "When are you open?")
        await asyncio.sleep(1)
        await presses(scene, "0")

    termination, scene = play_menu(story, start="chat", echo_marks=False, outside=Outside())
    assert termination is Termination.TRANSFERRED
    assert scene.events("filler.played") == []
    assert scene.played == ["connecting_person"]
