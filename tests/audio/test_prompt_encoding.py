import numpy as np
import pytest
from numpy.typing import NDArray

from ivr_bridge.audio.g711 import mulaw_decode, mulaw_encode
from ivr_bridge.audio.prompt_encoding import mulaw_encode_shaped
from ivr_bridge.audio.tones import sine
from ivr_bridge.errors import AudioFormatError


def voice(dbov: float) -> bytes:
    """Two seconds with most of their power around 500 Hz, as a vowel has."""
    noise = np.random.default_rng(11).normal(0, 1, 16000)
    spectrum = np.fft.rfft(noise)
    hz = np.arange(len(spectrum)) / 2
    shaped = np.fft.irfft(spectrum / (1 + ((hz - 500) / 200) ** 2))
    shaped *= 32768 * 10 ** (dbov / 20) / np.sqrt(np.mean(shaped**2))
    return shaped.clip(-32768, 32767).astype("<i2").tobytes()


def noise_of(pcm16: bytes, mulaw: bytes) -> NDArray[np.float64]:
    return np.frombuffer(mulaw_decode(mulaw), "<i2").astype(float) - np.frombuffer(pcm16, "<i2")


def band_db(samples: NDArray[np.float64], from_hz: int, to_hz: int) -> float:
    power = np.abs(np.fft.rfft(samples)) ** 2
    step_hz = 4000 / (len(power) - 1)
    return float(10 * np.log10(np.sum(power[round(from_hz / step_hz) : round(to_hz / step_hz)])))


@pytest.mark.parametrize("dbov", [-20.0, -35.0])
def test_the_noise_moves_to_where_the_voice_is(dbov: float) -> None:
    clip = voice(dbov)
    plain, shaped = noise_of(clip, mulaw_encode(clip)), noise_of(clip, mulaw_encode_shaped(clip))
    assert band_db(shaped, 1500, 3900) < band_db(plain, 1500, 3900) - 5
    # It stays well below the voice there.
    assert band_db(shaped, 300, 800) < band_db(np.frombuffer(clip, "<i2").astype(float), 300, 800) - 20


def test_sizes_halve_and_half_a_sample_is_refused() -> None:
    for samples in (0, 1, 159, 160, 161, 1000):
        assert len(mulaw_encode_shaped(bytes(2 * samples))) == samples
    with pytest.raises(AudioFormatError, match="3 bytes"):
        mulaw_encode_shaped(b"abc")


def test_silence_is_silence_and_comes_back_after_speech() -> None:
    assert mulaw_encode_shaped(bytes(3200)) == b"\xff" * 1600
    after = mulaw_encode_shaped(voice(-20.0) + bytes(3200))[-800:]
    assert not any(mulaw_decode(after))


@pytest.mark.parametrize("hz", [200, 1010, 3400])
def test_the_loudest_tone_does_not_ring(hz: int) -> None:
    clip = sine(hz, 500, 8000, -3.01)
    noise = noise_of(clip, mulaw_encode_shaped(clip))
    assert np.sqrt(np.mean(noise**2)) < 32768 * 10 ** (-20 / 20)
    assert abs(np.mean(noise)) < 100


def test_noise_at_full_scale_stays_itself() -> None:
    clip = np.random.default_rng(2).integers(-32768, 32768, 16000).astype("<i2").tobytes()
    noise = noise_of(clip, mulaw_encode_shaped(clip))
    assert np.sqrt(np.mean(noise**2)) < 1500


def test_the_same_clip_gives_the_same_bytes() -> None:
    clip = voice(-23.0)
    assert mulaw_encode_shaped(clip) == mulaw_encode_shaped(clip)
