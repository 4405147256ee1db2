"""All that decides how a text sounds, as one key.                                                               pure"""

import hashlib
import json
from dataclasses import dataclass

from ivr_bridge.audio.transcoder import CHAIN_VERSION
from ivr_bridge.speech.voice import Voice

PROMPT_FORMAT = "ulaw_8000"

CLIP_VERSION = "1"
"""Raise it whenever `synthesizer.to_phone` gives other bytes by its own doing; `CHAIN_VERSION` speaks for audio/."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """One text in one language and voice, brought to the phone by today's audio chain."""

    text: str
    language: str
    voice: Voice

    @property
    def key(self) -> str:
        """64 hex digits, different as soon as anything would sound different."""
        voice = self.voice
        return _sha256(
            self.text,
            voice.voice_id,
            voice.model_id,
            voice.settings,
            self.language,
            PROMPT_FORMAT,
            CHAIN_VERSION,
            CLIP_VERSION,
        )

    @property
    def wording(self) -> str:
        """64 hex digits for the same words in any voice; see `wording_key`."""
        return wording_key(self.text, self.language)


def wording_key(text: str, language: str) -> str:
    """The key of what is said, whoever says it: 64 hex digits."""
    return _sha256(text, language, PROMPT_FORMAT)


def _sha256(*parts: object) -> str:
    canonical = json.dumps(parts, sort_keys=True, default=dict, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
