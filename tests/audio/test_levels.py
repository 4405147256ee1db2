import numpy as np
import pytest

from ivr_bridge.audio.g711 import mulaw_encode
from ivr_bridge.audio.levels import FLOOR_DBOV, active_level_dbov, gain_to_level, is_silent_mulaw, peak, rms_dbov
from ivr_bridge.audio.tones import sine
from ivr_bridge.errors import AudioFormatError


@pytest.mark.parametrize("dbov", [-3.01, -20.0, -26.0, -45.0])
def test_a_sine_has_the_level_it_was_made_with(dbov: float) -> None:
    tone = sine(1000, 500, 8000, dbov)
    assert rms_dbov(tone) == pytest.approx(dbov, abs=0.05)
    assert active_level_dbov(tone, 8000) == pytest.approx(dbov, abs=0.05)


def test_the_ends_of_the_scale() -> None:
    assert rms_dbov(b"") == rms_dbov(bytes(320)) == active_level_dbov(bytes(320), 8000) == FLOOR_DBOV
    assert active_level_dbov(b"", 8000) == FLOOR_DBOV
    assert rms_dbov(np.full(160, -32768, "<i2").tobytes()) == 0.0


@pytest.mark.parametrize("rate_hz", [8000, 16000, 22050])
def test_pauses_do_not_count_as_speech(rate_hz: int) -> None:
    speech = sine(500, 1000, rate_hz, -23.0)
    pause = sine(500, 3000, rate_hz, -60.0)
    clip = pause + speech + pause
    assert rms_dbov(clip) == pytest.approx(-31.45, abs=0.1)
    assert active_level_dbov(clip, rate_hz) == pytest.approx(-23.0, abs=0.1)


def test_soft_speech_counts_down_to_the_margin_and_no_further() -> None:
    loud = sine(500, 1000, 8000, -20.0)
    # The mean of both is -22.9: 12 dB above the first soft part, 19 above the second.
    assert active_level_dbov(loud + sine(500, 1000, 8000, -35.0), 8000) == pytest.approx(-22.9, abs=0.1)
    assert active_level_dbov(loud + sine(500, 1000, 8000, -42.0), 8000) == pytest.approx(-20.0, abs=0.1)


def test_a_clip_shorter_than_a_frame_has_a_level() -> None:
    assert active_level_dbov(sine(1000, 10, 8000, -20.0), 8000) == pytest.approx(-20.0, abs=0.2)


@pytest.mark.parametrize("dbov", [-50.0, -26.0, -10.0])
def test_a_clip_is_brought_to_its_level(dbov: float) -> None:
    clip = sine(500, 300, 8000, dbov) + bytes(8000)
    levelled = gain_to_level(clip, -23.0, 8000)
    assert len(levelled) == len(clip)
    assert active_level_dbov(levelled, 8000) == pytest.approx(-23.0, abs=0.1)


def test_a_gain_never_clips() -> None:
    click = np.zeros(8000, "<i2")
    click[4000] = 20000
    clip = (np.frombuffer(sine(500, 1000, 8000, -50.0), "<i2") + click).astype("<i2").tobytes()
    levelled = np.abs(np.frombuffer(gain_to_level(clip, -20.0, 8000), "<i2").astype(int))
    assert levelled.max() == pytest.approx(32768 * 10 ** (-1 / 20), abs=1)


def test_what_is_too_loud_is_held_below_the_peak_too() -> None:
    assert np.abs(np.frombuffer(gain_to_level(sine(500, 100, 8000, -3.01), 0.0, 8000), "<i2")).max() <= 29205


def test_silence_is_left_alone() -> None:
    noise = sine(500, 200, 8000, -80.0)
    assert gain_to_level(noise, -23.0, 8000) == noise
    assert gain_to_level(b"", -23.0, 8000) == b""


def test_silence_in_mulaw() -> None:
    assert is_silent_mulaw(b"\xff" * 160, -45.0)
    assert is_silent_mulaw(b"\x7f" * 160, -45.0)
    assert is_silent_mulaw(b"", -45.0)
    assert is_silent_mulaw(mulaw_encode(sine(500, 20, 8000, -50.0)), -45.0)
    assert not is_silent_mulaw(mulaw_encode(sine(500, 20, 8000, -40.0)), -45.0)
    assert not is_silent_mulaw(b"\x00" * 160, -45.0)


def test_half_a_sample_is_refused() -> None:
    for call in (rms_dbov, lambda pcm16: active_level_dbov(pcm16, 8000), lambda pcm16: gain_to_level(pcm16, -20, 8000)):
        with pytest.raises(AudioFormatError, match="3 bytes"):
            call(b"abc")


@pytest.mark.parametrize(
    ("pcm16", "expected"),
    [(b"", 0), (b"\x05", 0), (b"\x05\x00\xfb\xff", 5), (b"\x00\x80\xff\x7f", 32768), (b"\x01\x00\x7f", 1)],
)
def test_the_peak_is_the_largest_magnitude_of_whole_samples(pcm16: bytes, expected: int) -> None:
    assert peak(pcm16) == expected
