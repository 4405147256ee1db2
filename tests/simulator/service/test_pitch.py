import numpy as np

from ivr_bridge.simulator.service.pitch import pitched_share
from tests.simulator.service.caller import SECOND, said


def test_speech_has_a_pitch_and_varies():
    for audio in (said("is there parking"), said("goodbye", SECOND)):
        share, spread_db = pitched_share(audio)
        assert share > 0.4
        assert spread_db > 3.0


def test_noise_has_none():
    noise = np.random.default_rng(1).normal(0, 3000, 16000).astype("<i2").tobytes()
    assert pitched_share(noise)[0] < 0.1


def test_a_tone_does_not_vary():
    share, spread_db = pitched_share((np.sin(np.arange(16000) / 8000 * 2 * np.pi * 200) * 8000).astype("<i2").tobytes())
    assert share > 0.9
    assert spread_db < 1.0


def test_too_little_is_nothing():
    assert pitched_share(b"") == (0.0, 0.0)
    assert pitched_share(bytes(600)) == (0.0, 0.0)
