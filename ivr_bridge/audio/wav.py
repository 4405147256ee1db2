"""WAV files as bytes: read what operators and vendors hand in, write what we record.

Source: https://www.mmsp.ece.mcgill.ca/Documents/AudioFormats/WAVE/WAVE.html
"""

import struct
from collections.abc import Sequence

import numpy as np

from ivr_bridge.audio.g711 import alaw_decode, mulaw_decode
from ivr_bridge.errors import AudioFormatError

_PCM, _ALAW, _MULAW, _EXTENSIBLE = 0x0001, 0x0006, 0x0007, 0xFFFE
_FORMAT = struct.Struct("<HHIIHH")
_CHUNK = struct.Struct("<4sI")
_SUBFORMAT_AT = 24
"""Where the extensible form keeps the real format tag, the first two bytes of a GUID."""


def read_wav(wav: bytes) -> tuple[bytes, int]:
    """The audio of a WAV file, mono, and its rate.

    Args:
        wav: a whole file: 16-bit PCM, mu-law or A-law; mono or stereo. Where the header claims more audio than there
            is, as in a file that was streamed, all that is there is taken.

    Returns:
        PCM16 (two channels are averaged) and samples a second, as the file has them.

    Raises:
        AudioFormatError: no WAV file, an encoding that is none of these, no audio part, or no rate.
    """
    if len(wav) < 12 or wav[:4] != b"RIFF" or wav[8:12] != b"WAVE":
        raise AudioFormatError("not a WAV file: it does not begin with RIFF and WAVE")
    described = b""
    at = 12
    while at + _CHUNK.size <= len(wav):
        name, size_bytes = _CHUNK.unpack_from(wav, at)
        body = wav[at + _CHUNK.size : at + _CHUNK.size + size_bytes]
        if name == b"fmt ":
            described = body
        if name == b"data":
            return _decode(described, body)
        at += _CHUNK.size + size_bytes + size_bytes % 2
    raise AudioFormatError("a WAV file without audio: it has no data chunk")


def write_wav(channels: Sequence[bytes], rate_hz: int) -> bytes:
    """A WAV file of 16-bit PCM.

    Args:
        channels: PCM16 of each channel, left first; a shorter one is filled up with silence.
        rate_hz: samples a second of all of them.

    Raises:
        AudioFormatError: no channel, or one with an odd number of bytes.
    """
    if not channels or any(len(channel) % 2 for channel in channels):
        raise AudioFormatError("a WAV file has at least one channel, each of whole 16-bit samples")
    samples = np.zeros((max(len(channel) for channel in channels) // 2, len(channels)), "<i2")
    for i, channel in enumerate(channels):
        samples[: len(channel) // 2, i] = np.frombuffer(channel, "<i2")
    audio = samples.tobytes()
    step_bytes = 2 * len(channels)
    described = _FORMAT.pack(_PCM, len(channels), rate_hz, rate_hz * step_bytes, step_bytes, 16)
    parts = b"WAVE" + _CHUNK.pack(b"fmt ", len(described)) + described + _CHUNK.pack(b"data", len(audio)) + audio
    return _CHUNK.pack(b"RIFF", len(parts)) + parts


def _decode(described: bytes, audio: bytes) -> tuple[bytes, int]:
    """The data chunk as the format chunk describes it."""
    if len(described) < _FORMAT.size:
        raise AudioFormatError("a broken WAV file: no whole fmt chunk before the audio")
    tag, channels, rate_hz, _, _, bits = _FORMAT.unpack_from(described)
    if tag == _EXTENSIBLE and len(described) >= _SUBFORMAT_AT + 2:
        (tag,) = struct.unpack_from("<H", described, _SUBFORMAT_AT)
    if channels not in (1, 2) or rate_hz == 0:
        raise AudioFormatError(f"a WAV file with {channels} channels at {rate_hz} Hz; only mono and stereo can be read")
    if (tag, bits) == (_PCM, 16):
        pcm16 = audio
    elif (tag, bits) == (_MULAW, 8):
        pcm16 = mulaw_decode(audio)
    elif (tag, bits) == (_ALAW, 8):
        pcm16 = alaw_decode(audio)
    else:
        raise AudioFormatError(
            f"a WAV file of format {tag} with {bits} bits; only 16-bit PCM, mu-law and A-law can be read"
        )
    whole_bytes = len(pcm16) - len(pcm16) % (2 * channels)
    if channels == 1:
        return pcm16[:whole_bytes], rate_hz
    both = np.frombuffer(pcm16[:whole_bytes], "<i2").reshape(-1, 2)
    return np.rint(both.mean(axis=1)).astype("<i2").tobytes(), rate_hz
