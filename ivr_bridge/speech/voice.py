"""Who speaks a prompt."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice of the vendor, by their ids, with the settings that it is asked with."""

    voice_id: str
    model_id: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    """`voice_settings` of text to speech: stability, similarity_boost, speed ...; empty for the voice's own."""


VoiceOf = Callable[[str], Voice | None]
"""The voice that speaks a language; None while it is not known (the agent could not be read yet)."""
