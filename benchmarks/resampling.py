"""`python -m benchmarks.resampling`: our resampler beside `audioop.ratecv` and soxr: cost and quality by rate pair.

Cost: microseconds for one frame of 20 ms, bytes in and bytes out, state kept; the least of many rounds. Quality, one
way only (a round trip hides it): tones of -6 dBFS go in; "kept" is the least gain of 300-3400 Hz, "image" the loudest
thing that is not the tone, of the same tones, "alias" the loudest that a tone above 4.6 kHz leaves behind. Lag: the
delay of an impulse, or the longest that the output runs dry against a 20 ms clock, whichever is more.
"""

import audioop
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.timing import microseconds
from ivr_bridge.audio.formats import PCM_RATES_HZ
from ivr_bridge.audio.resample import Resampler

PHONE_HZ = 8000
SETTLED_MS, WINDOW_MS = 200, 100
PASSED_HZ = range(300, 3401, 100)
PEAK = 16384
_FLOOR_DB = -120.0

Stream = Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class Quality:
    """Decibels against the tone that went in; milliseconds of lag."""

    kept_db: float
    image_db: float
    alias_db: float | None
    lag_ms: float


def ours(source_hz: int, target_hz: int) -> Stream:
    """The product's."""
    return Resampler(source_hz, target_hz).process


def ratecv(source_hz: int, target_hz: int) -> Stream:
    """The standard library's, state kept."""
    state: Any = None

    def process(pcm16: bytes) -> bytes:
        nonlocal state
        out, state = audioop.ratecv(pcm16, 2, 1, source_hz, target_hz, state)
        return bytes(out)

    return process


def soxr_stream(soxr: ModuleType) -> Callable[[int, int], Stream]:
    """The streaming resampler of soxr at its high quality."""

    def make(source_hz: int, target_hz: int) -> Stream:
        stream = soxr.ResampleStream(source_hz, target_hz, 1, dtype="int16", quality="HQ")

        def process(pcm16: bytes) -> bytes:
            return bytes(stream.resample_chunk(np.frombuffer(pcm16, "<i2")).tobytes())

        return process

    return make


def tone(hz: float, rate_hz: int) -> bytes:
    """A tone long enough to settle and be measured, in whole 20 ms frames."""
    at_s = np.arange(rate_hz * (SETTLED_MS * 2 + WINDOW_MS) // 1000) / rate_hz
    return bytes(np.rint(PEAK * np.sin(2 * np.pi * hz * at_s)).astype("<i2").tobytes())


def frames_of(pcm16: bytes, rate_hz: int) -> list[bytes]:
    """Cut into 20 ms."""
    size = rate_hz // 50 * 2
    return [pcm16[at : at + size] for at in range(0, len(pcm16), size)]


def spectrum(pcm16: bytes, rate_hz: int) -> NDArray[np.float64]:
    """Amplitude of each multiple of 10 Hz in the window."""
    samples = np.frombuffer(pcm16, "<i2").astype(float)
    start = rate_hz * SETTLED_MS // 1000
    window = samples[start : start + rate_hz * WINDOW_MS // 1000]
    return np.abs(np.fft.rfft(window)) * 2 / len(window)


def decibels(amplitude: float) -> float:
    """Of a tone of ours, not below what 16 bits can say."""
    return max(_FLOOR_DB, 20 * float(np.log10(amplitude / PEAK + 1e-9)))


def quality(make: Callable[[int, int], Stream], source_hz: int, target_hz: int) -> Quality:
    """What a resampler does to tones and to an impulse."""
    kept_db, image_db, alias_db = 0.0, _FLOOR_DB, None
    for hz in PASSED_HZ:
        seen = through(make, hz, source_hz, target_hz)
        kept_db = min(kept_db, decibels(seen[hz // 10]))
        seen[hz // 10] = 0
        image_db = max(image_db, decibels(seen.max()))
    if target_hz == PHONE_HZ:
        alias_db = _FLOOR_DB
        for hz in range(4600, min(source_hz // 2 - 100, 12000), 200):
            alias_db = max(alias_db, decibels(through(make, hz, source_hz, target_hz).max()))
    return Quality(kept_db, image_db, alias_db, lag_ms(make, source_hz, target_hz))


def through(make: Callable[[int, int], Stream], hz: int, source_hz: int, target_hz: int) -> NDArray[np.float64]:
    """The spectrum of a tone after the resampler."""
    process = make(source_hz, target_hz)
    return spectrum(b"".join(map(process, frames_of(tone(hz, source_hz), source_hz))), target_hz)


def lag_ms(make: Callable[[int, int], Stream], source_hz: int, target_hz: int) -> float:
    """An impulse's delay, or how far the output falls behind a 20 ms clock, whichever is more."""
    process = make(source_hz, target_hz)
    impulse = np.zeros(source_hz * 3 // 5, "<i2")
    at = source_hz // 5
    impulse[at] = 30000
    out, behind_ms = b"", 0.0
    for number, piece in enumerate(frames_of(impulse.tobytes(), source_hz)):
        out += process(piece)
        behind_ms = max(behind_ms, (number + 1) * 20 - len(out) / 2 / target_hz * 1000)
    samples = np.frombuffer(out, "<i2").astype(float)
    delay_ms = (float(np.argmax(np.abs(samples))) / target_hz - at / source_hz) * 1000
    return max(delay_ms, behind_ms)


def main() -> None:
    """Print the table."""
    rivals: dict[str, Callable[[int, int], Stream]] = {"ours": ours, "ratecv": ratecv}
    try:
        rivals["soxr HQ"] = soxr_stream(importlib.import_module("soxr"))
    except ImportError:
        Console(stderr=True).print("soxr is not installed: its rows are missing")
    table = Table(title="us per 20 ms frame, bytes to bytes; quality one way")
    for heading in ("rates", "resampler", "us", "x ratecv", "kept dB", "image dB", "alias dB", "lag ms"):
        table.add_column(heading, justify="left" if heading in ("rates", "resampler") else "right")
    pairs = [(PHONE_HZ, rate_hz) for rate_hz in PCM_RATES_HZ if rate_hz != PHONE_HZ]
    for source_hz, target_hz in pairs + [(high, low) for low, high in pairs]:
        frame = frames_of(tone(1000, source_hz), source_hz)[5]
        costs = {name: _cost(make(source_hz, target_hz), frame) for name, make in rivals.items()}
        for name, make in rivals.items():
            seen = quality(make, source_hz, target_hz)
            table.add_row(
                f"{source_hz} -> {target_hz}",
                name,
                f"{costs[name]:.1f}",
                f"{costs[name] / costs['ratecv']:.1f}",
                f"{seen.kept_db:.2f}",
                f"{seen.image_db:.0f}",
                "" if seen.alias_db is None else f"{seen.alias_db:.0f}",
                f"{seen.lag_ms:.1f}",
                end_section=name == list(rivals)[-1],
            )
    Console(width=110).print(table)


def _cost(process: Stream, frame: bytes) -> float:
    return microseconds(lambda: process(frame))


if __name__ == "__main__":
    main()
