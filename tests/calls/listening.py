"""Finding a known clip in what was heard: by its loudness over time, which survives codecs, levels and synthesis."""

import numpy as np
from numpy.typing import NDArray

STEP_MS = 10
ALIKE = 0.85
GAPS_MS = 600


def loudness(pcm16: bytes) -> NDArray[np.float64]:
    """RMS of each 10 ms at 8 kHz."""
    samples = np.frombuffer(pcm16, "<i2").astype(np.float64)
    whole = len(samples) - len(samples) % (8 * STEP_MS)
    return np.sqrt(np.mean(samples[:whole].reshape(-1, 8 * STEP_MS) ** 2, axis=1))


def trimmed(pcm16: bytes) -> bytes:
    """The clip without the silence around it."""
    loud = np.flatnonzero(loudness(pcm16) > 200)
    return pcm16[loud[0] * 16 * STEP_MS : (loud[-1] + 1) * 16 * STEP_MS] if len(loud) else b""


def found_at_ms(clip_pcm16: bytes, heard_pcm16: bytes, *, first_ms: int | None = None) -> list[float]:
    """Where the clip, or its first `first_ms`, is heard: ms from the start of `heard_pcm16`, in order.

    On a busy machine playback may run dry within a word. So what is not found as a whole is looked for in thirds: two
    of them, in their places but for such gaps, are the clip too.
    """
    clip = trimmed(clip_pcm16)
    clip = clip if first_ms is None else clip[: first_ms * 16]
    wanted, heard = loudness(clip), loudness(heard_pcm16)
    if places := _places(wanted, heard):
        return places
    third = len(wanted) // 3
    starts = sorted(
        (at_ms - part * third * STEP_MS, part)
        for part in range(3)
        for at_ms in _places(wanted[part * third : (part + 1) * third], heard)
    )
    return [
        max(0.0, starts[n][0])
        for n in range(len(starts) - 1)
        if starts[n + 1][0] - starts[n][0] <= GAPS_MS
        and starts[n + 1][1] != starts[n][1]
        and (n == 0 or starts[n][0] - starts[n - 1][0] > GAPS_MS)
    ]


def _places(wanted: NDArray[np.float64], heard: NDArray[np.float64]) -> list[float]:
    """Where the loudness goes the same way: the likest places first, none beside another."""
    places: list[float] = []
    if len(heard) < len(wanted):
        return places
    windows = np.lib.stride_tricks.sliding_window_view(heard, len(wanted))
    centred = windows - windows.mean(axis=1, keepdims=True)
    shape = wanted - wanted.mean()
    spread = np.sqrt((centred**2).sum(axis=1)) * np.sqrt((shape**2).sum()) + 1.0
    likeness = centred @ shape / spread
    while likeness.size and likeness.max() > ALIKE:
        at = int(likeness.argmax())
        places.append(float(at * STEP_MS))
        likeness[max(0, at - len(wanted) // 2) : at + len(wanted) // 2] = 0.0
    return sorted(places)
