"""Five voices that the first plans of this project named, and who really speaks under these ids.           pure

The plans' profiles do not fit their voices: two "male" ones are women. And all default voices of the vendor are
announced to end; accounts made since March 2026 never had them. So a voice is configuration, looked at here.

Source: https://elevenlabs.io/docs/product-guides/voices/default-voices, and the vendor's help centre, article
26942950589969
"""

from dataclasses import dataclass
from datetime import date

DEFAULT_VOICES_END = date(2026, 12, 31)
"""The last day of the vendor's default voices, as announced."""


@dataclass(frozen=True, slots=True)
class SeedVoice:
    """One profile of the plans: what it promised, and what it is."""

    profile: str
    voice_id: str
    promised_name: str
    promised_gender: str
    name: str
    gender: str
    really: str
    """In words, with how long it lasts."""

    @property
    def misnamed(self) -> bool:
        """Whether callers hear somebody else than the profile says."""
        return self.promised_gender != self.gender


SEED_VOICES = (
    SeedVoice(
        "Professional Male",
        "21m00Tcm4TlvDq8ikWAM",
        "Rachel",
        "male",
        "Rachel",
        "female",
        "a young American woman, calm, a library voice since 2025, so not for free plans",
    ),
    SeedVoice(
        "Friendly Female",
        "AZnzlk1XvdvUeBnXmlld",
        "Domi",
        "female",
        "Domi",
        "female",
        "a young American woman, strong, in no list since 2025",
    ),
    SeedVoice(
        "Authoritative Male",
        "EXAVITQu4vr4xnSDxMaL",
        "Bella",
        "male",
        "Sarah",
        "female",
        "an American woman, mature and soft, a default voice that was named Bella before",
    ),
    SeedVoice(
        "Casual Male",
        "ErXwobaYiN019PkySvjV",
        "Antoni",
        "male",
        "Antoni",
        "male",
        "a young American man, well-rounded, a legacy voice",
    ),
    SeedVoice(
        "Multilingual Female",
        "Xb7hH8MSUJpSbSDYk0k2",
        "Alice",
        "female",
        "Alice",
        "female",
        "a British woman, middle-aged, confident, a default voice",
    ),
)

DEFAULT_VOICES = frozenset(
    {
        *(voice.voice_id for voice in SEED_VOICES),
        "JBFqnCBsd6RMkjVDRZzb",  # George
        "onwK4e9ZLuTAKqWW03F9",  # Daniel
        "cjVigY5qzO86Huf0OWal",  # Eric, whom a new agent gets
        "nPczCjzI2devNBz1zQrb",  # Brian
        "CwhRBWXzGAHq8TQ4Fs17",  # Roger
    }
)
"""Ids that are known to be default or legacy voices: they end."""
