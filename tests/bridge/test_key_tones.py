import numpy as np
import pytest

from ivr_bridge.audio.g711 import mulaw_decode
from ivr_bridge.audio.levels import rms_dbov
from ivr_bridge.audio.tones import DBM0_DBOV
from ivr_bridge.bridge.key_tones import MAX_KEYS, key_tones, keys_of

PAIRS = {"1": (697, 1209), "5": (770, 1336), "#": (941, 1477), "D": (941, 1633)}


@pytest.mark.parametrize(("key", "pair"), PAIRS.items())
def test_a_key_is_two_tones_of_100_ms_at_minus_10_dbm0(key: str, pair: tuple[int, int]) -> None:
    prompt = key_tones(key)
    assert prompt.duration_ms == 180
    sound, pause = mulaw_decode(prompt.mulaw[:800]), mulaw_decode(prompt.mulaw[800:])
    assert rms_dbov(sound) - DBM0_DBOV == pytest.approx(-10, abs=0.3)
    assert rms_dbov(pause) < -90
    samples = np.frombuffer(sound, "<i2").astype(float)
    loud = np.argsort(np.abs(np.fft.rfft(samples)))[::-1][:20] * 10
    assert all(min(abs(loud - hz)) <= 10 for hz in pair)


def test_a_wait_is_half_a_second_and_frames_are_whole() -> None:
    prompt = key_tones("1w2")
    assert prompt.duration_ms == 180 + 500 + 180
    assert len(prompt.mulaw) % 160 == 0


@pytest.mark.parametrize(
    ("text", "keys"),
    [("12#", "12#"), ("(1) 23-4", "1234"), ("aW1", "Aw1"), ("", None), ("w", None), ("12x", None), ("1" * 33, None)],
)
def test_what_are_keys(text: str, keys: str | None) -> None:
    assert keys_of(text) == keys


def test_as_many_as_twilio_takes() -> None:
    assert keys_of("1" * MAX_KEYS) is not None
