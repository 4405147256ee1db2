"""How loud audio is, and making it as loud as it should be.

Levels are RMS values in dBov: 0 is the RMS of a full-scale square wave (32,768), so a full-scale sine is -3.01. G.711
speech is best at -20 to -26 dBov: louder clips, softer loses the codec's steps.
"""

import audioop
from math import log10

import numpy as np
from numpy.typing import NDArray

from ivr_bridge.audio.formats import FRAME_MS
from ivr_bridge.errors import AudioFormatError

FLOOR_DBOV = -96.0
"""The level of digital silence: below half of the smallest 16-bit step nothing is told apart."""

PEAK_DBFS = -1.0
"""No sample goes above this when a gain is applied."""

_FULL_SCALE = 32768
_MARGIN_DB = 15.9
"""Frames more than this below the active level are pauses (the margin of P.56)."""
_NOISE_DBOV = -70.0
"""What is never louder than this is no speech to bring to a level."""


def rms_dbov(pcm16: bytes) -> float:
    """The level of all samples together, pauses included, in dBov.

    Returns:
        -96.0 (silence, or nothing at all) to 0.0.

    Raises:
        AudioFormatError: an odd number of bytes.
    """
    _check_whole(pcm16)
    rms = audioop.rms(pcm16, 2)
    return max(FLOOR_DBOV, 20 * log10(rms / _FULL_SCALE)) if rms else FLOOR_DBOV


def peak(pcm16: bytes) -> int:
    """The largest magnitude among the samples, 0 to 32,768; half a sample at the end counts for nothing."""
    return audioop.max(pcm16[:-1] if len(pcm16) % 2 else pcm16, 2)


def active_level_dbov(pcm16: bytes, rate_hz: int) -> float:
    """The level of the speech alone, without its pauses, in dBov.

    The mean power of those 20 ms frames that lie within 15.9 dB below that mean itself: the idea of P.56 (active
    speech level) on frames, without its envelope and hangover; within 1-2 dB of it on prompts.

    Args:
        pcm16: the whole clip.
        rate_hz: its rate. What is left at the end after whole frames is not looked at, unless it is all there is.

    Returns:
        -96.0 (silence) to 0.0.

    Raises:
        AudioFormatError: an odd number of bytes.

    Source: https://www.itu.int/rec/T-REC-P.56
    """
    samples = _samples(pcm16)
    frame_samples = rate_hz * FRAME_MS // 1000
    whole = len(samples) - len(samples) % frame_samples
    frames = samples[:whole].reshape(-1, frame_samples) if whole else samples.reshape(1, -1)
    if not frames.size:
        return FLOOR_DBOV
    powers: NDArray[np.float64] = np.mean(np.square(frames), axis=1)
    # Leaving out the softest frames raises the mean, which may leave out more: it ends, for each round drops some.
    active, count = powers, 0
    while len(active) != count:
        count = len(active)
        active = powers[powers >= active.mean() * 10 ** (-_MARGIN_DB / 10)]
    power = float(active.mean())
    return max(FLOOR_DBOV, 10 * log10(power / _FULL_SCALE**2)) if power else FLOOR_DBOV


def gain_to_level(pcm16: bytes, target_dbov: float, rate_hz: int) -> bytes:
    """The clip as loud as it should be, or as loud as its peak allows: nothing is clipped.

    One gain for the whole clip, so that its own dynamics stay. It is held back where the highest peak would go above
    -1 dBFS; what never gets louder than -70 dBov is taken as silence and left alone.

    Args:
        pcm16: the whole clip.
        target_dbov: the active level to reach; -20 to -26 for the phone.
        rate_hz: its rate.

    Raises:
        AudioFormatError: an odd number of bytes.
    """
    level_dbov = active_level_dbov(pcm16, rate_hz)
    if level_dbov <= _NOISE_DBOV:
        return pcm16
    samples = _samples(pcm16)
    highest = _FULL_SCALE * 10 ** (PEAK_DBFS / 20) / float(np.max(np.abs(samples)))
    gain = min(10 ** ((target_dbov - level_dbov) / 20), highest)
    return np.rint(samples * gain).astype("<i2").tobytes()


def mulaw_dbov(mulaw: bytes) -> float:
    """The level of mu-law audio as a whole, -96.0 (silence, or nothing at all) to 0.0."""
    return rms_dbov(audioop.ulaw2lin(mulaw, 2))


def is_silent_mulaw(mulaw: bytes, threshold_dbov: float) -> bool:
    """Whether mu-law audio is below a level as a whole; nothing at all is silent."""
    return mulaw_dbov(mulaw) < threshold_dbov


def _samples(pcm16: bytes) -> NDArray[np.float64]:
    _check_whole(pcm16)
    return np.frombuffer(pcm16, "<i2").astype(np.float64)


def _check_whole(pcm16: bytes) -> None:
    if len(pcm16) % 2:
        raise AudioFormatError(f"{len(pcm16)} bytes are no whole number of 16-bit samples")
