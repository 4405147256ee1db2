"""A recording of both sides of a conversation, mixed. Its clock is the caller's audio, which comes in real time."""

import audioop
from typing import Any

from ivr_bridge.simulator.service.wire_audio import WireFormat

_RATE_HZ = 8000
_BYTES_PER_SAMPLE = 2


class Recording:
    """Both sides at 8 kHz, PCM16."""

    def __init__(self, caller: WireFormat) -> None:
        """`caller` is the format of the caller's audio."""
        self._caller = caller
        self._heard = bytearray()
        self._said = bytearray()
        self._rest: bytes = b""
        self._state: Any = None

    def hear(self, audio: bytes) -> None:
        """The caller's audio as it came; a PCM sample that is cut in two is put together again."""
        audio = self._rest + audio
        whole = len(audio) if self._caller.codec == "ulaw" else len(audio) // _BYTES_PER_SAMPLE * _BYTES_PER_SAMPLE
        self._rest = audio[whole:]
        pcm16 = self._caller.decode(audio[:whole])
        if self._caller.rate_hz != _RATE_HZ:
            pcm16, self._state = audioop.ratecv(
                pcm16, _BYTES_PER_SAMPLE, 1, self._caller.rate_hz, _RATE_HZ, self._state
            )
        self._heard += pcm16

    def say(self, pcm16: bytes, rate_hz: int) -> None:
        """The agent begins a reply now, or behind what it is still saying."""
        if rate_hz != _RATE_HZ:
            pcm16, _ = audioop.ratecv(pcm16, _BYTES_PER_SAMPLE, 1, rate_hz, _RATE_HZ, None)
        self._said += bytes(max(len(self._heard) - len(self._said), 0)) + pcm16

    def cut(self) -> None:
        """The caller has interrupted: what was not said by now is not said at all."""
        del self._said[len(self._heard) :]

    def wav(self) -> bytes:
        """All of it as a WAV file; b"" when nothing was said by anyone."""
        length = max(len(self._heard), len(self._said))
        if not length:
            return b""
        heard, said = (bytes(side).ljust(length, b"\0") for side in (self._heard, self._said))
        return WireFormat("wav", _RATE_HZ).encode(audioop.add(heard, said, _BYTES_PER_SAMPLE))
