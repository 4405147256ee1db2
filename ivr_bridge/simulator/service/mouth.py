"""The agent's mouth: text to speech by espeak-ng, offline.

espeak-ng is one C library with one state for the whole process, so that everything here runs under one lock, and the
library is loaded from a copy of its own: another user of it in this process (a caller's voice in a test) is not
disturbed. Speaking 3 s of speech takes some 5 ms: call `Mouth.speak` from a thread, never from the event loop.
"""

import ctypes
import importlib
import shutil
import tempfile
import threading
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from ivr_bridge.errors import MissingExtraError
from ivr_bridge.simulator.service.voices import Voice

_AUDIO_OUTPUT_SYNCHRONOUS = 2
_CHARS_UTF8 = 1
_EVENT_LIST_TERMINATED = 0
_EVENT_WORD = 1
_PARAMETER_RATE = 1
_PARAMETER_PITCH = 3
_ONE_AT_A_TIME = threading.Lock()
"""Of all mouths of the process: they share the library and its state."""
_ESPEAK_NAMES = {"en": "en-us", "en-gb": "en", "es": "es", "zh": "cmn"}


class _Event(ctypes.Structure):
    """espeak_EVENT of speak_lib.h."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", ctypes.c_char * 8),
    )


_SynthCallback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


@dataclass(frozen=True, slots=True)
class Speech:
    """What was spoken: `pcm16` mono at `rate_hz`, and when each character of `text` begins (`char_start_ms`)."""

    text: str
    pcm16: bytes
    rate_hz: int
    char_start_ms: tuple[float, ...]

    @property
    def duration_ms(self) -> float:
        """Length of the audio."""
        return len(self.pcm16) / 2 / self.rate_hz * 1000


class Mouth:
    """Speaks text in the sandbox's voices.

    Raises:
        MissingExtraError: the extra [sandbox] is not installed.
    """

    def __init__(self) -> None:
        self._library, self.native_hz = _load_library()
        self._soxr = _import("soxr")

    def speak(self, text: str, voice: Voice, *, language: str = "en", rate_hz: int = 8000) -> Speech:
        """Speak `text` in `voice`; thread-safe, blocks for some milliseconds.

        Args:
            text: what to say; empty text gives no audio.
            voice: one of the sandbox's voices.
            language: `en`, `en-gb`, `es` or `zh`; any other is spoken as American English.
            rate_hz: 8000 to 48000.

        Returns:
            The speech, in which leading and trailing silence is what espeak-ng made.
        """
        name = _ESPEAK_NAMES.get(language, "en-us") + (f"+{voice.variant}" if voice.variant else "")
        samples: list[bytes] = []
        words: list[tuple[int, int]] = []

        def receive(data: Any, count: int, events: Any) -> int:
            if data and count > 0:
                samples.append(ctypes.string_at(data, count * 2))
            index = 0
            while events[index].type != _EVENT_LIST_TERMINATED:
                if events[index].type == _EVENT_WORD:
                    words.append((events[index].text_position - 1, events[index].audio_position))
                index += 1
            return 0

        encoded = text.encode()
        callback = _SynthCallback(receive)
        with _ONE_AT_A_TIME:
            self._library.espeak_SetSynthCallback(callback)
            self._library.espeak_SetVoiceByName(name.encode())
            self._library.espeak_SetParameter(_PARAMETER_RATE, voice.words_per_minute, 0)
            self._library.espeak_SetParameter(_PARAMETER_PITCH, voice.pitch, 0)
            if text.strip():
                self._library.espeak_Synth(encoded, len(encoded) + 1, 0, 1, 0, _CHARS_UTF8, None, None)
                self._library.espeak_Synchronize()
        native = np.frombuffer(b"".join(samples), dtype="<i2")
        pcm16 = (
            self._soxr.resample(native, self.native_hz, rate_hz)
            if native.size and rate_hz != self.native_hz
            else native
        )
        total_ms = native.size / self.native_hz * 1000
        return Speech(text, pcm16.astype("<i2").tobytes(), rate_hz, char_starts_ms(text, words, total_ms))


def char_starts_ms(text: str, words: list[tuple[int, int]], total_ms: float) -> tuple[float, ...]:
    """When each character begins.

    Args:
        text: what is spoken.
        words: (index of the word's first character, its start in ms), in order.
        total_ms: length of the whole.

    Returns:
        One start for each character, never falling, within 0 to `total_ms`; evenly spread between word starts.
    """
    points = [(0, 0.0)]
    for position, start_ms in words:
        if position > points[-1][0] and position < len(text):
            points.append((position, min(max(float(start_ms), points[-1][1]), total_ms)))
    points.append((len(text), total_ms))
    return tuple(np.interp(range(len(text)), [p for p, _ in points], [t for _, t in points]).tolist())


@cache
def _load_library() -> tuple[Any, int]:
    """The library from a private copy, and its sample rate in Hz (22050)."""
    loader = _import("espeakng_loader")
    original = Path(loader.get_library_path())
    with tempfile.TemporaryDirectory(prefix="ivr-bridge-") as folder:
        try:
            library = ctypes.CDLL(str(shutil.copy(original, folder)))
        except OSError:  # a place from which nothing may be loaded: share the original
            library = ctypes.CDLL(str(original))
    data = str(Path(loader.get_data_path()).parent).encode()
    rate_hz = int(library.espeak_Initialize(_AUDIO_OUTPUT_SYNCHRONOUS, 0, data, 0))
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
    return library, rate_hz


def _import(name: str) -> Any:
    """A module of the extra, or the error that says how to get it."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingExtraError("sandbox", "the offline agent") from error
