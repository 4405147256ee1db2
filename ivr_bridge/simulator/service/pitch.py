"""Whether audio has the pitch of a voice: what tells words from noise. Pure.

Measured: an utterance has a pitch in 0.5 or more of its loud frames and a spread of 3.7 dB or more; white, pink and
brown noise have a pitch in none, a steady tone has no spread.
"""

import numpy as np

_WINDOW = 320
_SHORTEST_LAG, _LONGEST_LAG = 20, 140
_LIKENESS = 0.6


def pitched_share(pcm16: bytes) -> tuple[float, float]:
    """How much of the loud part of `pcm16` (8 kHz) repeats itself 57 to 400 times a second, and how its level varies.

    Returns:
        The share, 0 to 1, and the standard deviation of the level in dB; both 0 for less than 80 ms.
    """
    samples = np.frombuffer(pcm16, dtype="<i2").astype(np.float64)
    if len(samples) < 2 * _WINDOW:
        return 0.0, 0.0
    frames = np.lib.stride_tricks.sliding_window_view(samples, _WINDOW)[:: _WINDOW // 2]
    frames = frames - frames.mean(axis=1, keepdims=True)
    level_db = 10 * np.log10((frames**2).mean(axis=1) + 1.0)
    loud = level_db > np.percentile(level_db, 95) - 20
    correlation = np.fft.irfft(np.abs(np.fft.rfft(frames[loud], 1024)) ** 2)
    lag = correlation[:, _SHORTEST_LAG:_LONGEST_LAG].argmax(axis=1) + _SHORTEST_LAG
    row = np.arange(len(lag))
    peak = correlation[row, lag]
    is_top = (peak > correlation[row, lag - 1]) & (peak >= correlation[row, lag + 1])
    likeness = peak / (correlation[:, 0] + 1.0) * _WINDOW / (_WINDOW - lag)
    return float((is_top & (likeness > _LIKENESS)).mean()), float(np.std(level_db[loud]))
