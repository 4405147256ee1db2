"""Answering machine detection: what the network finds out about who answered, and when. Pure.

Source: https://www.twilio.com/docs/voice/answering-machine-detection
"""

from __future__ import annotations

from dataclasses import dataclass

from ivr_bridge.simulator.phone.callees import Callee


@dataclass(frozen=True, slots=True)
class Verdict:
    """Twilio's `AnsweredBy`, so many seconds after the answer."""

    answered_by: str
    after_s: float

    @property
    def params(self) -> dict[str, str]:
        """What a webhook is told of it."""
        return {"AnsweredBy": self.answered_by, "MachineDetectionDuration": str(round(self.after_s * 1000))}


def detect(callee: Callee, mode: str) -> Verdict:
    """What `Enable` (who it is) or `DetectMessageEnd` (after a machine's greeting) finds."""
    if callee.answered_by != "machine":
        return Verdict(callee.answered_by, callee.detected_after_s)
    if mode == "Enable":
        return Verdict("machine_start", callee.detected_after_s)
    if callee.message_ends_s is None:
        return Verdict("machine_end_other", callee.detected_after_s)
    return Verdict("machine_end_beep", callee.message_ends_s)
