import pytest

from ivr_bridge.audio.formats import AudioFormat
from ivr_bridge.elevenlabs.conversation.audio_interface import USUAL_FORMAT, Ears, done, format_of
from ivr_bridge.errors import AudioFormatError

MULAW = AudioFormat.parse("ulaw_8000")


class Says:
    def __init__(self, audio_format: object) -> None:
        self.audio_format = audio_format


def test_what_an_interface_speaks():
    assert format_of(object()) == USUAL_FORMAT == AudioFormat.parse("pcm_16000")
    assert format_of(Says("ulaw_8000")) == MULAW
    assert format_of(Says(MULAW)) == MULAW
    with pytest.raises(AudioFormatError):
        format_of(Says("mp3"))


def test_frames_are_whole_whatever_comes():
    ears = Ears(USUAL_FORMAT, MULAW)
    assert ears.push(b"\0" * 639) == b""
    assert len(ears.push(b"\0")) == 160
    assert len(ears.push(b"\0" * 1300)) == 320
    assert Ears(MULAW, MULAW).push(b"\x7f" * 160) == b"\x7f" * 160


async def test_a_callback_may_be_a_coroutine():
    async def later() -> str:
        return "x"

    assert await done(later()) == "x"
    assert await done("y") == "y"
