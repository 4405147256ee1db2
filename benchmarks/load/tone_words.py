"""Numbers spelled in loudness, for a bridge that decodes and resamples: bytes change there, loudness does not.

A word is one sync frame, very loud, then one frame a bit: loud for 1, soft for 0, all of a 1 kHz tone. Filters delay by
a few ms at most, so a frame is judged by its middle. Upwards a word has 19 bits (the call, then a counter), downwards 9
(a counter).

What this cannot see: damage that leaves the loudness, and a frame lost together with another that was made up.
Latency is told once a word, of its sync frame.
"""

import audioop
from typing import NamedTuple

import numpy as np

PHONE_HZ, AGENT_HZ = 8000, 16000
CALL_BITS = 9
UP_BITS, DOWN_BITS = CALL_BITS + 10, 9
SOFT, LOUD, SYNC = 0, 1, 2

_AMPLITUDES = {SOFT: 300, LOUD: 4000, SYNC: 20000}
_SYNC_ABOVE, _LOUD_ABOVE = 10000, 1200
_FRAME_S = 0.02
_OWED_SHARE_OF_FRAME = 5
"""Per cent of a frame that may still be missing when it is judged."""


class Word(NamedTuple):
    """A word that was heard: its value, when its sync frame came, and how many frames after the last good word's."""

    value: int
    came_at: float
    frames: int


def _tone(amplitude: int, rate_hz: int) -> bytes:
    at_s = np.arange(round(rate_hz * _FRAME_S)) / rate_hz
    return bytes(np.rint(amplitude * np.sin(2 * np.pi * 1000 * at_s)).astype("<i2").tobytes())


PCM_FRAMES = {level: _tone(amplitude, AGENT_HZ) for level, amplitude in _AMPLITUDES.items()}
"""640 bytes each: PCM16 at 16 kHz."""
MULAW_FRAMES = {level: audioop.lin2ulaw(_tone(amplitude, PHONE_HZ), 2) for level, amplitude in _AMPLITUDES.items()}
"""160 bytes each."""


def levels(value: int, bits: int) -> list[int]:
    """The frames of a word by their loudness: the sync frame, then the bits, highest first."""
    return [SYNC, *((value >> place) & 1 for place in range(bits - 1, -1, -1))]


def up_value(call: int, counter: int) -> int:
    """What the caller's words say; `call` below 512, the counter goes round at 1024."""
    return (call << (UP_BITS - CALL_BITS)) | (counter & 1023)


class WordReader:
    """Reads words out of a stream of frames.

    Args:
        bits: of a word.
        mulaw: whether it is mu-law at 8 kHz (160 bytes a frame) or PCM16 at 16 kHz (640).
    """

    __slots__ = (
        "_came_at", "_frame_bytes", "_frames", "_left", "_mulaw", "_owed_bytes", "_rest", "_since_sync", "_value",
        "bits",
    )  # fmt: skip

    def __init__(self, bits: int, *, mulaw: bool) -> None:
        self.bits = bits
        self._mulaw = mulaw
        self._frame_bytes = 160 if mulaw else 640
        self._rest = b""
        self._owed_bytes = 0
        self._left = 0
        self._value = 0
        self._came_at = 0.0
        self._frames = 0
        self._since_sync = 0

    def feed(self, audio: bytes, now: float) -> list[Word]:
        """The words that are complete now; `now` is when `audio` came."""
        owed_bytes = min(self._owed_bytes, len(audio))
        data = self._rest + audio[owed_bytes:]
        self._owed_bytes -= owed_bytes
        size = self._frame_bytes
        # `ratecv` holds back a sample: a frame is judged without its last ones, they are owed.
        frames = (len(data) + size * _OWED_SHARE_OF_FRAME // 100) // size
        self._owed_bytes += max(0, frames * size - len(data))
        self._rest = data[frames * size :]
        words: list[Word] = []
        for at in range(0, frames * size, size):
            level = self._level(data[at : at + size])
            self._frames += 1
            if level == SYNC:
                # One that comes too early ends a word with a frame missing; its frames go on being counted.
                self._left, self._value, self._came_at = self.bits, 0, now
                self._since_sync = 0
            elif self._left:
                self._left -= 1
                self._since_sync += 1
                self._value = self._value << 1 | level
                if not self._left:
                    words.append(Word(self._value, self._came_at, self._frames - self._since_sync))
                    self._frames = self._since_sync
        return words

    def _level(self, frame: bytes) -> int:
        pcm16 = audioop.ulaw2lin(frame[48:144], 2) if self._mulaw else frame[192:576]
        peak = audioop.max(pcm16, 2)
        return SYNC if peak > _SYNC_ABOVE else LOUD if peak > _LOUD_ABOVE else SOFT
