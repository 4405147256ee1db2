"""Where legs hear each other: every 20 ms each of them hears the sum of what the others say."""

from __future__ import annotations

import asyncio
import audioop
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal

from ivr_bridge.simulator.phone.caller import FRAME_MS
from ivr_bridge.simulator.phone.hearing import FRAME_SAMPLES, MULAW_SILENCE
from ivr_bridge.simulator.phone.network_leg import Interlude, NetworkLeg, never

Leaving = Literal["hung_up", "other_left", "ended", "removed", "enough", "moved"]
"""Why a seat is empty: its person hung up; the other one did; the room was closed; it was taken out; its own condition
(a key, a limit) came true; its call goes on elsewhere."""

_SILENT_FRAME = MULAW_SILENCE * FRAME_SAMPLES


@dataclass(eq=False, slots=True)
class Seat:
    """One leg in a room; `left` is done when it is there no more."""

    sid: str
    ear: NetworkLeg
    is_muted: bool = False
    is_held: bool = False
    """Hears `music` instead of the others, and is heard by nobody."""
    coaches: str = ""
    """The sid of the only one who hears this seat."""
    until: Callable[[Interlude], bool] = never
    music: bytes = b""
    """Heard over and over while nobody can be heard; mu-law."""
    announcement: bytes = b""
    """Heard once, above everything; what is left of it."""
    interlude: Interlude = field(default_factory=Interlude)
    left: asyncio.Future[Leaving] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    first: int = 0
    said: bytes = _SILENT_FRAME
    music_at: int = 0


class Room:
    """Its clock runs while somebody sits there: real time, or the phones' clocks are put forward."""

    def __init__(self, *, in_real_time: bool) -> None:
        self.seats: dict[str, Seat] = {}
        self.is_open = True
        """Whether those in it hear each other; else each hears its music."""
        self.mix = bytearray()
        """Everything that was said while it was open, mu-law, if `keeps_mix`."""
        self.keeps_mix = False
        self._in_real_time = in_real_time
        self._clock: asyncio.Task[None] | None = None

    def sit(self, seat: Seat) -> None:
        """Take a seat; await its `left` afterwards."""
        seat.first = seat.ear.begin()
        self.seats[seat.sid] = seat
        if self._clock is None or self._clock.done():
            self._clock = asyncio.create_task(self._run())
            self._clock.add_done_callback(self._clock_stopped)

    def leave(self, sid: str, why: Leaving) -> None:
        """Empty a seat; harmless when it is empty already."""
        seat = self.seats.pop(sid, None)
        if seat is None:
            return
        seat.ear.end(seat.first, seat.interlude)
        if not seat.left.done():
            seat.left.set_result(why)

    def close(self) -> None:
        """Empty all seats."""
        for sid in list(self.seats):
            self.leave(sid, "ended")

    async def _run(self) -> None:
        """The clock, until the last one has left."""
        due_at = time.monotonic()
        while self.seats:
            due_at += FRAME_MS / 1000
            if self._in_real_time:
                await asyncio.sleep(max(0.0, due_at - time.monotonic()))
            else:
                await asyncio.sleep(0)
            self._tick()

    def _clock_stopped(self, clock: asyncio.Task[None]) -> None:
        """A clock that broke takes everybody's patience with it: they must not wait for ever."""
        if clock.cancelled() or not (error := clock.exception()):
            return
        for seat in self.seats.values():
            if not seat.left.done():
                seat.left.set_exception(error)

    def _tick(self) -> None:
        """20 ms: what was said in the 20 ms before is heard now."""
        heard = {seat.sid: self._heard_by(seat) for seat in self.seats.values()}
        if self.keeps_mix and self.is_open:
            self.mix += _sum(seat.said for seat in self.seats.values() if not (seat.is_muted or seat.is_held))
        for seat in list(self.seats.values()):
            seat.ear.hear(heard[seat.sid], seat.first, seat.interlude)
            if not self._in_real_time:
                seat.ear.put_forward()
            seat.said = seat.ear.live(seat.first, seat.interlude)
        for seat in list(self.seats.values()):
            if seat.interlude.ending:
                self.leave(seat.sid, "hung_up")
            elif seat.until(seat.interlude):
                self.leave(seat.sid, "enough")

    def _heard_by(self, seat: Seat) -> bytes:
        """160 bytes."""
        if seat.announcement:
            frame, seat.announcement = seat.announcement[:FRAME_SAMPLES], seat.announcement[FRAME_SAMPLES:]
            return frame.ljust(FRAME_SAMPLES, MULAW_SILENCE)
        if seat.is_held or not self.is_open:
            return _next_of(seat)
        return _sum(
            other.said
            for other in self.seats.values()
            if other is not seat and not other.is_muted and not other.is_held and other.coaches in ("", seat.sid)
        )


def _next_of(seat: Seat) -> bytes:
    """The next frame of a seat's music."""
    if not seat.music:
        return _SILENT_FRAME
    at = seat.music_at % len(seat.music)
    seat.music_at += FRAME_SAMPLES
    return (seat.music[at : at + FRAME_SAMPLES]).ljust(FRAME_SAMPLES, MULAW_SILENCE)


def _sum(frames: Iterable[bytes]) -> bytes:
    """Mu-law frames, added."""
    spoken = list(frames)
    if not spoken:
        return _SILENT_FRAME
    if len(spoken) == 1:
        return spoken[0]
    pcm16 = audioop.ulaw2lin(spoken[0], 2)
    for frame in spoken[1:]:
        pcm16 = audioop.add(pcm16, audioop.ulaw2lin(frame, 2), 2)
    return audioop.lin2ulaw(pcm16, 2)
