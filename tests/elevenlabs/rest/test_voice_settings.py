"""Settings of a voice."""

from typing import Any

import pytest

from ivr_bridge.elevenlabs.rest.voice_settings import checked_settings


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"stability": 0, "similarity_boost": 1, "style": 0.5, "speed": 0.7, "use_speaker_boost": False},
        {"speed": 1.2, "clone_strength": 0.3},
    ],
)
def test_what_is_right_passes(settings: dict[str, Any]):
    assert checked_settings(settings) == settings


def test_what_is_none_is_left_out():
    assert checked_settings({"speed": None, "stability": 0.5}) == {"stability": 0.5}


@pytest.mark.parametrize(
    "settings",
    [{"speed": 0.69}, {"speed": 1.21}, {"stability": -0.1}, {"style": 1.1}, {"similarity_boost": "1"}, {"speed": True}],
)
def test_what_is_out_of_range_is_named(settings: dict[str, Any]):
    with pytest.raises(ValueError, match=f"voice setting {next(iter(settings))} is .* and may be"):
        checked_settings(settings)
