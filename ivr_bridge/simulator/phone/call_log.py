"""What is noted while a call runs, until it becomes a report."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from ivr_bridge.simulator.phone.caller import Caller
from ivr_bridge.simulator.phone.recording import Recording
from ivr_bridge.simulator.phone.report import CallReport, NetworkRecording, PhoneEvent, Result

MAX_VIOLATIONS = 100


@dataclass(slots=True)
class CallLog:
    """One call's notes; `on_event` is told of each event at once, in order, and must not block."""

    call_sid: str
    on_event: Callable[[PhoneEvent], None] | None = None
    placed_at: float = field(default_factory=time.monotonic)
    stream_sids: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    said_by_network: list[str] = field(default_factory=list)
    played_by_network: list[str] = field(default_factory=list)
    dialled: list[str] = field(default_factory=list)
    dial_statuses: list[str] = field(default_factory=list)
    recordings: list[NetworkRecording] = field(default_factory=list)
    twiml: list[str] = field(default_factory=list)
    custom_parameters: dict[str, str] = field(default_factory=dict)
    webhook_ms: float | None = None
    close_code: int | None = None
    repeat_identical: bool | None = None
    result: Result = "failed"
    reason: str = ""

    def note(self, kind: str, text: str = "") -> None:
        """Tell the listener."""
        if self.on_event:
            self.on_event(PhoneEvent(kind, round((time.monotonic() - self.placed_at) * 1000, 1), text))

    def violation(self, text: str) -> None:
        """Enter something that Twilio would complain about; the same words count once, a hundred at most."""
        if text not in self.violations and len(self.violations) < MAX_VIOLATIONS:
            self.violations.append(text)
            self.note("violation", text)

    def settle(self, result: Result, reason: str) -> None:
        """Say how the call stands; the last word counts."""
        self.result, self.reason = result, reason

    def report(self, recording: Recording, caller: Caller) -> CallReport:
        """The account, once the call is over."""
        caller_pcm16, heard_pcm16 = recording.channels()
        recording.hearing.listen(recording.playback.heard, len(heard_pcm16) // 2)
        spurts = [spurt for spurt in recording.hearing.spurts if not recording.is_network_at(spurt.start_ms)]
        by_network = [spurt for spurt in recording.hearing.spurts if recording.is_network_at(spurt.start_ms)]
        started_at = recording.started_at
        return CallReport(
            call_sid=self.call_sid,
            result=self.result,
            reason=self.reason,
            stream_sids=self.stream_sids,
            webhook_ms=self.webhook_ms,
            stream_started_ms=None if started_at is None else round((started_at - self.placed_at) * 1000, 1),
            first_word_ms=round(spurts[0].start_ms, 1) if spurts else None,
            turn_latency_ms=caller.turn_latency_ms(recording.hearing.spurts),
            spoken_at_ms=[(start, end) for start, end, _ in caller.spoken],
            keyed_at_ms=[at_ms for at_ms, _ in caller.keyed],
            heard_at_ms=[(spurt.start_ms, spurt.end_ms) for spurt in spurts],
            network_heard_at_ms=[(spurt.start_ms, spurt.end_ms) for spurt in by_network],
            clears=recording.playback.clears,
            marks_played=recording.playback.marks_played,
            marks_discarded=recording.playback.marks_discarded,
            violations=self.violations,
            said_by_network=self.said_by_network,
            played_by_network=self.played_by_network,
            dialled=self.dialled,
            dial_statuses=self.dial_statuses,
            recordings=self.recordings,
            twiml=self.twiml,
            close_code=self.close_code,
            repeat_identical=self.repeat_identical,
            custom_parameters=self.custom_parameters,
            caller_pcm16=caller_pcm16,
            heard_pcm16=heard_pcm16,
        )
