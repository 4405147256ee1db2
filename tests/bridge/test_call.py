"""A call over in-memory legs on virtual time: how it goes, and each way it can end."""

import asyncio
from base64 import b64decode, b64encode
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from structlog.testing import capture_logs

from ivr_bridge.audio.formats import AudioFormat
from ivr_bridge.bridge.account import CallAccount
from ivr_bridge.bridge.call import Call, CallNeeds, Opening
from ivr_bridge.bridge.greeting_choice import AGENT_GREETS, Greeting
from ivr_bridge.bridge.parked_agents import ParkedAgent
from ivr_bridge.bridge.termination import Termination
from ivr_bridge.elevenlabs.conversation.events import (
    AgentAudio,
    AgentResponded,
    AgentResponseCompleted,
    CallerTranscribed,
    ConversationClosed,
    Interrupted,
    ToolReported,
    ToolRequested,
)
from ivr_bridge.errors import AgentRefused, AgentUnreachable, RemoteProtocolError
from ivr_bridge.settings import Settings
from ivr_bridge.speech.prompt import Prompt
from ivr_bridge.telemetry.log import Log
from ivr_bridge.tools.context import CallControl, CallInfo
from ivr_bridge.tools.registry import ToolRegistry, tool
from ivr_bridge.twilio.stream_events import DtmfPressed, StreamClosed, StreamStopped
from tests.support.legs import FakeAgent, FakeCaller, silence_b64
from tests.support.virtual_time import run_virtual

INFO = CallInfo("CA1", "+15550100001", "+15550100002", "2026-01-01T00:00:00+00:00", 1.0, "en", "conv_1")


@tool
async def slow_lookup(seconds: float) -> str:
    """Take a while."""
    await asyncio.sleep(seconds)
    return "found"


@tool
async def say_bye(call: CallControl) -> str:
    """End the call."""
    call.hang_up_after_playout()
    return "bye"


def prompt(name: str, length_ms: int = 1000) -> Prompt:
    return Prompt(name=name, language="en", text=name.replace("_", " "), mulaw=bytes([0x30]) * (length_ms * 8))


@dataclass
class Scene:
    caller: FakeCaller
    agent: FakeAgent
    call: Call
    account: CallAccount
    played: list[str] = field(default_factory=list)
    logs: list[Any] = field(default_factory=list)

    def events(self, name: str) -> list[Any]:
        return [line for line in self.logs if line["event"] == name]


Story = Callable[[Scene], Awaitable[None]]


def play(
    story: Story,
    *,
    greeting: Greeting = AGENT_GREETS,
    output: str = "ulaw_8000",
    dial_error: Exception | None = None,
    tell: bool = False,
    prompts: bool = True,
    echo_marks: bool = True,
    **limits: float,
) -> tuple[Termination, Scene]:
    """Run one call; `story` plays both sides until it returns, then the call must end by itself within 200 s."""

    async def scene() -> tuple[Termination, Scene]:
        caller, agent = (
            FakeCaller(echo_marks=echo_marks),
            FakeAgent(AudioFormat.parse(output), AudioFormat.parse(output)),
        )

        async def dial() -> FakeAgent:
            if dial_error is not None:
                raise dial_error
            return agent

        log = Log()
        account = CallAccount(asyncio.get_running_loop().time())
        needs = CallNeeds(
            settings=Settings(**limits),  # type: ignore[arg-type]
            prompt=lambda name: prompt(name) if prompts else None,
            tools=registry(),
            tool_timeout_s=5,
            tell_agent_what_was_heard=tell,
            info=lambda: INFO,
            log=log,
        )
        call = Call(caller, Opening(ParkedAgent(dial, log), greeting), needs, account)
        made = Scene(caller, agent, call, account)
        running = asyncio.ensure_future(call.run())
        steady = asyncio.ensure_future(caller.keeps_sending())
        await story(made)
        async with asyncio.timeout(200):
            termination = await running
        steady.cancel()
        if call.unclaimed is not None:
            await call.unclaimed.discard("test")
        await caller.close()
        await asyncio.sleep(0)
        return termination, made

    with capture_logs() as logs:
        termination, made = run_virtual(scene())
    made.logs = logs
    made.played = [line["prompt"] for line in logs if line["event"] == "prompt.played"]
    return termination, made


def registry() -> ToolRegistry:
    return ToolRegistry.from_module(__name__)


async def hangs_up(scene: Scene) -> None:
    scene.caller.says(StreamStopped())


def test_the_callers_voice_reaches_the_agent_untouched() -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(0.01)
        scene.caller.speaks(100)
        await asyncio.sleep(0.5)
        await hangs_up(scene)

    termination, scene = play(story)
    assert termination is Termination.STREAM_ENDED
    assert scene.agent.audio.count(silence_b64(20, 0x10)) == 5
    assert len(scene.agent.audio) >= 25
    assert all(len(frame) == 216 for frame in scene.agent.audio)


def test_the_agents_voice_reaches_the_caller_whole_and_in_time() -> None:
    async def story(scene: Scene) -> None:
        scene.agent.says(AgentResponded("hello there", 1))
        scene.agent.speaks(5000, event_id=1)
        await asyncio.sleep(8)
        await hangs_up(scene)

    _, scene = play(story)
    assert scene.caller.heard_ms() == pytest.approx(5000)
    starts = [start for start, _ in scene.caller.heard]
    ends = [end for _, end in scene.caller.heard]
    assert all(start - end < 0.001 for start, end in zip(starts[1:], ends, strict=False)), "a hole in the voice"
    assert scene.account.greeting == "agent"
    replies = scene.events("reply.played")
    assert [(line["event_id"], line["whole"]) for line in replies] == [(1, True)]
    assert replies[0]["heard_ms"] == pytest.approx(5000)
    assert scene.account.marks_played >= 5


def test_pcm_is_brought_to_the_telephone_and_its_tail_is_not_kept() -> None:
    async def story(scene: Scene) -> None:
        for size in (999, 5401, 25600):
            scene.agent.says(AgentAudio(b64encode(bytes(size)).decode(), 1, None))
        scene.agent.says(AgentResponseCompleted(1))
        await asyncio.sleep(3)
        await hangs_up(scene)

    _, scene = play(story, output="pcm_16000")
    assert scene.caller.heard_ms() == pytest.approx(1000, abs=25)
    assert scene.events("audio.chained")[0]["agent_to_caller"] == "pcm_16000 -> pcm_8000 -> ulaw_8000"
    assert all(len(b64decode(frame)) == 640 for frame in scene.agent.audio)


def test_barge_in_clears_at_once_and_is_accounted() -> None:
    async def story(scene: Scene) -> None:
        scene.agent.says(AgentResponded("one two three four five six seven eight nine ten", 1))
        scene.agent.speaks(10_000, event_id=1)
        await asyncio.sleep(2.0)
        scene.agent.says(Interrupted(2))
        await asyncio.sleep(0.001)
        assert scene.caller.kinds()[-1] == "clear"
        await asyncio.sleep(1.0)
        scene.agent.says(AgentResponded("yes?", 3))
        scene.agent.speaks(500, event_id=3)
        await asyncio.sleep(2)
        await hangs_up(scene)

    _, scene = play(story, tell=True)
    barge = scene.events("caller.barged_in")
    assert len(barge) == scene.account.barge_ins == 1
    assert barge[0]["heard_ms"] == pytest.approx(2000, abs=250)
    assert barge[0]["pii.heard"].startswith("one two")
    assert "ten" not in barge[0]["pii.heard"]
    assert scene.caller.heard_ms() == pytest.approx(2500, abs=250)
    assert scene.account.marks_discarded >= 1
    assert any(kind == "contextual_update" and "heard only" in text for kind, text in scene.agent.sent)


def test_exactly_one_greeting_when_ours_is_cached() -> None:
    async def story(scene: Scene) -> None:
        scene.agent.says(AgentResponded("welcome", 1))
        scene.agent.speaks(1500, event_id=1)
        await asyncio.sleep(4)
        scene.agent.says(CallerTranscribed("hours?", 2), AgentResponded("from nine", 2))
        scene.agent.speaks(700, event_id=2)
        await asyncio.sleep(3)
        await hangs_up(scene)

    _, scene = play(story, greeting=Greeting("cached", prompt("welcome", 1500)))
    assert scene.caller.heard_ms() == pytest.approx(1500 + 700)
    assert scene.account.greeting == "cached"
    assert scene.events("greeting.played")[0]["ms_since_start"] < 100
    assert [line["pii.text"] for line in scene.events("agent.said")] == ["welcome", "from nine"]


def test_words_over_the_cached_greeting_clear_it() -> None:
    async def story(scene: Scene) -> None:
        scene.agent.says(AgentResponded("welcome", 1))
        scene.agent.speaks(3000, event_id=1)
        await asyncio.sleep(1)
        scene.agent.says(CallerTranscribed("hello", 2), AgentResponded("yes", 2))
        scene.agent.speaks(400, event_id=2)
        await asyncio.sleep(3)
        await hangs_up(scene)

    _, scene = play(story, greeting=Greeting("cached", prompt("welcome", 3000)))
    assert scene.account.barge_ins == 1
    assert scene.caller.heard_ms() == pytest.approx(1400, abs=50)


def test_pitfall_the_goodbye_is_played_to_its_end_after_1000() -> None:
    async def story(scene: Scene) -> None:
        scene.agent.says(AgentResponded("goodbye", 1))
        scene.agent.speaks(4000, event_id=1)
        scene.agent.says(ConversationClosed(1000, ""))

    termination, scene = play(story)
    assert termination is Termination.AGENT_HUNG_UP
    assert scene.caller.heard_ms() == pytest.approx(4000)


def test_pitfall_a_mark_that_never_comes_does_not_hold_the_line() -> None:
    async def story(scene: Scene) -> None:
        scene.agent.speaks(1000, event_id=1)
        scene.agent.says(ConversationClosed(1000, ""))

    termination, _ = play(story, echo_marks=False)
    assert termination is Termination.AGENT_HUNG_UP


def test_end_call_reported_by_the_vendor_hangs_up_after_the_last_words() -> None:
    async def story(scene: Scene) -> None:
        scene.agent.speaks(1000, event_id=1)
        scene.agent.says(ToolReported("end_call", "t1", "system", False))

    termination, scene = play(story)
    assert termination is Termination.AGENT_HUNG_UP
    assert scene.caller.heard_ms() == pytest.approx(1000)


def test_the_hang_up_tool_waits_for_the_last_words() -> None:
    async def story(scene: Scene) -> None:
        scene.agent.says(ToolRequested("say_bye", "t1", {}, 1))
        await asyncio.sleep(1)
        scene.agent.says(AgentResponded("bye bye", 2))
        scene.agent.speaks(1200, event_id=2)

    termination, scene = play(story)
    assert termination is Termination.AGENT_HUNG_UP
    assert scene.caller.heard_ms() == pytest.approx(1200)
    assert ("tool_result", ("t1", "bye", False)) in scene.agent.sent


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
    assert scene.played == ["connecting", "sorry"]


def test_an_agent_that_floods_is_cut_off() -> None:
    async def story(scene: Scene) -> None:
        scene.agent.speaks(400_000, event_id=1, piece_ms=10_000)

    termination, scene = play(story)
    assert termination is Termination.AGENT_FLOODED
    assert scene.played == ["sorry"]
    assert scene.caller.heard_ms() < 5000


def test_no_media_for_15_s_is_a_dead_leg() -> None:
    async def scene() -> Termination:
        caller, agent = FakeCaller(), FakeAgent()

        async def dial() -> FakeAgent:
            return agent

        log = Log()
        account = CallAccount(0.0)
        needs = CallNeeds(Settings(), prompt, registry(), 5, False, lambda: INFO, log)
        call = Call(caller, Opening(ParkedAgent(dial, log), AGENT_GREETS), needs, account)
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
        caller = FakeCaller()

        async def dial() -> FakeAgent:
            await asyncio.sleep(60)
            return FakeAgent()

        log = Log()
        needs = CallNeeds(Settings(), prompt, registry(), 5, False, lambda: INFO, log)
        call = Call(caller, Opening(ParkedAgent(dial, log), AGENT_GREETS), needs, CallAccount(0.0))
        caller.says(StreamStopped())
        assert await call.run() is Termination.STREAM_ENDED
        assert call.unclaimed is not None
        await call.unclaimed.discard("gone")

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


def test_a_bug_of_ours_ends_this_call_and_says_so() -> None:
    async def story(scene: Scene) -> None:
        scene.caller.says(object())  # type: ignore[arg-type]
        await asyncio.sleep(0.1)
        scene.call._turns.receive = None  # type: ignore[method-assign, assignment]
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

        async def never(payload: str) -> None:
            await asyncio.Event().wait()

        scene.caller.send_media = never  # type: ignore[method-assign]
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
    async def scene() -> None:
        caller, agent = FakeCaller(), FakeAgent()

        async def dial() -> FakeAgent:
            await asyncio.sleep(5)
            return agent

        log = Log()
        needs = CallNeeds(Settings(), prompt, registry(), 5, False, lambda: INFO, log)
        call = Call(caller, Opening(ParkedAgent(dial, log), AGENT_GREETS), needs, CallAccount(0.0))
        running = asyncio.ensure_future(call.run())
        for digit in "12#3":
            caller.says(DtmfPressed(digit))
        await asyncio.sleep(6)
        said = [text for kind, text in agent.sent if kind == "user_message"]
        assert said == ["I pressed 1 2 on the keypad.", "I pressed 3 on the keypad."]
        caller.says(StreamStopped())
        await running

    run_virtual(scene())


def test_what_comes_too_late_after_a_bug_changes_nothing() -> None:
    async def story(scene: Scene) -> None:
        scene.caller.says(ValueError("a bug"))

    termination, scene = play(story)
    scene.call.end(Termination.DRAINED, at_once=True)
    assert termination is Termination.BRIDGE_FAULTED


def test_a_barge_in_is_accounted_by_what_was_played() -> None:
    async def story(scene: Scene) -> None:
        scene.agent.speaks(20_000, event_id=1)
        await asyncio.sleep(2)
        scene.agent.says(Interrupted(2))
        await asyncio.sleep(1)
        scene.agent.speaks(10_000, event_id=3)
        await asyncio.sleep(3)
        await hangs_up(scene)

    _, scene = play(story)
    assert scene.account.played_ms == pytest.approx(5000, abs=300)


def test_a_long_answer_is_not_taken_for_silence() -> None:
    async def story(scene: Scene) -> None:
        scene.agent.says(CallerTranscribed("tell me everything", 1), AgentResponded("well", 2))
        await asyncio.sleep(0.5)
        scene.agent.speaks(40_000, event_id=2)
        await asyncio.sleep(45)
        assert scene.caller.kinds().count("media") > 190
        await hangs_up(scene)

    termination, scene = play(story, caller_silent_s=30)
    assert termination is Termination.STREAM_ENDED
    assert scene.played == []
