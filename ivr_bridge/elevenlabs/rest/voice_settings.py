"""How a voice is set: the names, the ranges.                                                                pure

Source: https://elevenlabs.io/docs/api-reference/voices/settings/get
"""

from collections.abc import Mapping

from ivr_bridge.elevenlabs.rest.answer import Answer

RANGES = {
    "stability": (0.0, 1.0),
    "similarity_boost": (0.0, 1.0),
    "style": (0.0, 1.0),
    "speed": (0.7, 1.2),
}
"""The vendor's pages name wider ranges for `speed` in places; this one holds everywhere."""


class VoiceSettings(Answer):
    """What is set; None: the vendor's default."""

    stability: float | None = None
    similarity_boost: float | None = None
    style: float | None = None
    speed: float | None = None
    use_speaker_boost: bool | None = None


def checked_settings(settings: Mapping[str, object]) -> dict[str, object]:
    """The settings that are not None, when each of them is within its range; unknown names are passed on.

    Raises:
        ValueError: names the setting and its range.
    """
    given = {name: value for name, value in settings.items() if value is not None}
    for name, (low, high) in RANGES.items():
        value = given.get(name, low)
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise ValueError(f"voice setting {name} is {value!r}, and may be {low:g} to {high:g}")
    return given
