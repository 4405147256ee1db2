import numpy as np
import pytest

from ivr_bridge.audio.levels import rms_dbov
from ivr_bridge.audio.tones import PAIR_DBOV, dtmf, sine

KEYS_HZ = {"1": (697, 1209), "5": (770, 1336), "9": (852, 1477), "*": (941, 1209), "#": (941, 1477), "D": (941, 1633)}


def power_at(pcm16: bytes, hz: float, rate_hz: int) -> float:
    samples = np.frombuffer(pcm16, "<i2").astype(float)
    at = np.arange(len(samples))
    return float(abs(np.mean(samples * np.exp(-2j * np.pi * hz / rate_hz * at))) * 2)


@pytest.mark.parametrize("rate_hz", [8000, 16000, 44100])
def test_a_sine_is_at_its_frequency_and_level(rate_hz: int) -> None:
    tone = sine(1000, 500, rate_hz, -20.0)
    assert len(tone) == rate_hz
    assert rms_dbov(tone) == pytest.approx(-20.0, abs=0.05)
    assert power_at(tone, 1000, rate_hz) == pytest.approx(32768 * 2**0.5 / 10, rel=0.001)
    assert power_at(tone, 1100, rate_hz) < 5


def test_the_loudest_sine_is_not_clipped() -> None:
    assert np.abs(np.frombuffer(sine(440, 100, 8000, -3.01), "<i2").astype(int)).max() <= 32767


@pytest.mark.parametrize(("hz", "dbov"), [(4000, -20.0), (0, -20.0), (1000, 0.0)])
def test_what_cannot_be_is_refused(hz: float, dbov: float) -> None:
    with pytest.raises(ValueError, match=r"cannot carry|at most"):
        sine(hz, 20, 8000, dbov)


@pytest.mark.parametrize("key", KEYS_HZ)
@pytest.mark.parametrize("rate_hz", [8000, 16000])
def test_a_key_is_its_two_tones(key: str, rate_hz: int) -> None:
    sound = dtmf(key, rate_hz, on_ms=100, off_ms=60)
    assert len(sound) == 2 * rate_hz * 160 // 1000
    on = sound[: 2 * rate_hz // 10]
    low_hz, high_hz = KEYS_HZ[key]
    assert power_at(on, low_hz, rate_hz) == pytest.approx(32768 * 2**0.5 * 10 ** (-12 / 20), rel=0.05)
    assert power_at(on, high_hz, rate_hz) == pytest.approx(32768 * 2**0.5 * 10 ** (-10 / 20), rel=0.05)
    assert rms_dbov(sound[len(on) :]) == -96.0


def test_keys_follow_one_another() -> None:
    assert dtmf("15") == dtmf("1") + dtmf("5")
    assert dtmf("") == b""


def test_a_character_that_is_no_key_is_refused() -> None:
    with pytest.raises(ValueError, match="'Ex'"):
        dtmf("1xE2")


def test_a_key_can_be_sent_softer_and_no_louder() -> None:
    loud, soft = dtmf("5", off_ms=0), dtmf("5", off_ms=0, pair_dbov=PAIR_DBOV - 6)
    assert rms_dbov(loud) == pytest.approx(PAIR_DBOV, abs=0.1)
    assert rms_dbov(soft) == pytest.approx(PAIR_DBOV - 6, abs=0.1)
    with pytest.raises(ValueError, match="at most"):
        dtmf("5", pair_dbov=-3)
