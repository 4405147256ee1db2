"""What becomes of one `<Dial>`, before it happens: who rings how long, who answers first. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ivr_bridge.simulator.phone.callees import Callee

Status = Literal["completed", "busy", "no-answer", "failed", "canceled"]
_WORST: tuple[Status, ...] = ("no-answer", "busy", "failed")
"""The status of a `<Dial>` in which nobody answered: the first of these that any number ended with."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One number's part: how long it rings, and what becomes of it; `completed`: it answers and wins."""

    rings_s: float
    status: Status


@dataclass(frozen=True, slots=True)
class DialCourse:
    """All attempts in the order of the numbers; which one answers (None: nobody), and what the `<Dial>` comes to."""

    attempts: tuple[Attempt, ...]
    winner: int | None
    rings_s: float
    status: Status


def dial_course(callees: Sequence[Callee], timeout_s: float) -> DialCourse:
    """Dial all at once, for at most `timeout_s`.

    The first to answer wins (of two, the one that stands first), the others are canceled then.

    Source: https://www.twilio.com/docs/voice/twiml/number
    """
    alone = [_alone(callee, timeout_s) for callee in callees]
    answering = [number for number, attempt in enumerate(alone) if attempt.status == "completed"]
    if not answering:
        return DialCourse(tuple(alone), None, max(each.rings_s for each in alone), _status(alone))
    winner = min(answering, key=lambda number: alone[number].rings_s)
    rings_s = alone[winner].rings_s
    attempts = tuple(
        Attempt(rings_s, "canceled")
        if number != winner and (attempt.rings_s > rings_s or attempt.status == "completed")
        else attempt
        for number, attempt in enumerate(alone)
    )
    return DialCourse(attempts, winner, rings_s, "completed")


def _alone(callee: Callee, timeout_s: float) -> Attempt:
    """What becomes of one number if there is no other."""
    if callee.fate == "answered" and callee.rings_s <= timeout_s:
        return Attempt(callee.rings_s, "completed")
    if callee.fate in ("busy", "failed"):
        return Attempt(min(callee.rings_s, timeout_s), "busy" if callee.fate == "busy" else "failed")
    return Attempt(min(callee.rings_s, timeout_s), "no-answer")


def _status(attempts: Sequence[Attempt]) -> Status:
    """Of a `<Dial>` that nobody answered."""
    found = {attempt.status for attempt in attempts}
    return next(status for status in _WORST if status in found)
