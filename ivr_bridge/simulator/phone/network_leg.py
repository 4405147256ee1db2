"""The call while no stream is on: the network plays something itself, and listens to what the caller does meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from ivr_bridge.simulator.phone.call_log import CallLog
from ivr_bridge.simulator.phone.caller import FRAME_MS, Caller, Ending
from ivr_bridge.simulator.phone.hearing import FRAME_SAMPLES, MULAW_SILENCE, is_audible
from ivr_bridge.simulator.phone.recording import RATE_HZ, Recording
from ivr_bridge.simulator.phone.talk_notes import TalkNotes


@dataclass(slots=True)
class Interlude:
    """What came of a stretch without a stream, up to now; ms count from its beginning."""

    elapsed_ms: int = 0
    keys: str = ""
    keyed_at_ms: int = 0
    """When the last key came; 0: none did."""
    caller: bytearray = field(default_factory=bytearray)
    """The caller's side, mu-law."""
    spoke_until_ms: int = 0
    """The end of the caller's last audible frame; 0: nothing was said."""
    ending: Ending | None = None
    """The caller hung up."""


def never(_: Interlude) -> bool:
    """Nothing ends it early."""
    return False


class NetworkLeg:
    """Plays to the caller and lives through their script, on the same clock and WAV as the streams of the call.

    With `in_real_time` it takes the time that it takes; without it the phone's clock is put forward instead.
    """

    def __init__(
        self, recording: Recording, caller: Caller, notes: TalkNotes, log: CallLog, *, in_real_time: bool
    ) -> None:
        self._recording = recording
        self._caller = caller
        self._notes = notes
        self._log = log
        self._in_real_time = in_real_time

    async def play(
        self, mulaw: bytes, *, until: Callable[[Interlude], bool] = never, length_ms: int | None = None
    ) -> Interlude:
        """Play and listen, until all is played (or for `length_ms`), `until` is true, or the caller hangs up.

        What is not played by then is not heard.
        """
        interlude = Interlude()
        if length_ms is None:
            length_ms = -(-len(mulaw) // FRAME_SAMPLES) * FRAME_MS
        first = self.begin()
        self._recording.playback.play(mulaw, first)
        began_at = time.monotonic() - (self._now() - first) / RATE_HZ
        try:
            while interlude.elapsed_ms < length_ms and not interlude.ending and not until(interlude):
                if self._in_real_time:
                    due_at = began_at + (interlude.elapsed_ms + FRAME_MS) / 1000
                    await asyncio.sleep(max(0.0, due_at - time.monotonic()))
                else:
                    await asyncio.sleep(0)
                    self.put_forward()
                self.live(first, interlude)
        finally:
            self.end(first, interlude)
        return interlude

    # What a room does by hand, 20 ms by 20 ms

    def begin(self) -> int:
        """A stretch begins now; where, in samples.

        By whole frames, as it is listened to: so no sound of the network's is taken for a stream's.
        """
        self._recording.start(time.monotonic())
        now = self._now()
        first = now - now % FRAME_SAMPLES
        self._recording.hearing.part(first)
        return first

    def hear(self, mulaw: bytes, first: int, interlude: Interlude) -> None:
        """What is heard in the 20 ms to come, 160 bytes."""
        self._recording.playback.play(mulaw, first + interlude.elapsed_ms * RATE_HZ // 1000)

    def put_forward(self) -> None:
        """20 ms pass on the phone without passing in the world."""
        self._recording.advance(FRAME_SAMPLES)

    def live(self, first: int, interlude: Interlude) -> bytes:
        """20 ms are over since the last time: what was heard counts, the person has acted; what they said."""
        position = first + interlude.elapsed_ms * RATE_HZ // 1000
        interlude.elapsed_ms += FRAME_MS
        hearing = self._recording.hearing
        hearing.listen(self._recording.playback.heard, position + FRAME_SAMPLES)
        moment = self._caller.tick(position * 1000 / RATE_HZ, hearing.spurts)
        self._notes.note(is_agent=False)
        interlude.ending = moment.ending
        frame = (moment.frame or b"").ljust(FRAME_SAMPLES, MULAW_SILENCE)
        interlude.caller.extend(frame)
        self._recording.caller_said(frame, position)
        if is_audible(frame):
            interlude.spoke_until_ms = interlude.elapsed_ms
        for digit in moment.digits:
            self._log.note("digits", digit)
            interlude.keys += digit
            interlude.keyed_at_ms = interlude.elapsed_ms
            hearing.part_if_quiet(position + FRAME_SAMPLES)
        return frame

    def end(self, first: int, interlude: Interlude) -> None:
        """The stretch is over; what is queued is not heard."""
        over = first + interlude.elapsed_ms * RATE_HZ // 1000
        self._recording.playback.stop(over)
        self._recording.network_played(first, over)
        self._recording.hearing.part(over)

    def _now(self) -> int:
        """The phone's clock in samples."""
        return self._recording.sample(time.monotonic())
