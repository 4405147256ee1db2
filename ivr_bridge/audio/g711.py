"""G.711 mu-law and A-law by table, exact to the Recommendation in both directions.

The tables are made from the Recommendation's decision values. A sample is compared by magnitude, so both signs are cut
alike and nothing is added to the signal's mean; where a magnitude lies exactly on a decision value, which the
Recommendation leaves open, the larger code is taken for both signs. (The standard library's encoder shifts the negative
number before it takes the magnitude: 381 of 65,536 inputs come out one code off, with 1.5 LSB of DC.)

Samples are 16 bits. Mu-law keeps 14 of them and A-law 13, so the values of the Recommendation are scaled by 4 and 8.
A pass-through must forward the bytes: mu-law 0x7F (-0) decodes to 0, which encodes as 0xFF.

Source: https://www.itu.int/rec/T-REC-G.711 (tables 1a-2b)
"""

import numpy as np
from numpy.typing import NDArray

from ivr_bridge.errors import AudioFormatError

_SEGMENTS = 8
_STEPS = 16
_INDEX: NDArray[np.int64] = np.arange(_SEGMENTS * _STEPS, dtype=np.int64)
"""The 128 codes of one sign, from the smallest magnitude."""


def _mulaw_magnitudes() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Decision values (127, from the lowest) and the 128 decoded magnitudes, both on the 16-bit scale."""
    segment, step = _INDEX // _STEPS, _INDEX % _STEPS
    decoded = (((2 * step + 33) << segment) - 33) * 4
    decisions = (((2 * step + 32) << segment) - 33) * 4
    return decisions[1:], decoded


def _alaw_magnitudes() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Decision values (127, from the lowest) and the 128 decoded magnitudes, both on the 16-bit scale."""
    segment, step = _INDEX // _STEPS, _INDEX % _STEPS
    shift = np.maximum(segment - 1, 0)
    base = np.where(segment > 0, _STEPS, 0) + step
    return ((base << shift) * 16)[1:], (((2 * base + 1) << shift) * 8)


def _encode_table(decisions: NDArray[np.int64], positive_mask: int, negative_mask: int) -> NDArray[np.uint8]:
    """The code of each sample, indexed by the sample's 16 bits read as unsigned; 64 KiB."""
    samples = np.arange(1 << 16, dtype=np.uint16).view(np.int16).astype(np.int64)
    codes = np.searchsorted(decisions, np.abs(samples), side="right")
    return np.where(samples >= 0, codes ^ positive_mask, codes ^ negative_mask).astype(np.uint8)


def _decode_table(decoded: NDArray[np.int64], positive_mask: int, negative_mask: int) -> NDArray[np.int16]:
    """The sample of each code; 256 entries."""
    table = np.zeros(256, dtype="<i2")
    table[_INDEX ^ positive_mask] = decoded
    table[_INDEX ^ negative_mask] = -decoded
    return table


_MULAW_MASKS = (0xFF, 0x7F)
"""Positive, negative: mu-law sends every bit inverted."""
_ALAW_MASKS = (0xD5, 0x55)
"""Positive, negative: A-law sends the even bits inverted."""

_MULAW_DECISIONS, _MULAW_DECODED = _mulaw_magnitudes()
_ALAW_DECISIONS, _ALAW_DECODED = _alaw_magnitudes()
_MULAW_ENCODE = _encode_table(_MULAW_DECISIONS, *_MULAW_MASKS)
_MULAW_DECODE = _decode_table(_MULAW_DECODED, *_MULAW_MASKS)
_ALAW_ENCODE = _encode_table(_ALAW_DECISIONS, *_ALAW_MASKS)
_ALAW_DECODE = _decode_table(_ALAW_DECODED, *_ALAW_MASKS)


def mulaw_encode(pcm16: bytes) -> bytes:
    """Mu-law of linear audio, half as many bytes: 320 bytes of PCM16 (20 ms at 8 kHz) give 160.

    Raises:
        AudioFormatError: an odd number of bytes, so half a sample; `Transcoder` carries it to the next chunk.
    """
    return _MULAW_ENCODE.take(_whole_samples(pcm16)).tobytes()


def mulaw_decode(mulaw: bytes) -> bytes:
    """PCM16 of mu-law audio, twice as many bytes, each sample within +-32,124; every byte is valid."""
    return _MULAW_DECODE.take(np.frombuffer(mulaw, dtype=np.uint8)).tobytes()


def alaw_encode(pcm16: bytes) -> bytes:
    """A-law of linear audio, half as many bytes.

    Raises:
        AudioFormatError: an odd number of bytes, so half a sample.
    """
    return _ALAW_ENCODE.take(_whole_samples(pcm16)).tobytes()


def alaw_decode(alaw: bytes) -> bytes:
    """PCM16 of A-law audio, twice as many bytes, each sample within +-32,256 and none zero; every byte is valid."""
    return _ALAW_DECODE.take(np.frombuffer(alaw, dtype=np.uint8)).tobytes()


def _whole_samples(pcm16: bytes) -> NDArray[np.uint16]:
    if len(pcm16) % 2:
        raise AudioFormatError(f"{len(pcm16)} bytes are no whole number of 16-bit samples")
    return np.frombuffer(pcm16, dtype="<u2")
