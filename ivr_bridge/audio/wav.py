"""WAV files as bytes: read what operators and vendors hand in, write what we record.

Source: https://www.mmsp.ece.mcgill.ca/Documents/AudioFormats/WAVE/WAVE.html
"""

import struct
from collections.abc import Sequence

import numpy as np

from ivr_bridge.audio.formats import G711_RATE_HZ, MULAW_SILENCE
from ivr_bridge.audio.g711 import alaw_decode, mulaw_decode
from ivr_bridge.errors import AudioFormatError

_PCM, _ALAW, _MULAW, _EXTENSIBLE = 0x0001, 0x0006, 0x0007, 0xFFFE
_FORMAT = struct.Struct("<HHIIHH")
_CHUNK = struct.Struct("<4sI")
_FACT = struct.Struct("<I")
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


MULAW_HEADER_BYTES = 58
"""What stands before the audio in a file of `mulaw_wav_header`."""

_CHANNELS_AT = 22
_MAX_BYTES = 0xFFFF_FFFF - MULAW_HEADER_BYTES - 1


def mulaw_wav_header(channels: int, audio_bytes: int) -> bytes:
    """The 58 bytes before mu-law audio at 8 kHz; written anew in their place as the file grows.

    Args:
        channels: 1, or 2 with their bytes in turn, left first.
        audio_bytes: how much audio follows; more than the format can say (4 GiB, 74 h of stereo) is cut to that.
    """
    audio_bytes = min(audio_bytes, _MAX_BYTES)
    described = _FORMAT.pack(_MULAW, channels, G711_RATE_HZ, G711_RATE_HZ * channels, channels, 8) + b"\0\0"
    parts = (
        b"WAVE"
        + _CHUNK.pack(b"fmt ", len(described))
        + described
        + _CHUNK.pack(b"fact", _FACT.size)
        + _FACT.pack(audio_bytes // channels)
        + _CHUNK.pack(b"data", audio_bytes)
    )
    return _CHUNK.pack(b"RIFF", len(parts) + audio_bytes) + parts


def mended_header(header: bytes, file_bytes: int) -> bytes:
    """The header of a file whose writer was cut off, true again.

    Args:
        header: the first 58 bytes of the file, of `mulaw_wav_header`.
        file_bytes: how long the file is, header included.

    Raises:
        AudioFormatError: it is no file of ours.
    """
    channels = int.from_bytes(header[_CHANNELS_AT : _CHANNELS_AT + 2], "little")
    ours = len(header) == MULAW_HEADER_BYTES and channels in (1, 2)
    if not ours or header[8:_CHANNELS_AT] != mulaw_wav_header(channels, 0)[8:_CHANNELS_AT]:
        raise AudioFormatError("not a WAV file that was written here")
    audio_bytes = file_bytes - MULAW_HEADER_BYTES
    return mulaw_wav_header(channels, audio_bytes - audio_bytes % channels)


def in_turn(left: bytes, right: bytes) -> bytes:
    """Two channels of mu-law as one, a byte of each in turn; the shorter one is filled up with silence."""
    both = np.full((max(len(left), len(right)), 2), MULAW_SILENCE, np.uint8)
    both[: len(left), 0] = np.frombuffer(left, np.uint8)
    both[: len(right), 1] = np.frombuffer(right, np.uint8)
    return both.tobytes()


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
