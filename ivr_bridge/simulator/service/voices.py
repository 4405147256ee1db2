"""The voices that the sandbox has: vendor ids, and how espeak-ng speaks them."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Voice:
    """One voice: `variant` is espeak-ng's voice variant, `pitch` 0 to 100, `words_per_minute` 80 to 450."""

    voice_id: str
    name: str
    gender: str
    accent: str
    variant: str
    words_per_minute: int
    pitch: int
    is_legacy: bool = False
    """Listed only when legacy voices are asked for; not for a free plan."""

    def as_json(self) -> dict[str, Any]:
        """The shape of GET /v1/voices/{voice_id}."""
        return {
            "voice_id": self.voice_id,
            "name": self.name,
            "category": "premade",
            "labels": {
                "gender": self.gender,
                "accent": self.accent,
                "age": "middle_aged",
                "use_case": "conversational",
            },
            "description": "A voice of the sandbox, spoken by espeak-ng.",
            "available_for_tiers": [],
            "high_quality_base_model_ids": ["eleven_flash_v2_5"],
            "is_legacy": self.is_legacy,
            "settings": {
                "stability": 0.5,
                "similarity_boost": 0.75,
                "style": 0.0,
                "use_speaker_boost": True,
                "speed": 1.0,
            },
            "verified_languages": [
                {"language": language, "model_id": "eleven_flash_v2_5", "accent": self.accent}
                for language in ("en", "es", "zh")
            ],
        }


VOICES: dict[str, Voice] = {
    voice.voice_id: voice
    for voice in (
        Voice("SandboxClara00000001", "Clara", "female", "american", "f2", 165, 55),
        Voice("SandboxOwen000000002", "Owen", "male", "american", "m3", 165, 40),
        Voice("EXAVITQu4vr4xnSDxMaL", "Sarah", "female", "american", "f4", 170, 50),
        Voice("Xb7hH8MSUJpSbSDYk0k2", "Alice", "female", "british", "f5", 165, 50),
        Voice("JBFqnCBsd6RMkjVDRZzb", "George", "male", "british", "m7", 160, 35),
        Voice("cjVigY5qzO86Huf0OWal", "Eric", "male", "american", "m1", 170, 45),
        Voice("21m00Tcm4TlvDq8ikWAM", "Rachel", "female", "american", "f3", 165, 55, is_legacy=True),
        Voice("ErXwobaYiN019PkySvjV", "Antoni", "male", "american", "m2", 165, 45, is_legacy=True),
    )
}
"""Every voice by its id; the first one is the default agent's. All but the first two carry ids of the vendor's
own voices, with their real names and genders; AZnzlk1XvdvUeBnXmlld (once Domi) is gone there, and here too."""


def voice_of(voice_id: str) -> Voice | None:
    """The voice with this id, if there is one."""
    return VOICES.get(voice_id)
