"""A call over in-memory legs on virtual time: each way it can end, and what the caller hears then."""

import asyncio

import pytest

from ivr_bridge.bridge.greeting_choice import AGENT_GREETS
from ivr_bridge.bridge.termination import Termination
from ivr_bridge.bridge.turns import Turns
from ivr_bridge.elevenlabs.conversation.events import (
    AgentResponded,
    ConversationClosed,
    ToolReported,
    ToolRequested,
)
from ivr_bridge.errors import AgentRefused, AgentUnreachable, RemoteProtocolError
from ivr_bridge.twilio.stream_events import DtmfPressed, StreamClosed, StreamStopped
from tests.support.call_scene import JUST_THE_AGENT, Outside, Scene, build_scene, hangs_up, play
from tests.support.virtual_time import run_virtual


@pytest.mark.parametrize(
    ("close_code", "expected"),
    [
        (1002, Termination.AGENT_LOST),
        (1006, Termination.AGENT_LOST),
        (1008, Termination.AGENT_REFUSED),
        (1011, Termination.AGENT_LOST),
    ],
)
def test_a_lost_agent_is_told_to_the_caller(close_code: int, expected: Termination) -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(1)
        scene.agent.says(ConversationClosed(close_code, "why"))

    termination, scene = play(story)
    assert termination is expected
    assert scene.played == ["sorry"]
    assert scene.call.prompt_played
    assert scene.caller.heard_ms() == pytest.approx(1000)
    assert scene.account.agent_close_code == close_code


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (AgentUnreachable("no"), Termination.AGENT_UNREACHABLE),
        (AgentRefused("no"), Termination.AGENT_REFUSED),
    ],
)
def test_an_agent_that_cannot_be_had_is_told_to_the_caller(error: Exception, expected: Termination) -> None:
    async def story(scene: Scene) -> None:
        return

    termination, scene = play(story, dial_error=error)
    assert termination is expected
    assert scene.played == ["sorry"]


def test_a_prompt_that_was_never_rendered_is_left_to_twiml() -> None:
    async def story(scene: Scene) -> None:
        scene.agent.says(ConversationClosed(1011, ""))

    termination, scene = play(story, prompts=False)
    assert termination is Termination.AGENT_LOST
    assert not scene.call.prompt_played


def test_a_silent_caller_is_asked_once_and_then_let_go() -> None:
    async def story(scene: Scene) -> None:
        scene.agent.says(AgentResponded("hello", 1))
        scene.agent.speaks(1000, event_id=1)

    termination, scene = play(story, caller_silent_s=30)
    assert termination is Termination.CALLER_SILENT
    assert scene.played == ["are_you_there", "goodbye_silence"]
    assert scene.events("caller.asked")[0]["silent_s"] == pytest.approx(20, abs=1)


def test_an_agent_that_asks_for_ever_does_not_keep_a_dead_call_alive() -> None:
    async def story(scene: Scene) -> None:
        for turn in range(6):
            scene.agent.says(AgentResponded("are you there?", turn + 1))
            scene.agent.speaks(800, event_id=turn + 1)
            await asyncio.sleep(7)

    termination, _ = play(story, caller_silent_s=30)
    assert termination is Termination.CALLER_SILENT


def test_a_call_that_is_too_long_ends_with_its_prompt() -> None:
    async def story(scene: Scene) -> None:
        scene.agent.speaks(60_000, event_id=1)

    termination, scene = play(story, max_call_s=20)
    assert termination is Termination.CALL_TOO_LONG
    assert scene.played == ["time_is_up"]
    assert scene.caller.heard_ms() == pytest.approx(21_000, abs=400)


def test_an_agent_that_never_answers_is_excused_once_then_given_up() -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(1)
        scene.caller.speaks(1000)
        await asyncio.sleep(13)
        scene.caller.speaks(1000)

    termination, scene = play(story)
    assert termination is Termination.AGENT_SILENT
    assert scene.played == ["no_input", "sorry"]


def test_an_agent_that_floods_is_cut_off() -> None:
    async def story(scene: Scene) -> None:
        scene.agent.speaks(400_000, event_id=1, piece_ms=10_000)

    termination, scene = play(story)
    assert termination is Termination.AGENT_FLOODED
    assert scene.played == ["sorry"]
    assert scene.caller.heard_ms() < 5000


def test_no_media_for_15_s_is_a_dead_leg() -> None:
    async def scene() -> Termination:
        call = build_scene(JUST_THE_AGENT, Outside(), AGENT_GREETS).call
        began = asyncio.get_running_loop().time()
        termination = await call.run()
        assert 15 <= asyncio.get_running_loop().time() - began < 22
        return termination

    assert run_virtual(scene()) is Termination.STREAM_SILENT


def test_a_twilio_that_does_not_read_ends_the_call() -> None:
    async def story(scene: Scene) -> None:
        scene.caller.stalled_s = 6.0

    assert play(story)[0] is Termination.STREAM_STALLED


def test_a_stream_that_sends_garbage_ends_the_call() -> None:
    async def story(scene: Scene) -> None:
        scene.caller.says(RemoteProtocolError("not JSON"))

    termination, scene = play(story)
    assert termination is Termination.STREAM_FAULTED
    assert scene.events("stream.faulted")


@pytest.mark.parametrize(("code", "expected"), [(1000, Termination.STREAM_ENDED), (1006, Termination.STREAM_LOST)])
def test_a_socket_that_goes_without_a_stop(code: int, expected: Termination) -> None:
    async def story(scene: Scene) -> None:
        scene.caller.says(StreamClosed(code))

    assert play(story)[0] is expected


def test_pitfall_stop_during_connect_leaves_nothing() -> None:
    async def scene() -> None:
        made = build_scene(JUST_THE_AGENT, Outside(dial_s=60), AGENT_GREETS)
        made.caller.says(StreamStopped())
        assert await made.call.run() is Termination.STREAM_ENDED
        assert made.call.unclaimed is not None
        await made.call.unclaimed.discard("gone")

    run_virtual(scene())


def test_keys_are_told_to_the_agent_as_one_message() -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(0.5)
        for digit in "12":
            scene.caller.says(DtmfPressed(digit))
        await asyncio.sleep(3)
        for digit in "7#":
            scene.caller.says(DtmfPressed(digit))
        await asyncio.sleep(0.1)
        await hangs_up(scene)

    _, scene = play(story)
    said = [text for kind, text in scene.agent.sent if kind == "user_message"]
    assert said == ["I pressed 1 2 on the keypad.", "I pressed 7 on the keypad."]


def test_pitfall_a_slow_tool_stalls_no_audio() -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(0.5)
        scene.agent.says(ToolRequested("slow_lookup", "t1", {"seconds": 3}, 1))
        before = len(scene.agent.audio)
        await asyncio.sleep(2)
        assert len(scene.agent.audio) - before >= 98
        scene.agent.speaks(500, event_id=1)
        await asyncio.sleep(3)
        await hangs_up(scene)

    _, scene = play(story)
    assert ("tool_result", ("t1", "found", False)) in scene.agent.sent
    assert scene.account.tools == 1


def test_a_tool_is_cancelled_when_the_caller_hangs_up() -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(0.5)
        scene.agent.says(ToolRequested("slow_lookup", "t1", {"seconds": 4}, 1))
        await asyncio.sleep(0.1)
        await hangs_up(scene)

    _, scene = play(story)
    assert scene.events("tool.cancelled")
    assert not [kind for kind, _ in scene.agent.sent if kind == "tool_result"]


def test_caller_audio_an_agent_is_too_slow_for_is_dropped_and_counted() -> None:
    async def story(scene: Scene) -> None:
        scene.agent.slow = True
        await asyncio.sleep(1)
        await hangs_up(scene)

    _, scene = play(story)
    assert scene.account.frames_dropped >= 45


def test_a_bug_of_ours_ends_this_call_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(scene: Scene) -> None:
        scene.caller.says(object())  # type: ignore[arg-type]
        await asyncio.sleep(0.1)
        monkeypatch.setattr(Turns, "receive", None)
        scene.agent.says(AgentResponded("x", 1))

    termination, scene = play(story)
    assert termination is Termination.BRIDGE_FAULTED
    assert scene.events("call.faulted")


def test_the_first_reason_wins() -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(0.5)
        scene.agent.says(ConversationClosed(1011, ""))
        await asyncio.sleep(0.3)
        scene.call.end(Termination.DRAINED)
        await hangs_up(scene)

    assert play(story)[0] is Termination.AGENT_LOST


def test_a_twilio_that_stops_reading_in_the_last_words_ends_the_call_too() -> None:
    async def story(scene: Scene) -> None:
        scene.agent.speaks(5000, event_id=1)
        scene.agent.says(ConversationClosed(1000, ""))
        await asyncio.sleep(1)
        scene.caller.stalled_s = 1.0
        await asyncio.sleep(2)
        scene.caller.stalled_s = 6.0
        await asyncio.sleep(0.5)
        assert scene.call._over.done()

    assert play(story)[0] is Termination.AGENT_HUNG_UP


def test_nobody_is_asked_anything_after_the_last_words() -> None:
    async def story(scene: Scene) -> None:
        scene.agent.speaks(1000, event_id=1)
        await asyncio.sleep(0.5)
        scene.agent.says(ConversationClosed(1000, ""))

    termination, scene = play(story, echo_marks=False, caller_silent_s=2)
    assert termination is Termination.AGENT_HUNG_UP
    assert scene.played == []


def test_words_that_come_after_end_call_are_heard() -> None:
    async def story(scene: Scene) -> None:
        scene.agent.says(ToolReported("end_call", "t1", "system", False))
        await asyncio.sleep(0.4)
        scene.agent.speaks(2000, event_id=1)
        scene.agent.says(ConversationClosed(1000, ""))

    termination, scene = play(story)
    assert termination is Termination.AGENT_HUNG_UP
    assert scene.caller.heard_ms() == pytest.approx(2000)


def test_keys_pressed_before_the_agent_is_there_are_kept_for_it() -> None:
    async def story(scene: Scene) -> None:
        for digit in "12#3":
            scene.caller.says(DtmfPressed(digit))
        await asyncio.sleep(6)
        said = [text for kind, text in scene.agent.sent if kind == "user_message"]
        assert said == ["I pressed 1 2 on the keypad.", "I pressed 3 on the keypad."]
        scene.caller.says(StreamStopped())

    play(story, outside=Outside(dial_s=5))
