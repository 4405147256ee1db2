"""Words recognised by likeness: an utterance against spoken examples of every phrase that is expected.

Each phrase is spoken beforehand in a few synthetic voices; both are turned into cepstra (12 ms steps) and compared by
dynamic time warping, so that speed does not matter. This is what tells "seven" from "ten" on a telephone line, where
the acoustic model of recogniser.py, made for wide-band recordings, does not; a voice that is like none of the
examples is left to that model.

Source: H. Sakoe, S. Chiba, Dynamic programming algorithm optimization for spoken word recognition, 1978.
"""

import audioop
import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_RATE_HZ = 8000
_WINDOW = 200
_HOP = 96
_FFT = 256
_BANDS = 23
_CEPSTRA = 13
_SPEECH_BELOW_PEAK_DB = 28.0
_DELTA_WEIGHT = 2.0
_LEVEL_WEIGHT = 0.3
_UNREACHABLE = np.float32(1e9)
_MOST_STRETCH = 2.0


def features(pcm16: bytes) -> Floats | None:
    """Cepstra and their slopes of the spoken part.

    Args:
        pcm16: 8 kHz, an utterance with some silence around.

    Returns:
        Array (frames, 26), one frame for each 12 ms; None when there is nothing to compare.
    """
    samples = np.frombuffer(pcm16, dtype="<i2").astype(np.float32)
    if len(samples) < _WINDOW * 4:
        return None
    emphasised = samples.copy()
    emphasised[1:] -= np.float32(0.9) * samples[:-1]
    frames = np.lib.stride_tricks.sliding_window_view(emphasised, _WINDOW)[::_HOP] * _HAMMING
    power = (np.abs(np.fft.rfft(frames, _FFT)) ** 2) @ _MEL + 1.0
    level_db = 10 * np.log10(power.sum(axis=1))
    spoken = np.flatnonzero(level_db > np.percentile(level_db, 98) - _SPEECH_BELOW_PEAK_DB)
    power = power[max(spoken[0] - 1, 0) : spoken[-1] + 2]
    if len(power) < 8:
        return None
    cepstra = np.log(np.maximum(power, power.max() * 1e-5)) @ _COSINES
    cepstra -= cepstra.mean(axis=0)
    cepstra[:, 0] *= _LEVEL_WEIGHT
    slope = np.zeros_like(cepstra)
    slope[2:-2] = (cepstra[3:-1] - cepstra[1:-3] + 2 * (cepstra[4:] - cepstra[:-4])) / 5
    return np.concatenate([cepstra, _DELTA_WEIGHT * slope], axis=1).astype(np.float32)


def on_a_line(pcm16: bytes) -> bytes:
    """An example (PCM16, 8 kHz) as a telephone line carries it: usual level, mu-law, silence around."""
    peak = audioop.rms(pcm16, 2) or 1
    loud = audioop.mul(pcm16, 2, 3000 / peak)
    silence = bytes(2 * _RATE_HZ // 5)
    return audioop.ulaw2lin(audioop.lin2ulaw(silence + loud + silence, 2), 2)


class Templates:
    """Spoken examples of some phrases."""

    def __init__(self, examples: Iterable[tuple[str, Floats]]) -> None:
        """`examples`: (phrase, its features), several for each phrase."""
        pairs = list(examples)
        self._phrases = [phrase for phrase, _ in pairs]
        self._lengths = np.array([len(example) for _, example in pairs])
        self._examples = np.zeros((len(pairs), int(self._lengths.max()), 2 * _CEPSTRA), np.float32)
        for index, (_, example) in enumerate(pairs):
            self._examples[index, : len(example)] = example

    def nearest(self, heard: Floats) -> tuple[str, float]:
        """The phrase most like `heard` (of `features`), and how far off it is: 3 the same voice, over 9 other words."""
        count = len(heard)
        near = np.flatnonzero((self._lengths <= count * _MOST_STRETCH) & (self._lengths * _MOST_STRETCH >= count))
        if not near.size:
            return "", float(_UNREACHABLE)
        lengths = self._lengths[near]
        examples = self._examples[near, : lengths.max()]
        squares = (examples**2).sum(axis=2)
        path = np.full(squares.shape, _UNREACHABLE, np.float32)
        for row, frame in enumerate(heard):
            cost = np.sqrt(np.maximum(squares + (frame**2).sum() - 2 * (examples @ frame), 0))
            if row == 0:
                path[:, 0] = cost[:, 0]
                continue
            best = path.copy()
            np.minimum(best[:, 1:], path[:, :-1], out=best[:, 1:])
            np.minimum(best[:, 2:], path[:, :-2], out=best[:, 2:])
            path = best + cost
        distances = path[np.arange(len(near)), lengths - 1] / count
        winner = int(distances.argmin())
        return self._phrases[near[winner]], float(distances[winner])


def _mel_bands() -> Floats:
    """Triangular bands over 150-3700 Hz, (129, 23)."""
    lowest_mel, highest_mel = (2595 * math.log10(1 + hz / 700) for hz in (150.0, 3700.0))
    edges = 700 * (10 ** (np.linspace(lowest_mel, highest_mel, _BANDS + 2) / 2595) - 1)
    bins = np.arange(_FFT // 2 + 1) * _RATE_HZ / _FFT
    rising = (bins[None] - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins[None]) / (edges[2:] - edges[1:-1])[:, None]
    return np.asarray(np.maximum(0, np.minimum(rising, falling)).T, dtype=np.float32)


_HAMMING = np.hamming(_WINDOW).astype(np.float32)
_MEL = _mel_bands()
_COSINES = (
    np.cos(np.pi / _BANDS * (np.arange(_BANDS)[:, None] + 0.5) * np.arange(_CEPSTRA)[None]) * np.sqrt(2 / _BANDS)
).astype(np.float32)
