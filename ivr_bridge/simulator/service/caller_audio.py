"""The caller's audio from the wire to the ears: decoded, brought to 8 kHz, listened to."""

import importlib
from typing import Any

import numpy as np

from ivr_bridge.errors import MissingExtraError
from ivr_bridge.simulator.service.ears import RATE_HZ, EarEvent, Ears
from ivr_bridge.simulator.service.wire_audio import WireFormat


class CallerAudio:
    """One caller's audio in one format; pieces may have any length, odd ones too.

    Raises:
        MissingExtraError: the extra [sandbox] is not installed.
    """

    def __init__(self, wire: WireFormat) -> None:
        self._wire = wire
        self._ears = Ears()
        self._odd = b""
        self._stream: Any = None
        if wire.rate_hz != RATE_HZ:
            try:
                soxr = importlib.import_module("soxr")
            except ImportError as error:
                raise MissingExtraError("sandbox", "the offline agent") from error
            self._stream = soxr.ResampleStream(wire.rate_hz, RATE_HZ, 1, dtype="int16")

    def hear(self, audio: bytes) -> list[EarEvent]:
        """Listen to the next piece; what is heard in it, in order."""
        if self._wire.codec == "pcm":
            audio = self._odd + audio
            self._odd = audio[len(audio) & ~1 :]
            audio = audio[: len(audio) & ~1]
        pcm16 = self._wire.decode(audio)
        if self._stream is not None:
            pcm16 = self._stream.resample_chunk(np.frombuffer(pcm16, dtype="<i2")).tobytes()
        return self._ears.hear(pcm16)
