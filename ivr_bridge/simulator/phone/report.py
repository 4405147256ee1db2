"""What came of a call: one report at its end, and events on the way."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from ivr_bridge.simulator.phone.recording import stereo_wav

Result = Literal["completed", "refused", "failed", "cut_off"]
"""completed: ended as one side meant it to. refused: the server did not take the call. failed: the caller was not
served. cut_off: the stream broke and not a word followed."""


@dataclass(frozen=True, slots=True)
class PhoneEvent:
    """Something the phone saw, in order.

    `at_ms` counts from the moment the call was placed. Kinds: webhook_answered, webhook_failed, stream_started,
    stream_refused, agent_speaking, caller_speaking, digits, cleared, said_by_network, played_by_network, dialled,
    ringing, person_speaking, person_pressed, dial_ended, conference_joined, conference_left, recording_started,
    recording_ended, violation, stream_ended, ended.
    """

    kind: str
    at_ms: float
    text: str = ""


@dataclass(frozen=True, slots=True)
class NetworkRecording:
    """A message that a `<Record>` took: its sid, as told to the action, and its mu-law at 8 kHz."""

    sid: str
    mulaw: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class CallReport:
    """The whole account of one call. Audio times are ms since the first stream's `start`, or the first sound before."""

    call_sid: str
    result: Result
    reason: str
    """caller_hung_up, agent_hung_up, transferred, voicemail_left, ended_by_rest; busy, rejected, turned_away;
    unreachable, webhook_failed, twiml_invalid, twiml_loop, stream_url_invalid, stream_refused, no_answer, too_long,
    action_failed; stream_lost."""
    stream_sids: list[str] = field(default_factory=list)
    webhook_ms: float | None = None
    """How long the voice webhook took to answer; None: it did not."""
    stream_started_ms: float | None = None
    """The zero of the audio times, counted like `PhoneEvent.at_ms`; None: there was no stream."""
    first_word_ms: float | None = None
    turn_latency_ms: list[float] = field(default_factory=list)
    spoken_at_ms: list[tuple[float, float]] = field(default_factory=list)
    keyed_at_ms: list[float] = field(default_factory=list)
    """When each key was pressed."""
    heard_at_ms: list[tuple[float, float]] = field(default_factory=list)
    """The spurts of the streams (start, end): audible sound with pauses under 200 ms; a flush parts two, too."""
    network_heard_at_ms: list[tuple[float, float]] = field(default_factory=list)
    """The same of what the network let them hear by itself: its words, ringing, a beep, a person."""
    clears: int = 0
    marks_played: int = 0
    marks_discarded: int = 0
    """Echoed because of `clear`, or lost with the stream."""
    violations: list[str] = field(default_factory=list)
    """What Twilio would have complained about, at most 100; a correct server has none."""
    said_by_network: list[str] = field(default_factory=list)
    played_by_network: list[str] = field(default_factory=list)
    dialled: list[str] = field(default_factory=list)
    dial_statuses: list[str] = field(default_factory=list)
    """What became of each."""
    recordings: list[NetworkRecording] = field(default_factory=list)
    twiml: list[str] = field(default_factory=list)
    """Each document received, as text, in order."""
    close_code: int | None = None
    """Of the last stream: the bridge's close code, 1005 for none given, 1006 for no close at all."""
    repeat_identical: bool | None = None
    """With the fault `repeat_webhook`: whether both answers were the same bytes."""
    custom_parameters: dict[str, str] = field(default_factory=dict)
    """What the last `start` carried."""
    caller_pcm16: bytes = field(default=b"", repr=False)
    heard_pcm16: bytes = field(default=b"", repr=False)

    def wav(self) -> bytes:
        """A stereo WAV file (16 bit, 8 kHz): left the caller as the bridge got it, right what the caller heard."""
        return stereo_wav(self.caller_pcm16, self.heard_pcm16)
