import audioop
import math
import struct
import sys
import threading
import wave
from importlib.util import find_spec

import numpy as np
import pytest

from ivr_bridge.errors import AudioFormatError, MissingExtraError
from ivr_bridge.simulator.phone.voices import load_wav, speak

from .scripted_bridge import tone

needs_sandbox = pytest.mark.skipif(find_spec("espeakng_loader") is None, reason="the extra [sandbox] is not installed")


def likeness(one, other):
    """How alike two speakers' long-term spectra are, 1 being the same."""
    spectra = []
    for pcm16 in (one, other):
        bins = np.abs(np.fft.rfft(np.frombuffer(pcm16, "<i2"), 32768))[1:4001].reshape(80, 50).sum(axis=1)
        spectra.append(bins / np.linalg.norm(bins))
    return float(spectra[0] @ spectra[1])


@needs_sandbox
@pytest.mark.parametrize(
    ("text", "language"),
    [("What are your opening hours?", "en"), ("¿A qué hora abren?", "es-MX"), ("你们几点开门", "zh")],
)
def test_each_language_is_spoken_loudly_enough(text, language):
    pcm16 = speak(text, language)
    assert 0.5 < len(pcm16) / 16000 < 6
    assert audioop.rms(pcm16, 2) > 500


@needs_sandbox
def test_rate_and_speaker_are_as_asked():
    text = "good morning"
    assert len(speak(text, rate_hz=16000)) == pytest.approx(2 * len(speak(text)), rel=0.01)
    assert len(speak(text)) == pytest.approx(len(speak(text)), rel=0.01)
    assert likeness(speak(text), speak(text)) > likeness(speak(text), speak(text, variant="m3")) + 0.02


@needs_sandbox
def test_threads_take_turns():
    wanted = {text: len(speak(text)) for text in ("one two three", "goodbye", "what are your opening hours")}
    got = {}
    threads = [threading.Thread(target=lambda t=text: got.update({t: len(speak(t))})) for text in wanted]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == {text: pytest.approx(length, rel=0.02) for text, length in wanted.items()}


def test_a_language_without_a_voice_is_refused():
    with pytest.raises(AudioFormatError, match="klingon"):
        speak("nuqneH", "klingon")


def test_the_missing_extra_is_named_with_its_command(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "soxr", None)
    path = write_wav(tmp_path / "a.wav", tone(20), 16000)
    with pytest.raises(MissingExtraError, match=r"pip install 'ivr-bridge\[sandbox\]'"):
        load_wav(path)


def write_wav(path, frames, rate_hz, channels=1, width=2):
    with wave.open(str(path), "wb") as wav:
        wav.setnchannels(channels)
        wav.setsampwidth(width)
        wav.setframerate(rate_hz)
        wav.writeframes(frames)
    return path


def test_a_file_at_8_khz_is_taken_as_it_is(tmp_path):
    assert load_wav(write_wav(tmp_path / "a.wav", tone(100), 8000)) == tone(100)


def test_stereo_is_mixed_down(tmp_path):
    frames = b"".join(struct.pack("<hh", 100, 300) for _ in range(160))
    assert load_wav(write_wav(tmp_path / "a.wav", frames, 8000, channels=2)) == struct.pack("<h", 200) * 160


@needs_sandbox
def test_another_rate_is_brought_to_8_khz_without_aliases(tmp_path):
    samples = (int(8000 * math.sin(2 * math.pi * 6000 * n / 16000)) for n in range(16000))
    frames = b"".join(struct.pack("<h", sample) for sample in samples)
    pcm16 = load_wav(write_wav(str(tmp_path / "a.wav"), frames, 16000))
    assert len(pcm16) == 16000
    assert audioop.rms(pcm16[1600:-1600], 2) < 10


def test_what_is_no_wav_file_of_16_bit_is_refused(tmp_path):
    (tmp_path / "a.wav").write_bytes(b"not a wave file")
    with pytest.raises(AudioFormatError, match="not a WAV file"):
        load_wav(tmp_path / "a.wav")
    with pytest.raises(AudioFormatError, match="8 bit"):
        load_wav(write_wav(tmp_path / "b.wav", bytes(100), 8000, width=1))
    with pytest.raises(OSError, match=r"c\.wav"):
        load_wav(tmp_path / "c.wav")
