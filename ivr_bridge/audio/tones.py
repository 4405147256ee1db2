"""Tones as PCM16: a sine for tests and markers, and the sixteen keys of a telephone."""

from math import pi

import numpy as np
from numpy.typing import NDArray

_LOW_HZ = (697, 770, 852, 941)
_HIGH_HZ = (1209, 1336, 1477, 1633)
_KEYS = "123A456B789C*0#D"
"""In rows of four: each row has a low tone, each column a high one."""

_LOW_DBOV, _HIGH_DBOV = -12.0, -10.0
"""The high tone is sent 2 dB louder, for lines lose more of it."""
PAIR_DBOV = -7.88
"""Both tones together."""
DBM0_DBOV = -6.18
"""The level of 0 dBm0 on a mu-law line: its loudest sine has +3.17 dBm0, and -3.01 dBov."""
_SINE_MAX_DBOV = -3.01
_FULL_SCALE = 32768


def sine(hz: float, ms: int, rate_hz: int, dbov: float) -> bytes:
    """A sine from phase 0, PCM16.

    Args:
        hz: below half of `rate_hz`.
        ms: how long; cut to whole samples.
        rate_hz: samples a second.
        dbov: RMS level, at most -3.01: the loudest sine that fits.

    Raises:
        ValueError: a tone that the rate cannot carry, or louder than full scale.
    """
    return _pcm16(_sine(hz, ms, rate_hz, dbov))


def dtmf(
    digits: str, rate_hz: int = 8000, on_ms: int = 100, off_ms: int = 60, *, pair_dbov: float = PAIR_DBOV
) -> bytes:
    """Keys of a telephone, one after another, each followed by a pause; PCM16.

    Args:
        digits: of `0-9*#A-D`.
        rate_hz: samples a second, at least 8000.
        on_ms: how long a key sounds; 40 ms is the least that receivers must take.
        off_ms: how long the pause after it is; 40 ms likewise.
        pair_dbov: RMS level of a key, at most `PAIR_DBOV`.

    Returns:
        `(on_ms + off_ms) * len(digits)` of audio.

    Raises:
        ValueError: a character that is no key, or a level beyond the limit.

    Source: https://www.itu.int/rec/T-REC-Q.23 and Q.24
    """
    unknown = sorted(set(digits) - set(_KEYS))
    if unknown:
        raise ValueError(f"no such key: {''.join(unknown)!r}; keys are 0-9, *, # and A-D")
    if pair_dbov > PAIR_DBOV:
        raise ValueError(f"a key reaches at most {PAIR_DBOV} dBov, not {pair_dbov}")
    pause, softer_db = bytes(2 * (rate_hz * off_ms // 1000)), pair_dbov - PAIR_DBOV
    sounds = []
    for digit in digits:
        row, column = divmod(_KEYS.index(digit), len(_HIGH_HZ))
        low = _sine(_LOW_HZ[row], on_ms, rate_hz, _LOW_DBOV + softer_db)
        high = _sine(_HIGH_HZ[column], on_ms, rate_hz, _HIGH_DBOV + softer_db)
        sounds += [_pcm16(low + high), pause]
    return b"".join(sounds)


def _sine(hz: float, ms: int, rate_hz: int, dbov: float) -> NDArray[np.float64]:
    if not 0 < hz < rate_hz / 2:
        raise ValueError(f"{rate_hz} Hz cannot carry a tone of {hz} Hz")
    if dbov > _SINE_MAX_DBOV:
        raise ValueError(f"a sine reaches at most {_SINE_MAX_DBOV} dBov, not {dbov}")
    peak = min(_FULL_SCALE * 2**0.5 * 10 ** (dbov / 20), _FULL_SCALE - 1)
    wave: NDArray[np.float64] = peak * np.sin(2 * pi * hz / rate_hz * np.arange(rate_hz * ms // 1000))
    return wave


def _pcm16(samples: NDArray[np.float64]) -> bytes:
    return np.rint(samples).astype("<i2").tobytes()
