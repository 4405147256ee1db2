"""Recorded calls over in-memory legs on virtual time: what is on each side, and when."""

import asyncio
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from ivr_bridge.audio.levels import rms_dbov
from ivr_bridge.bridge.greeting_choice import NOT_GREETED
from ivr_bridge.bridge.termination import Termination
from ivr_bridge.elevenlabs.conversation.events import CallerTranscribed, Interrupted
from ivr_bridge.twilio.stream_events import CallerAudio, DtmfPressed
from tests.support.call_scene import Outside, Scene, Story, hangs_up, play
from tests.support.menu_calls import speech
from tests.support.sounds import Studio, pcm_sides, raw_sides

RECORDING = {"announce": "call_recorded", "keep_days": 30}
ANNOUNCEMENT_S = 1.0
CALLER, AGENT, PROMPT, SILENCE = 0x10, 0x20, 0x30, 0xFF


def agent_flow(**more: Any) -> dict[str, Any]:
    return {
        "disclosure": False,
        "recording": RECORDING,
        "start": "agent",
        "nodes": {"agent": {"kind": "agent"}},
        **more,
    }


PIN_FLOW: dict[str, Any] = {
    "disclosure": False,
    "recording": RECORDING,
    "start": "pin",
    "nodes": {
        "pin": {"kind": "digits", "prompt": "ask_pin", "variable": "pin", "min_digits": 4, "max_digits": 4,
                "sensitive": True, "next": "agent", "otherwise": "agent"},
        "agent": {"kind": "agent"},
    },
}  # fmt: skip


def records(story: Story, studio: Studio, flow: dict[str, Any] | None = None, **more: Any) -> tuple[Termination, Scene]:
    sounds = studio.sounds()

    async def whole(scene: Scene) -> None:
        await story(scene)
        await asyncio.sleep(0.1)
        scene.desk.background.append(asyncio.ensure_future(sounds.close()))

    outside = more.pop("outside", None) or Outside(greets=True)
    outside.sounds = sounds
    return play(whole, flow=flow or agent_flow(), outside=outside, greeting=NOT_GREETED, **more)


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    return Studio(tmp_path)


async def begun(scene: Scene) -> float:
    while not scene.parts.caller_taps:
        await asyncio.sleep(0.02)
    return scene.caller.now


def spans(side: bytes) -> list[tuple[int, float, float]]:
    """Which byte from when to when, in seconds; what is shorter than a frame is passed over."""
    found: list[tuple[int, float, float]] = []
    at = 0
    while at < len(side):
        end = at
        while end < len(side) and side[end] == side[at]:
            end += 1
        if end - at >= 160:
            found.append((side[at], round(at / 8000, 2), round(end / 8000, 2)))
        at = end
    return found


def test_the_announcement_is_heard_before_it_begins(studio: Studio) -> None:
    async def story(scene: Scene) -> None:
        began_at.append(await begun(scene) - scene.began_at)
        assert list(studio.rows.of("recordings")[0]) >= ["id"]
        await asyncio.sleep(2)
        await hangs_up(scene)

    began_at: list[float] = []
    _, scene = records(story, studio)
    assert scene.played[0] == "call_recorded"
    assert began_at[0] == pytest.approx(ANNOUNCEMENT_S, abs=0.25)
    assert began_at[0] >= ANNOUNCEMENT_S
    early = [byte for byte, start, _ in spans(raw_sides(studio.wav("recordings"))[1]) if start < 1]
    assert early == [SILENCE], "the announcement itself is not in it"


def test_left_is_the_caller_and_right_what_the_caller_heard(studio: Studio) -> None:
    async def story(scene: Scene) -> None:
        t0 = await begun(scene)
        scene.agent.says(*speech(1000, 1))
        await asyncio.sleep(t0 + 3 - scene.caller.now)
        await hangs_up(scene)

    records(story, studio)
    left, right = raw_sides(studio.wav("recordings"))
    assert len(left) == len(right)
    assert len(left) / 8000 == pytest.approx(3, abs=0.1)
    assert set(left) == {SILENCE}
    heard = [span for span in spans(right) if span[0] == AGENT]
    [(_, start, end)] = heard
    assert start == pytest.approx(0, abs=0.06)
    assert end - start == pytest.approx(1.0, abs=0.02)


def test_what_a_barge_in_cut_off_is_not_heard(studio: Studio) -> None:
    async def story(scene: Scene) -> None:
        t0 = await begun(scene)
        scene.agent.says(*speech(8000, 1))
        await asyncio.sleep(t0 + 2 - scene.caller.now)
        scene.agent.says(Interrupted(1))
        cleared.append(scene.caller.now - t0)
        await asyncio.sleep(1)
        scene.agent.says(*speech(600, 2, 0x21))
        await asyncio.sleep(2)
        await hangs_up(scene)
        in_stream.append(sum(min(end, scene.caller.now) - start for start, end in scene.caller.heard))

    cleared: list[float] = []
    in_stream: list[float] = []
    records(story, studio)
    right = raw_sides(studio.wav("recordings"))[1]
    agent, again = (next(span for span in spans(right) if span[0] == byte) for byte in (AGENT, 0x21))
    assert agent[2] == pytest.approx(cleared[0], abs=0.041), "within two frames of the moment"
    assert again[1] == pytest.approx(cleared[0] + 1, abs=0.041)
    assert again[2] - again[1] == pytest.approx(0.6, abs=0.021)
    recorded = sum(end - start for byte, start, end in spans(right) if byte != SILENCE)
    assert recorded == pytest.approx(in_stream[0] - ANNOUNCEMENT_S, abs=0.05), "as the other end heard it"


def test_sensitive_digits_are_silence_of_the_same_length_on_both_sides(studio: Studio) -> None:
    tone = b64encode(bytes([0x05]) * 160).decode()

    async def keys(scene: Scene, digits: str) -> None:
        for digit in digits:
            for _ in range(5):
                scene.caller.says(CallerAudio(tone, 0, 0.0))
            scene.caller.says(DtmfPressed(digit))
            await asyncio.sleep(0.3)

    async def story(scene: Scene) -> None:
        t0 = await begun(scene)
        await asyncio.sleep(1)
        await keys(scene, "4711")
        for _ in range(5):
            scene.caller.says(CallerAudio(tone, 0, 0.0))  # the tone of the last key rings on
        scene.agent.says(*speech(400, 1))
        await asyncio.sleep(4)
        scene.caller.says(CallerAudio(tone, 0, 0.0))
        scene.agent.says(*speech(400, 2))
        await asyncio.sleep(1)
        await hangs_up(scene)
        lasted.append(scene.caller.now - t0)

    lasted: list[float] = []
    records(story, studio, PIN_FLOW)
    left, right = raw_sides(studio.wav("recordings"))
    assert len(left) / 8000 >= lasted[0] - 0.1, "no time is missing"
    keyed = [span for span in spans(left) if span[0] == 0x05]
    assert len(keyed) == 1, "none but the one long after the PIN"
    assert keyed[0][1] > 5
    assert not [span for span in spans(right) if span[0] == PROMPT and span[1] < 5], (
        "the prompt of the PIN is not there either"
    )


def test_an_announcement_that_is_spoken_over_is_said_again(studio: Studio) -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(0.5)
        scene.parts.to_caller.interrupt()
        assert not scene.parts.caller_taps
        began_at.append(await begun(scene) - scene.began_at)
        await asyncio.sleep(1)
        await hangs_up(scene)

    began_at: list[float] = []
    _, scene = records(story, studio)
    assert scene.played.count("call_recorded") == 2
    assert began_at[0] >= 0.5 + ANNOUNCEMENT_S


def test_nobody_is_recorded_whom_nobody_could_tell(studio: Studio) -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(3)
        assert not scene.parts.caller_taps
        await hangs_up(scene)

    records(story, studio, prompts=False)
    assert not (studio.var / "recordings").exists()


def test_who_has_heard_it_in_an_earlier_stream_is_recorded_at_once(studio: Studio) -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(0.5)
        assert scene.parts.caller_taps
        await hangs_up(scene)

    sounds = studio.sounds()

    async def whole(scene: Scene) -> None:
        await story(scene)
        scene.desk.background.append(asyncio.ensure_future(sounds.close()))

    async def announced(scene: Scene) -> None:
        await whole(scene)

    flow = agent_flow()
    outside = Outside(greets=True, sounds=sounds)

    def patched(scene_flow: dict[str, Any]) -> tuple[Termination, Scene]:
        return play(announced, flow=scene_flow, outside=outside, greeting=NOT_GREETED)

    with pytest.MonkeyPatch.context() as patch:
        from ivr_bridge.bridge.journey import Journey  # noqa: PLC0415

        begin = Journey.__init__

        def remembered(self: Journey, *args: Any, **more: Any) -> None:
            begin(self, *args, **more)
            self.recording_announced = True

        patch.setattr(Journey, "__init__", remembered)
        _, scene = patched(flow)
    assert scene.played == []
    assert len(studio.rows.of("recordings")) == 1


def test_a_flow_without_recording_has_no_taps(studio: Studio) -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(1)
        assert (scene.parts.caller_taps, scene.parts.to_caller.taps, scene.parts.taping) == ((), (), None)
        await hangs_up(scene)

    records(story, studio, agent_flow(recording=None))
    assert not (studio.var / "recordings").exists()


def test_the_row_and_the_events(studio: Studio) -> None:
    async def story(scene: Scene) -> None:
        await begun(scene)
        await asyncio.sleep(2)
        await hangs_up(scene)

    _, scene = records(story, studio)
    [row] = studio.rows.of("recordings")
    assert row["call_sid"] == scene.caller.started.call_sid
    assert row["duration_s"] == pytest.approx(2, abs=0.1)
    assert row["bytes"] == len(studio.wav("recordings")) - 58
    assert (row["delete_after"][:10] > row["began_at"][:10]) is True
    [ended] = scene.events("recording.ended")
    assert ended["recording_id"] == row["id"]
    assert studio.files("recordings") == [".wav"]


def test_a_disk_that_fails_ends_the_recording_and_not_the_call(studio: Studio) -> None:
    async def story(scene: Scene) -> None:
        await begun(scene)
        await asyncio.sleep(2)
        studio.disk.failing = OSError(28, "No space left on device")
        scene.agent.says(*speech(1000, 1))
        await asyncio.sleep(10)
        assert not scene.call.over
        await hangs_up(scene)

    ended, scene = records(story, studio)
    assert ended is Termination.STREAM_ENDED
    assert len(scene.events("recording.failed")) == 1
    assert studio.files("recordings") == [".json", ".wav"]


def test_words_are_on_the_left(studio: Studio) -> None:
    async def story(scene: Scene) -> None:
        await begun(scene)
        scene.caller.speaks(500, CALLER)
        scene.agent.says(CallerTranscribed("hello", 1))
        await asyncio.sleep(2)
        await hangs_up(scene)

    records(story, studio)
    left, _ = pcm_sides(studio.wav("recordings"))
    assert rms_dbov(left) > -20
    assert sum(end - start for byte, start, end in spans(raw_sides(studio.wav("recordings"))[0]) if byte == CALLER) == (
        pytest.approx(0.5)
    )


def test_an_hour_is_never_in_memory(studio: Studio) -> None:
    """The pieces of an hour go to the disk as they come: what waits is bounded, and so is the whole."""

    async def story(scene: Scene) -> None:
        await begun(scene)
        [recording] = scene.parts.caller_taps
        most = 0
        for _ in range(60):
            scene.agent.says(*speech(5000, 1))
            await asyncio.sleep(60)
            file = recording.file  # type: ignore[attr-defined]
            most = max(most, recording._track.held_bytes + len(file._waiting))  # type: ignore[attr-defined]
        held.append(most)
        await hangs_up(scene)

    held: list[int] = []
    records(story, studio, max_call_s=4000.0, caller_silent_s=5000.0)
    assert held[0] < 64_000
    [row] = studio.rows.of("recordings")
    assert row["duration_s"] == pytest.approx(3600, abs=2)
