"""What the network itself lets a caller hear: its voice, ring-back tone, beep, keys, and the person who is put through.

Everything is mu-law at 8 kHz, one byte a sample.
"""

from __future__ import annotations

import audioop
from functools import lru_cache

import numpy as np

from ivr_bridge.errors import AudioFormatError, MissingExtraError
from ivr_bridge.simulator.phone.hearing import MULAW_SILENCE
from ivr_bridge.simulator.phone.voices import VARIANT, speak

HELLO = "Hello, how can I help you?"
"""What the person says who answers a `<Dial>`."""
PERSON_VARIANT = "m3"
TONE_MS_PER_CHAR = 60
"""How long a tone stands for words that cannot be spoken: about the pace of speech."""
UNKNOWN_CLIP_MS = 2000
"""How long a tone stands for a recording that is not ours, or cannot be read."""
BEEP_MS = 400

_RATE_HZ = 8000
_PEAK = 6000
_STAND_IN_HZ, _BEEP_HZ, _RING_HZ, _KEY_HZ = 300, 1000, (440, 480), (770, 1336)
_RING_ON_MS, _RING_EVERY_MS = 2000, 6000
_KEY_ON_MS, _KEY_EVERY_MS = 100, 160
_PAUSE_MS = 500
_CHORDS_HZ = ((262, 330, 392), (220, 262, 330), (175, 220, 262), (196, 247, 294))
_LANGUAGES = {"cmn": "zh", "yue": "zh"}
"""The network's names of languages, where they are not ours."""


def words(text: str, language: str = "en") -> bytes | None:
    """A `<Say>` in the network's own voice; None when it cannot be spoken here: use `stand_in`.

    `language` is as Twilio names it (`es-MX`, `cmn-CN`). Takes some milliseconds a sentence.
    """
    return _spoken(text, language)


def hello() -> bytes:
    """The person who answers, in a voice of their own."""
    return _spoken(HELLO, "en", PERSON_VARIANT) or stand_in(len(HELLO) * TONE_MS_PER_CHAR)


def stand_in(length_ms: int) -> bytes:
    """A level tone in place of sound that cannot be made here."""
    return _tone(length_ms, _STAND_IN_HZ)


def beep() -> bytes:
    """Before a recording."""
    return _tone(BEEP_MS, _BEEP_HZ)


def ringing(length_ms: int) -> bytes:
    """What a caller hears while the other telephone rings: 2 s on, 4 s off.

    Source: https://www.itu.int/rec/T-REC-E.180 (North America)
    """
    cycle = _tone(_RING_ON_MS, *_RING_HZ) + MULAW_SILENCE * ((_RING_EVERY_MS - _RING_ON_MS) * 8)
    return (cycle * (length_ms // _RING_EVERY_MS + 1))[: length_ms * 8]


@lru_cache(maxsize=1)
def hold_music() -> bytes:
    """4 s in place of the network's own music: chords without a pause between, to be played over and over."""
    return b"".join(_tone(1000, *chord_hz) for chord_hz in _CHORDS_HZ)


def keys(digits: str) -> bytes:
    """Keys that the network presses; `w` is a pause of 0.5 s. Which key it is cannot be heard."""
    key = _tone(_KEY_ON_MS, *_KEY_HZ) + MULAW_SILENCE * ((_KEY_EVERY_MS - _KEY_ON_MS) * 8)
    return b"".join(MULAW_SILENCE * (_PAUSE_MS * 8) if digit in "wW" else key for digit in digits)


@lru_cache(maxsize=64)
def _spoken(text: str, language: str, variant: str = VARIANT) -> bytes | None:
    """Words as mu-law; None without the extra, or in a language that nobody here speaks."""
    tag = language.split("-", maxsplit=1)[0].lower()
    try:
        pcm16 = speak(text, _LANGUAGES.get(tag, tag), variant=variant)
    except (MissingExtraError, AudioFormatError):
        return None
    return audioop.lin2ulaw(pcm16, 2)


def _tone(length_ms: int, *frequencies_hz: int) -> bytes:
    """The sum of sines from phase 0, about -18 dBov."""
    at_s = np.arange(length_ms * _RATE_HZ // 1000) / _RATE_HZ
    wave = sum(np.sin(2 * np.pi * hz * at_s) for hz in frequencies_hz) * (_PEAK / len(frequencies_hz))
    return audioop.lin2ulaw(np.rint(wave).astype("<i2").tobytes(), 2)
