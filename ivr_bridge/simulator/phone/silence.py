"""The silence that a caller had to bear, measured in the recording.

Silence is time in which the caller waits and nothing above -45 dBov goes to them; comfort noise is silence. They wait
from the stream's start, from the end of their words, from each key and from each failure until something is heard.
While no wait is on (the agent is done, the caller thinks or speaks) silence does not count.

What was sounding already when a wait began is no answer: its rest is heard, and the gap behind it counts. How long such
a rest may last depends on the wait: a key stops a prompt within half a second, after a failure up to 2 s of queued
audio may still play. A filler answers nothing either: the wait goes on behind it until the agent or a prompt is heard.
"""

from __future__ import annotations

import audioop
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from ivr_bridge.simulator.phone.call_note import CallNote
from ivr_bridge.simulator.phone.caller import FRAME_MS
from ivr_bridge.simulator.phone.hearing import AUDIBLE_RMS, FRAME_SAMPLES
from ivr_bridge.simulator.phone.report import CallReport

Why = Literal["start", "turn", "key", "failure", "filler"]

FAILURES = frozenset({"rung.climbed", "agent.unreached", "agent.faulted"})
"""Events after which the caller waits; `agent.closed` too, unless we or a code of 1000 closed it."""
ANSWERS = frozenset(
    {"agent.said", "prompt.played", "greeting.played", "said_by_network", "played_by_network", "ringing"}
)
"""Events after which a filler is no longer what is heard."""
FILLER_PROMPTS = frozenset({"connecting", "connecting_person"})
"""Prompts that only ask for patience."""

_REST_MS: dict[Why, float] = {"start": 500, "turn": 500, "key": 500, "failure": 2000, "filler": 10_000}
_FRAME_BYTES = FRAME_SAMPLES * 2


@dataclass(frozen=True, slots=True)
class Wait:
    """From `at_ms` the caller waits; sound that ends before `until_ms` has not answered them."""

    at_ms: float
    why: Why
    until_ms: float


@dataclass(frozen=True, slots=True)
class Silence:
    """A stretch of a wait without a sound."""

    at_ms: float
    length_ms: float
    why: Why


def longest_silence_ms(report: CallReport, notes: Sequence[CallNote] = ()) -> float:
    """The longest silence that the caller of this call had to bear; 0 when there was none.

    Exact to a frame of 20 ms. `notes` tell of failures and fillers; without them only start, words and keys count.
    """
    return max((silence.length_ms for silence in silences(report, notes)), default=0.0)


def silences(report: CallReport, notes: Sequence[CallNote] = ()) -> list[Silence]:
    """Every silence of a call, in the order of the waits; one that two waits share stands there twice."""
    gaps = _gaps(audible_frames(report.heard_pcm16), _own_frames(report))
    # A gap ends with the caller's next key: pressing keys is their own turn, as speaking is.
    keys = sorted(report.keyed_at_ms)
    found = []
    for wait in waits(report, notes):
        next_key_ms = next((at_ms for at_ms in keys if at_ms > wait.at_ms), float("inf"))
        for start_ms, end_ms in gaps:
            begin_ms, stop_ms = max(start_ms, wait.at_ms), min(end_ms, next_key_ms)
            if start_ms <= wait.until_ms and stop_ms > begin_ms:
                found.append(Silence(begin_ms, stop_ms - begin_ms, wait.why))
    return found


def waits(report: CallReport, notes: Sequence[CallNote] = ()) -> list[Wait]:
    """When the caller began to wait, in order of time."""
    begun: list[tuple[float, Why]] = [(0.0, "start")] if report.heard_pcm16 else []
    begun += [(end_ms, "turn") for _, end_ms in report.spoken_at_ms]
    begun += [(at_ms, "key") for at_ms in report.keyed_at_ms]
    begun += [(max(0.0, note.at_ms), "failure") for note in notes if _is_failure(note)]
    begun += [(max(0.0, note.at_ms), "filler") for note in notes if _is_filler(note)]
    answered = sorted(note.at_ms for note in notes if note.name in ANSWERS and not _is_filler(note))
    found = []
    for at_ms, why in sorted(begun):
        until_ms = at_ms + _REST_MS[why]
        if why == "filler":
            until_ms = min(until_ms, next((at for at in answered if at > at_ms), until_ms))
        found.append(Wait(at_ms, why, until_ms))
    return found


def audible_frames(pcm16: bytes) -> list[bool]:
    """For each frame of 20 ms whether it is above -45 dBov; PCM16 at 8 kHz, a last partial frame counts as a whole."""
    starts = range(0, len(pcm16), _FRAME_BYTES)
    return [audioop.rms(pcm16[start : start + _FRAME_BYTES], 2) > AUDIBLE_RMS for start in starts]


def _own_frames(report: CallReport) -> set[int]:
    """The frames in which the caller speaks: then nobody waits."""
    return {
        frame
        for start_ms, end_ms in report.spoken_at_ms
        for frame in range(int(start_ms // FRAME_MS), int(-(-end_ms // FRAME_MS)))
    }


def _gaps(audible: Sequence[bool], own: set[int]) -> list[tuple[float, float]]:
    """The stretches (start_ms, end_ms) in which neither side is heard."""
    quiet = [not heard and frame not in own for frame, heard in enumerate(audible)]
    found, at = [], 0
    for is_quiet, frames in groupby(quiet):
        length = len(list(frames))
        if is_quiet:
            found.append((float(at * FRAME_MS), float((at + length) * FRAME_MS)))
        at += length
    return found


def _is_failure(note: CallNote) -> bool:
    """Whether the agent's leg failed here."""
    if note.name == "agent.closed":
        return note.fields.get("by") == "agent" and note.fields.get("close_code") != 1000
    return note.name in FAILURES


def _is_filler(note: CallNote) -> bool:
    """Whether what is heard from here on only covers a wait."""
    return note.name == "filler.played" or (
        note.name == "prompt.played" and note.fields.get("prompt") in FILLER_PROMPTS
    )
