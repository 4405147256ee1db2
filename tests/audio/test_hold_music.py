import numpy as np
import pytest
from numpy.typing import NDArray

from ivr_bridge.audio.g711 import mulaw_decode
from ivr_bridge.audio.hold_music import hold_music
from ivr_bridge.audio.levels import active_level_dbov, is_silent_mulaw, rms_dbov

FRAME_BYTES = 160


def samples(mulaw: bytes) -> NDArray[np.float64]:
    return np.frombuffer(mulaw_decode(mulaw), "<i2").astype(np.float64)


def above_its_band(music: NDArray[np.float64]) -> float:
    """The energy above 2.2 kHz, where only noise and clicks are."""
    power = np.abs(np.fft.rfft(music * np.hanning(len(music)))) ** 2
    return float(power[np.fft.rfftfreq(len(music), 1 / 8000) > 2200].sum())


def test_one_round_is_eight_seconds_of_whole_frames_and_made_once():
    assert len(hold_music()) == 64_000
    assert len(hold_music()) % FRAME_BYTES == 0
    assert hold_music() is hold_music()


def test_no_frame_is_silence_wherever_the_round_is_cut():
    twice = hold_music() * 2
    for offset in (0, 80, 37):
        frames = [twice[at : at + FRAME_BYTES] for at in range(offset, len(twice) - FRAME_BYTES, FRAME_BYTES)]
        assert not any(is_silent_mulaw(frame, -45.0) for frame in frames)


def test_it_is_softer_than_speech():
    pcm16 = mulaw_decode(hold_music())
    assert active_level_dbov(pcm16, 8000) == pytest.approx(-30.0, abs=0.5)
    assert np.max(np.abs(samples(hold_music()))) < 8000


def test_it_rises_at_the_beginning_and_sinks_at_the_end():
    pcm16 = mulaw_decode(hold_music())
    levels = [rms_dbov(pcm16[at : at + 320]) for at in range(0, len(pcm16), 320)]
    assert levels[0] < levels[2] - 4 < levels[5] - 4
    assert levels[-1] < levels[-6] - 4
    assert abs(samples(hold_music())[0]) < 0.1 * np.max(np.abs(samples(hold_music())))


def test_the_end_fits_the_beginning():
    music = samples(hold_music())
    steps = np.abs(np.diff(music))
    around = np.concatenate([steps[-400:], steps[:400]])
    assert abs(music[0] - music[-1]) <= np.max(around)
    # A click is broad: above the music's own band the seam has less than most places inside.
    inside = [above_its_band(music[at : at + 256]) for at in range(0, len(music) - 256, 128)]
    assert above_its_band(np.concatenate([music[-128:], music[:128]])) < np.median(inside)


def test_a_click_would_be_noticed():
    music = samples(hold_music())
    inside = [above_its_band(music[at : at + 256]) for at in range(0, len(music) - 256, 128)]
    cuts = [above_its_band(np.concatenate([music[at - 128 : at], music[:128]])) for at in range(3000, 60_000, 1777)]
    assert np.median(cuts) > np.max(inside)


def test_a_telephone_carries_all_of_it():
    power = np.abs(np.fft.rfft(samples(hold_music()))) ** 2
    hz = np.fft.rfftfreq(64_000, 1 / 8000)
    assert power[(hz > 200) & (hz < 3400)].sum() > 0.995 * power.sum()


def test_it_is_music_and_no_tone():
    music = samples(hold_music())
    strongest = {
        int(np.argmax(np.abs(np.fft.rfft(music[second * 4000 : second * 4000 + 4000])))) for second in range(16)
    }
    assert len(strongest) >= 6
