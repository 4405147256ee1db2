"""Whether a call is recorded: announced first, begun when that was heard to its end, over with the stream."""

from enum import Enum

from ivr_bridge.bridge.call_parts import CallParts
from ivr_bridge.bridge.call_recording import CallRecording
from ivr_bridge.bridge.recordings import Recordings
from ivr_bridge.flows.model import CallRecording as WantedRecording
from ivr_bridge.telemetry import events


class _Stage(Enum):
    DUE = "due"
    ANNOUNCING = "announcing"
    BEGUN = "begun"
    OFF = "off"


class Taping:
    """One for each stream whose flow wants a recording.

    Args:
        parts: of the stream.
        wanted: the flow's.
        recordings: of the process.
    """

    __slots__ = ("_heard_at", "_parts", "_recording", "_recordings", "_stage", "_wanted")

    def __init__(self, parts: CallParts, wanted: WantedRecording, recordings: Recordings) -> None:
        self._parts = parts
        self._wanted = wanted
        self._recordings = recordings
        self._recording: CallRecording | None = None
        self._heard_at = 0.0
        self._stage = _Stage.DUE
        if parts.journey.recording_announced:
            self._begin()

    def announce(self) -> None:
        """Say it now, behind what is playing, unless it was heard or is on already."""
        parts = self._parts
        if self._stage is not _Stage.DUE:
            return
        if not parts.call.say(self._wanted.announce, parts.journey.language):
            self._stage = _Stage.OFF  # nobody is recorded who was not told
            return
        now = parts.clock()
        self._heard_at = now + parts.to_caller.playout.remaining_ms(now) / 1000
        self._stage = _Stage.ANNOUNCING
        parts.to_caller.taps = (*parts.to_caller.taps, self)

    def sent(self, payload: str, starts_at: float) -> None:
        """Nothing to do here with what is sent."""

    def cleared(self, now: float) -> None:
        """Somebody spoke over the announcement: it is said again in a while."""
        if self._stage is _Stage.ANNOUNCING and now < self._heard_at:
            self._stage = _Stage.DUE
            self._listen_no_more()

    def _listen_no_more(self) -> None:
        to_caller = self._parts.to_caller
        to_caller.taps = tuple(tap for tap in to_caller.taps if tap is not self)

    def tick(self, now: float, *, speaking: bool) -> None:
        """A few times a second."""
        if self._stage is _Stage.DUE and not speaking:
            self.announce()
        elif self._stage is _Stage.ANNOUNCING and now >= self._heard_at:
            self._listen_no_more()
            self._parts.journey.recording_announced = True
            self._begin()

    def _begin(self) -> None:
        self._stage = _Stage.BEGUN
        self._parts.call.in_background(self._record())

    async def _record(self) -> None:
        parts = self._parts
        try:
            sound = await self._recordings.open(parts.leg.started.call_sid, self._wanted.keep_days)
        except OSError as error:
            self._stage = _Stage.OFF
            parts.log.emit(events.RECORDING_FAILED, recording_id="", error=f"{type(error).__name__}: {error}")
            return
        recording = CallRecording(sound.name, sound.file, lambda: parts.to_agent.muted, parts.clock)
        self._recording = recording
        parts.caller_taps = (*parts.caller_taps, recording)
        parts.to_caller.taps = (*parts.to_caller.taps, recording)
        parts.log.emit(events.RECORDING_BEGUN, recording_id=sound.name, keep_days=self._wanted.keep_days)

    def stream_over(self) -> None:
        """The stream is gone: what there is becomes a whole file. Once."""
        recording, self._recording = self._recording, None
        if recording is not None:
            recording.finish()
            self._recordings.finish(recording, self._parts.log)
