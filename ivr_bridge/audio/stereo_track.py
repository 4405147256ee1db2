"""Both sides of a call on one time line: left the caller, right what the caller heard.                       pure

The left side is the clock: what came of the caller, gaps filled. The right side is entered ahead of its time, when it
is sent, and may be taken back until it has been played; so nothing is given out before its moment has passed. Instants
are seconds of any one clock; audio is mu-law at 8 kHz.
"""

from ivr_bridge.audio.formats import MULAW_SILENCE
from ivr_bridge.audio.wav import in_turn

SAMPLES_PER_S = 8000
FRAME_SAMPLES = 160
LAG_S = 2.0
"""The caller's audio is behind the clock by more than this: it was lost without notice, and is filled with silence."""
AHEAD_S = 10.0
"""Nobody sends more than this ahead of its time; what would lie later is not taken."""

_SILENCE = bytes([MULAW_SILENCE])


class StereoTrack:
    """What was said and heard and is not given out yet: a second or two, however long the call.

    Args:
        began_at: the instant of the first sample.
    """

    __slots__ = ("_began_at", "_given", "_left", "_right", "hushed")

    def __init__(self, began_at: float) -> None:
        self._began_at = began_at
        self._given = 0
        self._left = bytearray()
        self._right = bytearray()
        self.hushed = False
        """While True silence is given out in the place of both sides. Call `take` before changing it."""

    @property
    def waiting_samples(self) -> int:
        """What there is of the caller and was not given out."""
        return len(self._left)

    @property
    def held_bytes(self) -> int:
        """Memory of both sides."""
        return len(self._left) + len(self._right)

    def said(self, mulaw: bytes, gap_ms: float, now: float) -> None:
        """Enter a piece of the caller's, `gap_ms` after the one before."""
        missing = round(gap_ms * SAMPLES_PER_S / 1000)
        behind = self._at(now) - len(self._left) - missing - len(mulaw)
        if behind > LAG_S * SAMPLES_PER_S:
            missing += behind
        self._left += _SILENCE * missing + mulaw

    def heard(self, mulaw: bytes, starts_at: float) -> None:
        """Enter a piece that the caller hears from `starts_at` on, unless it is cleared before."""
        at = self._at(starts_at)
        if at < 0:
            mulaw, at = mulaw[-at:], 0
        if at > AHEAD_S * SAMPLES_PER_S:
            return
        if at > len(self._right):
            self._right += _SILENCE * (at - len(self._right))
        self._right[at : at + len(mulaw)] = mulaw

    def cleared(self, now: float) -> None:
        """What was not played by now never will be."""
        del self._right[max(0, self._at(now)) :]

    def take(self, now: float) -> bytes:
        """Both sides in turn, left first, as far as they are settled: whole frames; `b""` when there is none."""
        length = min(len(self._left), self._at(now))
        return self._give(length - length % FRAME_SAMPLES) if length >= FRAME_SAMPLES else b""

    def finish(self, now: float) -> bytes:
        """All that is left; the side that is shorter is filled up. Nothing is entered after this."""
        self.cleared(now)
        return self._give(max(len(self._left), len(self._right)))

    def _at(self, instant: float) -> int:
        """Where an instant lies behind what was given out."""
        return round((instant - self._began_at) * SAMPLES_PER_S) - self._given

    def _give(self, length: int) -> bytes:
        left, right = bytes(self._left[:length]), bytes(self._right[:length])
        del self._left[:length], self._right[:length]
        self._given += length
        return _SILENCE * (2 * length) if self.hushed else in_turn(left.ljust(length, _SILENCE), right)
