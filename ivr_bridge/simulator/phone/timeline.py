"""What a caller heard, second by second: the kind of sound from the recording, its words from whoever knows them."""

from __future__ import annotations

import audioop
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ivr_bridge.simulator.phone.call_note import CallNote
from ivr_bridge.simulator.phone.hearing import AUDIBLE_RMS, FRAME_SAMPLES

Sound = Literal["speech", "music", "tone", "silence"]

STEP_MS = 1000
_LEAST_AUDIBLE_FRAMES = 3
"""In one step: less than 60 ms is a click, not a sound."""
_TONE_SHARE, _TONE_FRAMES = 0.97, 0.9
"""A tone: nearly all energy in two lines, in nearly all frames, and always the same lines."""
_STEADY_DB = 12.0
"""Music: no pauses, and levels that stay within this; speech swings by far more."""
_TOLD_LATE_MS = 300
_LEAST_MUSIC_FRAMES = 20
"""A shorter stretch without a pause may be a long vowel."""
_RATE_HZ = 8000
_FULL_SCALE = 32768.0


@dataclass(frozen=True, slots=True)
class HeardSecond:
    """One step of the timeline: what kind of sound, how loud its audible part was, and what it was if that is known."""

    at_ms: int
    sound: Sound
    level_dbov: float | None
    text: str = ""


def heard_timeline(heard_pcm16: bytes, notes: Sequence[CallNote] = (), *, step_ms: int = STEP_MS) -> list[HeardSecond]:
    """The recording in steps, in order; a last step that is shorter than 100 ms is left out.

    Args:
        heard_pcm16: what the caller heard, 8 kHz mono (the right channel of the WAV).
        notes: what is known of the call; see `label`.
        step_ms: the length of a step, a multiple of 20.
    """
    labels = sorted((note.at_ms, text) for note in notes if (text := label(note)))
    step_bytes = step_ms * _RATE_HZ // 1000 * 2
    seconds: list[HeardSecond] = []
    for number, start in enumerate(range(0, len(heard_pcm16), step_bytes)):
        piece = heard_pcm16[start : start + step_bytes]
        if len(piece) < _RATE_HZ // 10 * 2:
            break
        sound, level_dbov = sound_of(piece)
        at_ms = number * step_ms
        known = [text for note_ms, text in labels if note_ms < at_ms + step_ms - 200]
        if seconds and seconds[-1].sound == "silence":
            # What begins within this step is told of a little before or after.
            told = range(at_ms - step_ms, at_ms + step_ms + _TOLD_LATE_MS)
            known += [text for note_ms, text in reversed(labels) if int(note_ms) in told]
        seconds.append(HeardSecond(at_ms, sound, level_dbov, known[-1] if known and sound != "silence" else ""))
    return seconds


def label(note: CallNote) -> str:
    """What is heard from this event on, in words; empty when it says nothing about sound."""
    get = note.fields.get
    match note.name:
        case "agent.said":
            return f"agent: {get('pii.text', '')}"
        case "prompt.played":
            return f"prompt {get('prompt', '')}"
        case "greeting.played":
            return "greeting"
        case "filler.played":
            return f"filler {get('why', '')}"
        case "said_by_network" | "played_by_network":
            return f"network: {get('text', '')}"
        case "ringing":
            return f"ringing {get('text', '')}".rstrip()
        case "person_speaking":
            return f"person: {get('text', '')}"
    return ""


def sound_of(pcm16: bytes) -> tuple[Sound, float | None]:
    """The kind of a piece of sound of up to a few seconds, and the level of its audible frames in dBov."""
    samples = np.frombuffer(pcm16, "<i2").astype(np.float64)
    frames = samples[: len(samples) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
    levels = np.array([audioop.rms(frame.astype("<i2").tobytes(), 2) for frame in frames], dtype=np.float64)
    audible = levels > AUDIBLE_RMS
    if int(audible.sum()) < min(_LEAST_AUDIBLE_FRAMES, len(frames)):
        return "silence", None
    loud_db = 20 * np.log10(levels[audible] / _FULL_SCALE)
    level_dbov = round(float(20 * np.log10(np.sqrt(np.mean(levels[audible] ** 2)) / _FULL_SCALE)), 1)
    if _is_tone(frames[audible]):
        return "tone", level_dbov
    is_steady = float(np.percentile(loud_db, 95) - np.percentile(loud_db, 5)) <= _STEADY_DB
    first, last = np.flatnonzero(audible)[[0, -1]]
    is_whole = int(audible.sum()) == last - first + 1 >= _LEAST_MUSIC_FRAMES
    return ("music" if is_steady and is_whole else "speech"), level_dbov


def _is_tone(frames: NDArray[np.float64]) -> bool:
    """Whether these frames hold the same one or two sines."""
    spectrum = np.abs(np.fft.rfft(frames * np.hanning(FRAME_SAMPLES), axis=1)) ** 2
    total = spectrum.sum(axis=1)
    lines = np.argsort(spectrum.sum(axis=0))[::-1]
    first = int(lines[0])
    second = next((int(line) for line in lines if abs(int(line) - first) > 2), first)
    near = sorted({line + by for line in (first, second) for by in (-2, -1, 0, 1, 2) if 0 <= line + by < len(lines)})
    share = spectrum[:, near].sum(axis=1) / np.maximum(total, 1.0)
    return float(np.mean(share >= _TONE_SHARE)) >= _TONE_FRAMES
