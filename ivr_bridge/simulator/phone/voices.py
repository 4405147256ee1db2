"""The caller's voice: speech from text or from a WAV file, as PCM16 for a telephone."""

from __future__ import annotations

import ctypes
import importlib
import threading
import wave
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

from ivr_bridge.errors import AudioFormatError, MissingExtraError

WORDS_PER_MINUTE = 130
"""Slow and clear: measured as the pace at which a small recogniser understands every menu phrase."""
VARIANT = "f5"
"""The speaker: over mu-law a small recogniser understood 78 of 78 menu phrases (`m3`: 8 of 20)."""

_VOICES = {"en": "en-us", "es": "es", "zh": "cmn"}
_SYNCHRONOUS = 2
_RATE_PARAMETER = 1
_UTF8 = 1
_SAMPLES_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
_ONE_AT_A_TIME = threading.Lock()


def speak(text: str, language: str = "en", rate_hz: int = 8000, *, variant: str = VARIANT) -> bytes:
    """Say a text offline.

    Blocks for a few ms a sentence; safe to call from several threads (the speech library is global, one at a time).

    Args:
        text: one or more sentences.
        language: `en`, `es` or `zh`; a longer tag (`es-MX`) counts by its first part.
        rate_hz: of the result.
        variant: the speaker (`m1`...`m7`, `f1`...`f4`, empty for the plain voice).

    Returns:
        PCM16 mono; the same words are never quite the same bytes twice (the library keeps state).

    Raises:
        MissingExtraError: the extra [sandbox] is not installed.
        AudioFormatError: no voice for this language, or the speech library refuses the text.
    """
    name = _VOICES.get(language.split("-", maxsplit=1)[0].lower())
    if name is None:
        raise AudioFormatError(f"no voice for language {language!r}; there are {', '.join(_VOICES)}")
    voice = f"{name}+{variant}" if variant else name
    with _ONE_AT_A_TIME:
        library, source_hz = _library()
        pcm16 = _synthesize(library, text, voice)
    return _resample(pcm16, source_hz, rate_hz)


def load_wav(path: Path | str | BytesIO) -> bytes:
    """A WAV file, by path or from memory, as PCM16 mono at 8 kHz.

    Stereo is mixed down; any rate, 16 bit only.

    Raises:
        AudioFormatError: not a WAV file, or not 16 bit.
        MissingExtraError: another rate than 8 kHz, and the extra [sandbox] is not installed.
        OSError: the file cannot be read.
    """
    try:
        with wave.open(path if isinstance(path, BytesIO) else str(path), "rb") as wav:
            channels, width, rate_hz = wav.getnchannels(), wav.getsampwidth(), wav.getframerate()
            frames = wav.readframes(wav.getnframes())
    except (wave.Error, EOFError) as error:
        raise AudioFormatError(f"{_name(path)}: not a WAV file that can be read ({error})") from error
    if width != 2:
        raise AudioFormatError(f"{_name(path)}: {width * 8} bit; 16 bit is needed")
    return _resample(_mono(frames, channels), rate_hz, 8000)


def _name(path: Path | str | BytesIO) -> str:
    """How a complaint calls it."""
    return "audio" if isinstance(path, BytesIO) else str(path)


def _mono(pcm16: bytes, channels: int) -> bytes:
    """The mean of all channels."""
    if channels == 1:
        return pcm16
    import numpy as np  # noqa: PLC0415 - only stereo files pay for it

    samples = np.frombuffer(pcm16, "<i2").reshape(-1, channels)
    return bytes(samples.mean(axis=1).round().astype("<i2").tobytes())


def _resample(pcm16: bytes, source_hz: int, target_hz: int) -> bytes:
    """One whole clip to another rate, filtered."""
    if source_hz == target_hz:
        return pcm16
    import numpy as np  # noqa: PLC0415 - only clips of another rate pay for it

    soxr = _optional("soxr", f"audio of {source_hz} Hz")
    # In float, because soxr dithers what it is given as 16 bit: noise that no telephone needs.
    samples = soxr.resample(np.frombuffer(pcm16, "<i2").astype(np.float32), source_hz, target_hz)
    return bytes(np.clip(samples.round(), -32768, 32767).astype("<i2").tobytes())


def _optional(name: str, needed_for: str) -> Any:
    """A module of the extra, or how to install it."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingExtraError("sandbox", needed_for) from error


@cache
def _library() -> tuple[ctypes.CDLL, int]:
    """The speech library, initialised once, and its rate in Hz."""
    loader = _optional("espeakng_loader", "a caller who speaks text")
    library = ctypes.CDLL(loader.get_library_path())
    source_hz = library.espeak_Initialize(_SYNCHRONOUS, 0, str(loader.get_data_path()).encode(), 0)
    if source_hz <= 0:
        raise AudioFormatError(f"the speech library does not start (code {source_hz})")
    library.espeak_Synth.argtypes = [
        ctypes.c_char_p,
        ctypes.c_size_t,
        ctypes.c_uint,
        ctypes.c_int,
        ctypes.c_uint,
        ctypes.c_uint,
        ctypes.c_void_p,
        ctypes.c_void_p,
    ]
    return library, source_hz


def _synthesize(library: ctypes.CDLL, text: str, voice: str) -> bytes:
    """PCM16 at the library's rate; everything global is set anew, for another part may have used the library."""
    pieces: list[bytes] = []

    def take(samples: Any, count: int, _events: int) -> int:
        if samples and count > 0:
            pieces.append(ctypes.string_at(samples, count * 2))
        return 0

    callback = _SAMPLES_CALLBACK(take)
    encoded = text.encode() + b"\0"
    library.espeak_SetSynthCallback(callback)
    if library.espeak_SetVoiceByName(voice.encode()) != 0:
        raise AudioFormatError(f"the speech library has no voice {voice!r}")
    library.espeak_SetParameter(_RATE_PARAMETER, WORDS_PER_MINUTE, 0)
    if library.espeak_Synth(encoded, len(encoded), 0, 0, 0, _UTF8, None, None) != 0:
        raise AudioFormatError("the speech library refuses the text")
    library.espeak_Synchronize()
    return b"".join(pieces)
