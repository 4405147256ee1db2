"""A WAV file as a telephone plays it: mu-law as it stands, PCM through the codec."""

from __future__ import annotations

import audioop
import io
import struct

from ivr_bridge.errors import AudioFormatError
from ivr_bridge.simulator.phone.voices import load_wav

AUDIO_TYPES = frozenset(
    {"audio/wav", "audio/wave", "audio/x-wav", "audio/vnd.wave", "audio/basic", "audio/mpeg", "audio/mp3", "audio/ogg"}
)
"""Media types that Twilio plays, as far as anybody has seen."""
_WAV_TYPES = frozenset(kind for kind in AUDIO_TYPES if "wav" in kind)
_MULAW = 7


def is_wav(content_type: str) -> bool:
    """Whether this media type promises a WAV file."""
    return content_type in _WAV_TYPES


def wav_clip(body: bytes) -> bytes:
    """The sound of a WAV file, mu-law at 8 kHz.

    Raises:
        AudioFormatError: not a WAV file, mu-law that is not 8 kHz mono, or PCM that is not 16 bit.
        MissingExtraError: PCM of another rate than 8 kHz, and the extra [sandbox] is not installed.
    """
    chunks = _chunks(body)
    form = chunks.get(b"fmt ", b"")
    if len(form) < 16 or struct.unpack_from("<H", form)[0] != _MULAW:
        pcm16 = load_wav(io.BytesIO(body))
        if len(pcm16) % 2:
            raise AudioFormatError("a WAV file that is cut off")
        return audioop.lin2ulaw(pcm16, 2)
    _, channels, rate_hz = struct.unpack_from("<HHI", form)
    if (channels, rate_hz) != (1, 8000):
        raise AudioFormatError(f"mu-law of {channels} channels at {rate_hz} Hz; 1 at 8000 is needed")
    return chunks.get(b"data", b"")


def _chunks(body: bytes) -> dict[bytes, bytes]:
    """The chunks of a RIFF file by name; nothing when it is none."""
    found: dict[bytes, bytes] = {}
    at = 12
    while body[:4] == b"RIFF" and at + 8 <= len(body):
        name, size = body[at : at + 4], int.from_bytes(body[at + 4 : at + 8], "little")
        found.setdefault(name, body[at + 8 : at + 8 + size])
        at += 8 + size + size % 2
    return found
