"""Something that happened in a call, placed on the clock of its recording."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class CallNote:
    """An event of the server's (`rung.climbed`) or of the phone's (`ringing`).

    `at_ms` counts as the audio times of `CallReport` do; it may be negative for what came before.
    """

    at_ms: float
    name: str
    fields: Mapping[str, Any] = field(default_factory=dict)
