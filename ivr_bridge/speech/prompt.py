"""A prompt ready to be played.                                                                                  pure"""

from base64 import b64encode
from dataclasses import dataclass, field

from ivr_bridge.audio.formats import AudioFormat

_FORMAT = AudioFormat("ulaw", 8000)


@dataclass(frozen=True, slots=True)
class Prompt:
    """Text and its audio."""

    name: str
    language: str
    text: str
    mulaw: bytes
    """Whole frames of 160 bytes (20 ms)."""
    key: str = ""
    """Under which the cache has it; empty: it has not."""
    payload: str = field(init=False, repr=False, compare=False)
    """`mulaw` in base64, made once: a caller's stream takes it as it stands."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "payload", b64encode(self.mulaw).decode("ascii"))

    @property
    def duration_ms(self) -> float:
        """How long it plays."""
        return _FORMAT.duration_ms(len(self.mulaw))
