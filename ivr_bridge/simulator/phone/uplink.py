"""How the caller's audio goes out: 20 ms frames on time, or as badly as the faults say."""

from __future__ import annotations

import random
from dataclasses import dataclass

from ivr_bridge.simulator.phone.faults import PhoneFaults
from ivr_bridge.simulator.phone.hearing import FRAME_SAMPLES

FIRST_TIMESTAMP_MS = 5
"""The vendor's own sample begins there; nothing may take timestamps for multiples of 20."""
TIMESTAMP_JITTER_MS = 7
_LINE_NOISE = bytes((0x7E, 0xFE, 0xFF))
"""The quietest steps of mu-law: what a silent telephone line is made of."""


@dataclass(frozen=True, slots=True)
class OutgoingMedia:
    """One media message: `timestamp_ms` of its first sample since the stream's start, and its mu-law."""

    timestamp_ms: int
    mulaw: bytes


class Uplink:
    """Shapes one stream's outgoing audio; feed it every 20 ms, with a frame of 160 bytes each.

    Without faults each frame comes out at once. `faults.seed` decides sizes, delays and noise.
    """

    def __init__(self, faults: PhoneFaults) -> None:
        self._faults = faults
        self._random = random.Random(faults.seed)  # noqa: S311 - line noise, not a secret
        self._fed_samples = 0
        self._pending = bytearray()
        self._pending_at_sample = 0
        self._release_at_ms = 0.0
        self._noise = bytes(self._random.choices(_LINE_NOISE, k=50 * FRAME_SAMPLES))

    def silence(self) -> bytes:
        """A frame of a quiet line: a mixture of 0x7E, 0xFE and 0xFF."""
        start = self._random.randrange(49 * FRAME_SAMPLES)
        return self._noise[start : start + FRAME_SAMPLES]

    def loses_next(self) -> bool:
        """Whether the next frame falls into a gap: it will not arrive, and the timestamps leave its place empty."""
        position_ms = self._fed_samples // 8
        return position_ms >= 1000 and position_ms % 1000 < self._faults.gap_ms

    def feed(self, frame: bytes) -> list[OutgoingMedia]:
        """Take the next 20 ms; returns what is to be sent now, in order, perhaps nothing."""
        if self.loses_next():
            sent = self.flush()
            self._fed_samples += len(frame)
            return sent
        if not self._pending:
            self._pending_at_sample = self._fed_samples
        self._pending.extend(frame)
        self._fed_samples += len(frame)
        return self._due()

    def flush(self) -> list[OutgoingMedia]:
        """What was held back, in frames; nothing is held afterwards."""
        sent = []
        while self._pending:
            sent.append(self._take(FRAME_SAMPLES))
        return sent

    def _due(self) -> list[OutgoingMedia]:
        """What leaves now: all of it, or what the faults let go."""
        faults, now_ms = self._faults, self._fed_samples / 8
        if faults.odd_sizes:
            sent = []
            while len(self._pending) >= (size := self._random.randint(1, 400)):
                sent.append(self._take(size))
            return sent
        if faults.burst and len(self._pending) < 10 * FRAME_SAMPLES:
            return []
        if faults.late_ms and now_ms < self._release_at_ms:
            return []
        self._release_at_ms = now_ms + self._random.uniform(0, faults.late_ms)
        return self.flush()

    def _take(self, size: int) -> OutgoingMedia:
        """Cut one message off what waits; its timestamp wanders by up to 7 ms, as on the real line."""
        piece = bytes(self._pending[:size])
        del self._pending[:size]
        jitter_ms = self._random.randint(0, TIMESTAMP_JITTER_MS)
        media = OutgoingMedia(FIRST_TIMESTAMP_MS + self._pending_at_sample // 8 + jitter_ms, piece)
        self._pending_at_sample += len(piece)
        return media
