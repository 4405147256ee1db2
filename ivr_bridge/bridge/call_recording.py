"""One stream's recording while it runs: both sides as they come, onto the disk in pieces."""

from binascii import a2b_base64
from collections.abc import Callable

from ivr_bridge.audio.stereo_track import StereoTrack
from ivr_bridge.bridge.sound_file import SoundFile
from ivr_bridge.twilio.stream_events import CallerAudio

PIECE_SAMPLES = 1600
"""200 ms of both sides go to the file at a time."""
HUSHED_AFTER_S = 1.0
"""Behind sensitive digits: the tone of the last key still sounds."""


class CallRecording:
    """Listens to both directions of a stream. Nothing here waits.

    Args:
        name: the recording's id.
        file: of two channels.
        hushed: whether what is heard now is not to be recorded; asked for each piece of the caller's.
        clock: monotonic seconds.
    """

    __slots__ = ("_clock", "_hushed", "_hushed_until", "_track", "file", "name")

    def __init__(self, name: str, file: SoundFile, hushed: Callable[[], bool], clock: Callable[[], float]) -> None:
        self.name = name
        self.file = file
        self._hushed = hushed
        self._hushed_until = 0.0
        self._clock = clock
        self._track = StereoTrack(clock())

    def caller_audio(self, event: CallerAudio) -> None:
        """A piece of the caller's, which is also the recording's clock."""
        if self.file.failure is not None:
            return
        now, track = self._clock(), self._track
        if self._hushed():
            self._hushed_until = now + HUSHED_AFTER_S
        if (hushed := now < self._hushed_until) is not track.hushed:
            self.file.append(track.take(now))
            track.hushed = hushed
        track.said(a2b_base64(event.payload), event.gap_ms, now)
        if track.waiting_samples >= PIECE_SAMPLES:
            self.file.append(track.take(now))

    def sent(self, payload: str, starts_at: float) -> None:
        """What the caller hears from then on."""
        self._track.heard(a2b_base64(payload), starts_at)

    def cleared(self, now: float) -> None:
        """What the caller does not hear any more."""
        self._track.cleared(now)

    def finish(self) -> None:
        """The stream is over: the last piece."""
        self.file.append(self._track.finish(self._clock()))
