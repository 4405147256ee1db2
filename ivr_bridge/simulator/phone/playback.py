"""What the network has queued for the caller's ear: first in, first out, marks echoed when reached or cleared."""

from __future__ import annotations

from collections import deque

from ivr_bridge.simulator.phone.hearing import MULAW_SILENCE

MAX_AHEAD_SAMPLES = 600 * 8000
"""Ten minutes: no ceiling is documented, but a bridge that queues more than this is broken."""


class Playback:
    """The playback queue of a call, on the phone's clock in samples (8 kHz, one mu-law byte each).

    Give `now` to every method; it never runs backwards. `heard` is the caller's ear: everything before `now` has been
    heard, everything after it is queued and may still be cleared.

    Source: https://www.twilio.com/docs/voice/media-streams/websocket-messages (media, mark and clear to Twilio)
    """

    def __init__(self) -> None:
        self.heard = bytearray()
        self.marks_played = 0
        self.marks_discarded = 0
        self.clears = 0
        self._marks: deque[tuple[int, str]] = deque()

    def play(self, mulaw: bytes, now: int) -> bool:
        """Queue audio behind what is queued; False (and dropped) when more than ten minutes wait already."""
        if len(self.heard) - now > MAX_AHEAD_SAMPLES:
            return False
        if len(self.heard) < now:
            self.heard.extend(MULAW_SILENCE * (now - len(self.heard)))
        self.heard.extend(mulaw)
        return True

    def mark(self, name: str, now: int) -> None:
        """Put a mark behind what is queued; ask `due` at once, for it may be reached already."""
        self._marks.append((max(len(self.heard), now), name))

    def due(self, now: int) -> list[str]:
        """The marks reached by now, in the order they came; each is given once, to be echoed."""
        reached = []
        while self._marks and self._marks[0][0] <= now:
            reached.append(self._marks.popleft()[1])
        self.marks_played += len(reached)
        return reached

    def clear(self, now: int) -> list[str]:
        """Forget what is queued; returns every outstanding mark, all to be echoed (that is not "heard")."""
        self.clears += 1
        return self._drop(now)

    def stop(self, now: int) -> None:
        """The stream is gone: what is queued will not be heard, and no mark is echoed."""
        self._drop(now)

    def queued_ms(self, now: int) -> float:
        """How much is still to be played."""
        return max(0, len(self.heard) - now) / 8

    def _drop(self, now: int) -> list[str]:
        """Cut the queue at `now` and hand out the marks behind it."""
        del self.heard[now:]
        dropped = [name for _, name in self._marks]
        self._marks.clear()
        self.marks_discarded += len(dropped)
        return dropped
