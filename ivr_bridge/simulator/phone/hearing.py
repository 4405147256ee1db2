"""What is audible: the level above which a listener hears speech, and the stretches of it in a call."""

from __future__ import annotations

import audioop
from dataclasses import dataclass

SAMPLES_PER_MS = 8
FRAME_SAMPLES = 160
"""20 ms at 8 kHz; in mu-law one byte a sample."""
AUDIBLE_DBOV = -45.0
AUDIBLE_RMS = 32768 * 10 ** (AUDIBLE_DBOV / 20)
"""About 184: the root mean square of a frame above which it counts as heard."""
QUIET_BETWEEN_SPURTS_MS = 200
"""A pause at least this long parts two spurts; shorter ones are the pauses between words."""

MULAW_SILENCE = b"\xff"


def is_audible(mulaw: bytes) -> bool:
    """Whether this piece of mu-law is louder than -45 dBov on average; any length, empty is not."""
    return bool(mulaw) and audioop.rms(audioop.ulaw2lin(mulaw, 2), 2) > AUDIBLE_RMS


@dataclass(slots=True)
class Spurt:
    """A stretch of audible speech, in ms of the clock it was heard on; pauses inside are under 200 ms."""

    start_ms: float
    end_ms: float


class Hearing:
    """Listens to mu-law in 20 ms frames, in order, and keeps the spurts. Edges are exact to 1 ms."""

    def __init__(self) -> None:
        self.spurts: list[Spurt] = []
        self._heard_samples = 0
        self._parted_at = 0

    def listen(self, mulaw: bytes | bytearray, until_sample: int) -> None:
        """Listen on up to `until_sample` of a timeline that starts at 0.

        `mulaw` is the whole timeline so far; what it lacks before `until_sample` is silence. Whole frames only: the
        rest is heard with a later call. A frame once heard is not looked at again.
        """
        while self._heard_samples + FRAME_SAMPLES <= until_sample:
            start = self._heard_samples
            if start < len(mulaw):
                self._hear_frame(bytes(mulaw[start : start + FRAME_SAMPLES]), start)
            self._heard_samples += FRAME_SAMPLES

    def part(self, at_sample: int) -> None:
        """What is heard from here on is another spurt, however short the pause: the playback was flushed, say."""
        self._parted_at = at_sample

    def part_if_quiet(self, at_sample: int) -> None:
        """The same, unless something is being heard at this moment: what goes on is no answer to a key."""
        if not self.spurts or self.spurts[-1].end_ms * SAMPLES_PER_MS < at_sample - 2 * FRAME_SAMPLES:
            self.part(at_sample)

    def _hear_frame(self, frame: bytes, start_sample: int) -> None:
        """Enter one frame: open a spurt, lengthen the last one, or neither."""
        if not is_audible(frame):
            return
        step = SAMPLES_PER_MS
        loud = [at for at in range(0, len(frame), step) if is_audible(frame[at : at + step])]
        # A frame can pass on its average while no single ms does; then the whole of it counts.
        first, last = (loud[0], loud[-1] + step) if loud else (0, len(frame))
        start_ms = (start_sample + first) / SAMPLES_PER_MS
        end_ms = (start_sample + min(last, len(frame))) / SAMPLES_PER_MS
        last_one = self.spurts[-1] if self.spurts else None
        is_parted = last_one is not None and last_one.start_ms * SAMPLES_PER_MS < self._parted_at <= start_sample
        if last_one and not is_parted and start_ms - last_one.end_ms < QUIET_BETWEEN_SPURTS_MS:
            last_one.end_ms = end_ms
        else:
            self.spurts.append(Spurt(start_ms, end_ms))


def speech_bounds_ms(mulaw: bytes) -> tuple[float, float] | None:
    """Where speech begins and ends in a clip, in ms from its start; None when nothing of it is audible."""
    hearing = Hearing()
    padding = -len(mulaw) % FRAME_SAMPLES
    hearing.listen(mulaw + MULAW_SILENCE * padding, len(mulaw) + padding)
    if not hearing.spurts:
        return None
    return hearing.spurts[0].start_ms, hearing.spurts[-1].end_ms
