"""Both sides of a call on one clock: what the caller said as it was sent, and what the caller heard."""

from __future__ import annotations

import audioop
import io
import time
import wave

from ivr_bridge.simulator.phone.hearing import MULAW_SILENCE, Hearing
from ivr_bridge.simulator.phone.playback import Playback

RATE_HZ = 8000


class Recording:
    """The phone's clock and its two channels; it starts with the first stream, or the first sound before it.

    Instants (`at`) are seconds of the event loop's monotonic clock; positions are samples at 8 kHz since `start`.
    """

    def __init__(self) -> None:
        self.playback = Playback()
        self.hearing = Hearing()
        self.caller = bytearray()
        self._network: list[tuple[int, int]] = []
        self._started_at: float | None = None

    @property
    def started_at(self) -> float | None:
        """When it started; None before that."""
        return self._started_at

    def start(self, at: float) -> None:
        """Set the clock to 0; only the first time counts."""
        if self._started_at is None:
            self._started_at = at

    def advance(self, samples: int) -> None:
        """Put the clock forward: time that passes on the phone without passing in the world."""
        if self._started_at is not None:
            self._started_at -= samples / RATE_HZ

    def sample(self, at: float) -> int:
        """The position at an instant; 0 before the start."""
        return 0 if self._started_at is None else max(0, int((at - self._started_at) * RATE_HZ))

    def network_played(self, first: int, until: int) -> None:
        """What was heard between these positions came from the network itself, not from a stream."""
        self._network.append((first, until))

    def is_network_at(self, at_ms: float) -> bool:
        """Whether what began at this moment came from the network itself."""
        return any(first <= at_ms * RATE_HZ / 1000 < until for first, until in self._network)

    def caller_said(self, mulaw: bytes, position: int) -> None:
        """Enter what was sent of the caller, beginning at `position`; what lies between is silence."""
        if len(self.caller) < position:
            self.caller.extend(MULAW_SILENCE * (position - len(self.caller)))
        self.caller.extend(mulaw)

    def position(self) -> int:
        """Where the clock is now."""
        return self.sample(time.monotonic())

    def sides(self, first: int, until: int) -> tuple[bytes, bytes]:
        """(caller, heard) between two positions, mu-law; what is missing is silence."""
        length = max(0, until - first)
        left, right = (
            bytes(side[first:until]).ljust(length, MULAW_SILENCE) for side in (self.caller, self.playback.heard)
        )
        return left, right

    def channels(self) -> tuple[bytes, bytes]:
        """(caller, heard) as PCM16 at 8 kHz, of the same length."""
        heard = self.playback.heard
        length = max(len(self.caller), len(heard))
        left, right = (bytes(side) + MULAW_SILENCE * (length - len(side)) for side in (self.caller, heard))
        return audioop.ulaw2lin(left, 2), audioop.ulaw2lin(right, 2)


def stereo_wav(left_pcm16: bytes, right_pcm16: bytes) -> bytes:
    """A WAV file, 16 bit, 8 kHz, two channels of the same length."""
    both = audioop.add(audioop.tostereo(left_pcm16, 2, 1, 0), audioop.tostereo(right_pcm16, 2, 0, 1), 2)
    file = io.BytesIO()
    with wave.open(file, "wb") as wav:
        wav.setnchannels(2)
        wav.setsampwidth(2)
        wav.setframerate(RATE_HZ)
        wav.writeframes(both)
    return file.getvalue()
