"""A call over in-memory legs on virtual time: how it goes."""

import asyncio
from base64 import b64decode, b64encode

import pytest

from ivr_bridge.bridge.greeting_choice import Greeting
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
from tests.support.call_scene import Scene, hangs_up, play, prompt
from tests.support.legs import silence_b64


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
