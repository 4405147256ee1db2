"""The vendor's audio formats, on the wire and inside: PCM16 at some rate."""

import audioop
import io
import wave
from dataclasses import dataclass

CONVERSATION_FORMATS = (
    "pcm_8000", "pcm_16000", "pcm_22050", "pcm_24000", "pcm_44100", "pcm_48000", "ulaw_8000",
)  # fmt: skip
"""What a conversation may announce."""
_SPEECH_ONLY = (
    "alaw_8000",
    "pcm_32000",
    "wav_8000",
    "wav_16000",
    "wav_22050",
    "wav_24000",
    "wav_32000",
    "wav_44100",
    "wav_48000",
)


@dataclass(frozen=True, slots=True)
class WireFormat:
    """One format: `codec` is pcm, ulaw, alaw or wav."""

    codec: str
    rate_hz: int

    @property
    def bytes_per_ms(self) -> float:
        """Bytes of one millisecond, without any header."""
        return self.rate_hz * (1 if self.codec in ("ulaw", "alaw") else 2) / 1000

    def encode(self, pcm16: bytes) -> bytes:
        """PCM16 at `rate_hz` as it goes on the wire."""
        if self.codec == "ulaw":
            return audioop.lin2ulaw(pcm16, 2)
        if self.codec == "alaw":
            return audioop.lin2alaw(pcm16, 2)
        if self.codec == "wav":
            target = io.BytesIO()
            with wave.open(target, "wb") as file:
                file.setnchannels(1)
                file.setsampwidth(2)
                file.setframerate(self.rate_hz)
                file.writeframes(pcm16)
            return target.getvalue()
        return pcm16

    def decode(self, audio: bytes) -> bytes:
        """Audio from the wire as PCM16 at `rate_hz`; PCM must have an even number of bytes."""
        if self.codec == "ulaw":
            return audioop.ulaw2lin(audio, 2)
        return audioop.alaw2lin(audio, 2) if self.codec == "alaw" else audio


def parse_format(name: str, *, speech: bool = False) -> WireFormat:
    """The format called `name`; with `speech` also those that only text to speech has.

    Raises:
        ValueError: no such format.
    """
    if name not in CONVERSATION_FORMATS + (_SPEECH_ONLY if speech else ()):
        raise ValueError(f"unknown audio format {name!r}")
    codec, _, rate = name.partition("_")
    return WireFormat(codec, int(rate))
