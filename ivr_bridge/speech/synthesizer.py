"""Text to what the phone plays: the vendor speaks wide audio, our own chain brings it to mu-law."""

import asyncio
from typing import Any, Protocol

from ivr_bridge.audio.formats import FRAME_MS, MULAW_SILENCE, AudioFormat
from ivr_bridge.audio.levels import gain_to_level, rms_dbov
from ivr_bridge.audio.prompt_encoding import mulaw_encode_shaped
from ivr_bridge.audio.resample import Resampler
from ivr_bridge.errors import VendorFailed
from ivr_bridge.speech.recipe import Recipe

TARGET_DBOV = -23.0
"""The active level of a prompt: the middle of -20 to -26, since ways to measure it differ by 1-2 dB."""

LEAD_MS = 60
TRAIL_MS = 120
"""Silence left before the first and after the last sound."""

SPEECH_MAX_S = 120

_SOURCE = AudioFormat("pcm", 16000)
_LINEAR = AudioFormat("pcm", 8000)
_PHONE = AudioFormat("ulaw", 8000)
_WINDOW_MS = 10
_SOUND_DBOV = -52.0
"""Once speech is at its level, the softest consonants are above this and a recording's own noise below."""


class Synthesize(Protocol):
    """Text to speech of the vendor."""

    async def __call__(
        self,
        *,
        voice_id: str,
        text: str,
        model_id: str,
        language_code: str | None,
        voice_settings: dict[str, Any] | None,
    ) -> bytes:
        """Speak `text`: PCM16 mono at 16 kHz (`pcm_16000`), without a header.

        `language_code` is `en`, `es` or `zh`; `voice_settings` None means the voice's own.

        Raises:
            VendorError: there is no audio.
        """
        ...


class Synthesizer:
    """Makes the audio of a recipe.

    Args:
        synthesize: the vendor's text to speech.
    """

    def __init__(self, synthesize: Synthesize) -> None:
        self._synthesize = synthesize
        self._turn = asyncio.Lock()

    async def mulaw(self, recipe: Recipe) -> bytes:
        """The whole clip in mu-law, 8 kHz. Cancelling is safe.

        Raises:
            VendorError: the vendor did not speak, or sent what is no speech.
        """
        voice = recipe.voice
        pcm16 = await self._synthesize(
            voice_id=voice.voice_id,
            text=recipe.text,
            model_id=voice.model_id,
            language_code=recipe.language,
            voice_settings=dict(voice.settings) or None,
        )
        # Some 12 ms of work for each second: not for the event loop, and one clip at a time, since live calls share
        # the interpreter with these threads.
        async with self._turn:
            return await asyncio.to_thread(to_phone, pcm16)


def to_phone(pcm16: bytes) -> bytes:
    """Bring speech to the phone: rate, level, no long silence around it, mu-law.

    Args:
        pcm16: a whole clip of PCM16 at 16 kHz.

    Returns:
        Mu-law, whole frames of 160 bytes; active level -23 dBov, less only where a single peak forbids it.

    Raises:
        VendorFailed: half a sample, more than `SPEECH_MAX_S`, or nothing but silence.
    """
    if len(pcm16) % 2:
        raise VendorFailed(f"speech of {len(pcm16)} bytes is not pcm_16000")
    if len(pcm16) > SPEECH_MAX_S * _SOURCE.bytes_per_s:
        raise VendorFailed(f"speech of {_SOURCE.duration_ms(len(pcm16)) / 1000:.0f} s; at most {SPEECH_MAX_S} s")
    resampler = Resampler(_SOURCE.rate_hz, _LINEAR.rate_hz)
    narrow = resampler.process(pcm16) + resampler.flush()
    mulaw = mulaw_encode_shaped(_trimmed(gain_to_level(narrow, TARGET_DBOV, _LINEAR.rate_hz)))
    padding = -len(mulaw) % _PHONE.frame_bytes
    return mulaw + bytes([MULAW_SILENCE]) * padding


def _trimmed(pcm16: bytes) -> bytes:
    window_bytes = _LINEAR.frame_bytes * _WINDOW_MS // FRAME_MS
    sounds = [
        start
        for start in range(0, len(pcm16), window_bytes)
        if rms_dbov(pcm16[start : start + window_bytes]) > _SOUND_DBOV
    ]
    if not sounds:
        raise VendorFailed("speech that is nothing but silence")
    lead_bytes = LEAD_MS // _WINDOW_MS * window_bytes
    trail_bytes = TRAIL_MS // _WINDOW_MS * window_bytes
    return pcm16[max(0, sounds[0] - lead_bytes) : sounds[-1] + window_bytes + trail_bytes]
