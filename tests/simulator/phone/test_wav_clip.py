import audioop
import io
import struct
import wave

import pytest

from ivr_bridge.errors import AudioFormatError
from ivr_bridge.simulator.phone.wav_clip import AUDIO_TYPES, is_wav, wav_clip

from .scripted_bridge import mulaw_tone, tone


def mulaw_wav(mulaw, *, channels=1, rate_hz=8000):
    form = struct.pack("<HHIIHHH", 7, channels, rate_hz, rate_hz, 1, 8, 0)
    chunks = b"fmt " + struct.pack("<I", len(form)) + form
    chunks += b"LIST" + struct.pack("<I", 3) + b"abc\0"
    chunks += b"data" + struct.pack("<I", len(mulaw)) + mulaw
    return b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WAVE" + chunks


def pcm_wav(pcm16, rate_hz=8000):
    file = io.BytesIO()
    with wave.open(file, "wb") as wav:
        wav.setparams((1, 2, rate_hz, 0, "NONE", ""))
        wav.writeframes(pcm16)
    return file.getvalue()


def test_mulaw_is_taken_as_it_stands():
    assert wav_clip(mulaw_wav(mulaw_tone(100))) == mulaw_tone(100)


def test_pcm_goes_through_the_codec():
    assert wav_clip(pcm_wav(tone(100))) == audioop.lin2ulaw(tone(100), 2)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"ID3",
        b"RIFF",
        mulaw_wav(b"x", rate_hz=16000),
        mulaw_wav(b"xx", channels=2),
        b"<html/>" * 9,
        pcm_wav(tone(100))[:-301],
    ],
)
def test_what_is_no_sound_of_a_telephone(body):
    with pytest.raises(AudioFormatError):
        wav_clip(body)


def test_media_types():
    assert is_wav("audio/x-wav")
    assert not is_wav("audio/mpeg")
    assert "text/xml" not in AUDIO_TYPES
