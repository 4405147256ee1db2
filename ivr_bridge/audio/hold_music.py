"""Music for a caller who waits: a slow broken chord over a soft pad, computed, so that it belongs to nobody."""

from functools import lru_cache
from math import pi

import numpy as np
from numpy.typing import NDArray

from ivr_bridge.audio.formats import G711_RATE_HZ
from ivr_bridge.audio.g711 import mulaw_encode
from ivr_bridge.audio.levels import gain_to_level

LOOP_MS = 8000
"""One round: four chords."""
LEVEL_DBOV = -30.0
"""Softer than speech (-20 to -26): who speaks over it is understood."""

_CHORDS_HZ = (
    (261.63, 329.63, 392.00, 523.25),  # C
    (220.00, 329.63, 440.00, 523.25),  # A minor
    (349.23, 261.63, 440.00, 523.25),  # F
    (246.94, 293.66, 392.00, 587.33),  # G
)
_NOTE_MS = 500
_ATTACK_MS = 30
_DECAY_S = 0.7
_OVERTONES = (1.0, 0.28, 0.1)
"""The highest is at 1.8 kHz: all of it goes through a telephone."""
_PAD_SHARE = 0.3
_EDGE_MS = 100
_EDGE_GAIN = 0.4
"""Each round breathes in and out, so that it may begin, stop and begin again anywhere."""


@lru_cache(maxsize=1)
def hold_music() -> bytes:
    """One round, to be played again and again: mu-law at 8 kHz, 64,000 bytes (8 s).

    It ends where it begins, without a click; every frame is above -45 dBov, so a listener never takes it for silence.
    The first 100 ms rise. The first call computes for some 0.1 s: make it before there are callers.
    """
    samples = G711_RATE_HZ * LOOP_MS // 1000
    music = np.zeros(samples)
    for place, hz in enumerate(hz for chord_hz in _CHORDS_HZ for hz in chord_hz):
        # A note rings on past the end of the round into its beginning.
        music += np.roll(_note(hz, samples), place * G711_RATE_HZ * _NOTE_MS // 1000)
    music += _PAD_SHARE * _pad(samples)
    pcm16 = np.rint(music * _edges(samples) / np.max(np.abs(music)) * 8000).astype("<i2").tobytes()
    return mulaw_encode(gain_to_level(pcm16, LEVEL_DBOV, G711_RATE_HZ))


def _note(hz: float, samples: int) -> NDArray[np.float64]:
    seconds = np.arange(samples) / G711_RATE_HZ
    wave = sum(share * np.sin(2 * pi * hz * n * seconds) for n, share in enumerate(_OVERTONES, 1))
    attack = 0.5 - 0.5 * np.cos(pi * np.minimum(1.0, seconds * 1000 / _ATTACK_MS))
    note: NDArray[np.float64] = wave * attack * np.exp(-seconds / _DECAY_S)
    return note


def _pad(samples: int) -> NDArray[np.float64]:
    """The first and the third tone of each chord, held; one chord melts into the next, the last into the first.

    Its tones are rounded to whole waves a round, so the end fits the beginning.
    """
    place = np.arange(samples) / samples * len(_CHORDS_HZ)
    seconds = np.arange(samples) / G711_RATE_HZ
    pad = np.zeros(samples)
    for number, chord_hz in enumerate(_CHORDS_HZ):
        distance = np.abs((place - number - 0.5 + 2) % len(_CHORDS_HZ) - 2)
        share = np.clip(1.0 - (distance - 0.35) / 0.3, 0.0, 1.0)
        for hz in (chord_hz[0], chord_hz[2]):
            whole_hz = round(hz * LOOP_MS / 1000) * 1000 / LOOP_MS
            pad += share * np.sin(2 * pi * whole_hz * seconds)
    return pad


def _edges(samples: int) -> NDArray[np.float64]:
    edge = G711_RATE_HZ * _EDGE_MS // 1000
    rise = _EDGE_GAIN + (1 - _EDGE_GAIN) * (0.5 - 0.5 * np.cos(pi * np.arange(edge) / edge))
    gain = np.ones(samples)
    gain[:edge] = rise
    gain[-edge:] = rise[::-1]
    return gain
