"""Messages over in-memory legs on virtual time."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from ivr_bridge.audio.levels import rms_dbov
from ivr_bridge.bridge.termination import Termination
from ivr_bridge.flows.moves import TakeVoicemail
from ivr_bridge.speech.prompt import Prompt
from ivr_bridge.twilio.stream_events import CallerAudio, DtmfPressed, StreamClosed
from tests.support.call_scene import Outside, Scene, Story, hangs_up, play, prompt
from tests.support.legs import silence_b64
from tests.support.sounds import Studio, length_s, mono

VOICE = 0x10
PROMPT_S, TONE_S = 1.0, 0.4


def flow(**more: Any) -> dict[str, Any]:
    nodes = {"message": {"kind": "voicemail", "max_s": 30, **more}}
    return {"disclosure": False, "start": "message", "nodes": nodes}


def leaves(story: Story, studio: Studio, **more: Any) -> tuple[Termination, Scene]:
    sounds = studio.sounds()

    async def whole(scene: Scene) -> None:
        await story(scene)
        scene.desk.background.append(asyncio.ensure_future(finished(scene)))

    async def finished(scene: Scene) -> None:
        while not scene.call.over:
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.2)
        await sounds.close()

    limits = more.pop("limits", {})
    chosen = more.pop("flow", None) or flow(**more)
    return play(whole, flow=chosen, outside=Outside(sounds=sounds), **limits)


async def speaks(scene: Scene, length_s: float, byte: int = VOICE) -> None:
    """In real time, instead of the steady silence: both come, and the voice is what counts."""
    for _ in range(round(length_s / 0.02)):
        scene.caller.says(CallerAudio(silence_b64(20, byte), 0, 0.0))
        await asyncio.sleep(0.02)


async def after_the_tone(scene: Scene) -> None:
    while not scene.parts.caller_taps:
        await asyncio.sleep(0.02)


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    return Studio(tmp_path)


async def says_three_seconds(scene: Scene) -> None:
    await after_the_tone(scene)
    await speaks(scene, 3)


def test_silence_ends_a_message_and_it_is_kept_before_the_caller_is_thanked(studio: Studio) -> None:
    ended, scene = leaves(says_three_seconds, studio)
    assert ended is Termination.MESSAGE_RECORDED
    assert scene.played == ["leave_message", "message_kept"]
    [row] = studio.rows.of("voicemails")
    assert (row["call_sid"], row["caller"], row["called"]) == ("CA1", "+15550100001", "+15550100002")
    assert row["file"] == f"voicemails/{row['id']}.wav"
    assert studio.rows.promised == len(studio.kept) == 1
    order = [line["event"] for line in scene.logs if line["event"] in ("voicemail.taken", "prompt.played")]
    assert order == ["prompt.played", "voicemail.taken", "prompt.played"]
    assert studio.files() == [".wav"], "its note is gone"


def test_the_file_is_what_the_caller_said_and_most_of_the_silence_is_cut(studio: Studio) -> None:
    _, _ = leaves(says_three_seconds, studio)
    pcm16 = mono(studio.wav())
    [row] = studio.rows.of("voicemails")
    # The scene's steady frames of silence come between those of the voice: 3 s of voice are 6 s of frames.
    assert length_s(pcm16) == pytest.approx(6.5, abs=0.1)
    assert row["duration_s"] == pytest.approx(length_s(pcm16), abs=0.01)
    assert rms_dbov(pcm16[: 16000 * 5]) > -20
    assert rms_dbov(pcm16[-6400:]) < -60
    assert (studio.var / row["file"]).stat().st_mode & 0o777 == 0o600
    assert (studio.var / "voicemails").stat().st_mode & 0o777 == 0o700


def test_the_prompt_and_the_tone_are_not_in_it_and_sound_before_it(studio: Studio) -> None:
    async def timed(scene: Scene) -> None:
        await after_the_tone(scene)
        began.append(scene.caller.now - scene.began_at)
        await speaks(scene, 2)

    began: list[float] = []
    leaves(timed, studio)
    assert began[0] == pytest.approx(PROMPT_S + TONE_S, abs=0.1)


def test_the_hash_key_ends_it_and_other_keys_do_not(studio: Studio) -> None:
    async def story(scene: Scene) -> None:
        await says_three_seconds(scene)
        scene.caller.says(DtmfPressed("1"))
        await speaks(scene, 1)
        assert studio.rows.of("voicemails") == []
        scene.caller.says(DtmfPressed("#"))
        await asyncio.sleep(0.1)
        assert len(studio.rows.of("voicemails")) == 1

    assert leaves(story, studio)[0] is Termination.MESSAGE_RECORDED


def test_a_key_over_the_prompt_goes_on_to_the_tone(studio: Studio) -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(0.3)
        scene.caller.says(DtmfPressed("#"))
        await after_the_tone(scene)
        began.append(scene.caller.now - scene.began_at)
        await speaks(scene, 2)

    began: list[float] = []
    leaves(story, studio)
    assert began[0] == pytest.approx(0.3 + TONE_S, abs=0.1)


def test_the_longest_message(studio: Studio) -> None:
    async def story(scene: Scene) -> None:
        await after_the_tone(scene)
        await speaks(scene, 20)

    ended, scene = leaves(story, studio, max_s=5)
    assert ended is Termination.MESSAGE_RECORDED
    assert length_s(mono(studio.wav())) == pytest.approx(5, abs=0.05)
    assert scene.played[-1] == "message_kept"


def test_a_hang_up_ends_it_well(studio: Studio) -> None:
    async def story(scene: Scene) -> None:
        await says_three_seconds(scene)
        await hangs_up(scene)

    ended, scene = leaves(story, studio)
    assert ended is Termination.MESSAGE_RECORDED
    assert scene.played == ["leave_message"]
    assert length_s(mono(studio.wav())) == pytest.approx(6, abs=0.1)
    assert studio.files() == [".wav"]
    assert len(studio.rows.of("voicemails")) == 1
    assert len(scene.events("voicemail.taken")) == 1


@pytest.mark.parametrize("speak_s", [0, 0.6])
def test_less_than_a_second_of_voice_is_not_kept_and_the_caller_is_told(studio: Studio, speak_s: float) -> None:
    async def story(scene: Scene) -> None:
        await after_the_tone(scene)
        await speaks(scene, speak_s)

    ended, scene = leaves(story, studio)
    assert ended is Termination.FLOW_ENDED
    assert scene.played == ["leave_message", "message_unheard"]
    assert studio.rows.of("voicemails") == []
    assert studio.files() == []
    [unheard] = scene.events("voicemail.unheard")
    assert unheard["ended"] == "silence"


def test_a_stream_that_is_gone_before_a_message_is_there_leaves_the_caller_to_twilios_recorder(studio: Studio) -> None:
    async def story(scene: Scene) -> None:
        await after_the_tone(scene)
        scene.caller.says(StreamClosed(1006))

    ended, scene = leaves(story, studio)
    assert ended is Termination.VOICEMAIL_LEFT
    assert isinstance(scene.journey.leaving, TakeVoicemail)
    assert not scene.journey.said_on_leaving
    assert studio.files() == []


def test_a_stream_that_is_gone_during_the_prompt_leaves_nothing_behind(studio: Studio) -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(0.5)
        await hangs_up(scene)

    assert leaves(story, studio)[0] is Termination.VOICEMAIL_LEFT
    assert studio.files() == []


def test_the_agent_hears_nothing_of_it_and_is_let_go(studio: Studio) -> None:
    nodes = {
        "menu": {
            "kind": "menu",
            "prompt": "main_menu",
            "options": {"message": {"key": "1", "says": "a message", "next": "message"}},
            "otherwise": "message",
        },
        "message": {"kind": "voicemail"},
    }

    async def story(scene: Scene) -> None:
        await asyncio.sleep(1)
        scene.caller.says(DtmfPressed("1"))
        await asyncio.sleep(0.1)
        heard.append(len(scene.agent.audio))
        await after_the_tone(scene)
        await speaks(scene, 3)
        heard.append(len(scene.agent.audio))
        assert scene.agent.closed

    heard: list[int] = []
    ended, _ = leaves(story, studio, flow={"disclosure": False, "start": "menu", "nodes": nodes})
    assert ended is Termination.MESSAGE_RECORDED
    assert heard[0] > 0
    assert heard[0] == heard[1]


def test_nobody_is_asked_whether_they_are_there_and_no_music_plays(studio: Studio) -> None:
    async def story(scene: Scene) -> None:
        await after_the_tone(scene)
        await speaks(scene, 100)

    _, scene = leaves(story, studio, max_s=110, limits={"caller_silent_s": 15.0})
    assert scene.played == ["leave_message", "message_kept"]
    assert scene.events("filler.played") == []


def test_the_longest_call_ends_a_message_too_and_it_is_kept(studio: Studio) -> None:
    async def story(scene: Scene) -> None:
        await after_the_tone(scene)
        await speaks(scene, 12)

    ended, _ = leaves(story, studio, limits={"max_call_s": 8.0})
    assert ended is Termination.CALL_TOO_LONG
    assert len(studio.rows.of("voicemails")) == 1


def test_a_gap_is_silence_in_the_file(studio: Studio) -> None:
    async def story(scene: Scene) -> None:
        await after_the_tone(scene)
        await speaks(scene, 2)
        scene.caller.says(CallerAudio(silence_b64(20, VOICE), 0, 1000.0))
        await speaks(scene, 2)
        await hangs_up(scene)

    leaves(story, studio)
    assert length_s(mono(studio.wav())) == pytest.approx(9, abs=0.1)


# The disk


def test_a_disk_that_takes_nothing_leaves_the_caller_to_twilios_recorder(studio: Studio) -> None:
    studio.disk.failing = OSError(28, "No space left on device")

    async def story(_scene: Scene) -> None:
        """Nothing is left to say."""

    ended, scene = leaves(story, studio)
    assert ended is Termination.VOICEMAIL_LEFT
    assert (scene.journey.leaving, scene.journey.said_on_leaving) == (TakeVoicemail("leave_message", 30), True)
    assert scene.played == ["leave_message"], "said once, here or there"
    [failed] = scene.events("voicemail.failed")
    assert "No space" in failed["error"]


def test_a_disk_that_hangs_is_not_waited_for(studio: Studio) -> None:
    studio.disk.hanging = True

    async def story(scene: Scene) -> None:
        while not scene.call.over:
            await asyncio.sleep(0.1)
        waited_s.append(scene.caller.now - scene.began_at)

    waited_s: list[float] = []
    ended, _ = leaves(story, studio)
    assert ended is Termination.VOICEMAIL_LEFT
    assert waited_s[0] < 5


def test_a_disk_that_fails_in_the_middle(studio: Studio) -> None:
    async def story(scene: Scene) -> None:
        await says_three_seconds(scene)
        studio.disk.failing = OSError(28, "No space left on device")
        await speaks(scene, 3)

    ended, scene = leaves(story, studio)
    assert ended is Termination.VOICEMAIL_LEFT
    assert scene.played == ["leave_message", "leave_message"], "said again: Twilio records from the beginning"
    assert scene.journey.said_on_leaving
    assert studio.rows.of("voicemails") == []
    assert ".json" in studio.files(), "what there is of it is found at the next start"


def test_a_row_that_cannot_be_promised_is_no_thank_you(studio: Studio) -> None:
    studio.rows.refusing = True
    ended, scene = leaves(says_three_seconds, studio)
    assert ended is Termination.VOICEMAIL_LEFT
    assert "message_kept" not in scene.played
    assert studio.files() == [".json", ".wav"]


def test_a_prompt_without_audio_is_said_by_twilio_which_then_records(studio: Studio) -> None:
    async def story(_scene: Scene) -> None:
        """Nothing is left to say."""

    ended, scene = leaves(story, studio, limits={"prompts": False})
    assert ended is Termination.VOICEMAIL_LEFT
    assert not scene.journey.said_on_leaving


def test_record_by_twilio_is_as_it_was(studio: Studio) -> None:
    async def story(_scene: Scene) -> None:
        """Nothing is left to say."""

    ended, scene = leaves(story, studio, record="twilio")
    assert ended is Termination.VOICEMAIL_LEFT
    assert scene.journey.said_on_leaving
    assert scene.parts.voicemail is None


def test_the_goodbye_is_heard_to_its_end(studio: Studio) -> None:
    def long_goodbye(name: str, language: str) -> Prompt:
        return prompt(name, 3000 if name == "message_kept" else 1000, language)

    async def story(scene: Scene) -> None:
        scene.desk.prompt = long_goodbye
        await says_three_seconds(scene)
        scene.caller.says(DtmfPressed("#"))

    _, scene = leaves(story, studio)
    assert scene.caller.heard_ms() == pytest.approx(1000 + TONE_S * 1000 + 3000, abs=50)
