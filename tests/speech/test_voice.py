import dataclasses

import pytest

from ivr_bridge.speech.voice import Voice


def test_a_voice_is_a_value() -> None:
    voice = Voice("v", "m")
    assert voice == Voice("v", "m", {})
    assert voice != Voice("v", "m", {"speed": 1.1})
    with pytest.raises(dataclasses.FrozenInstanceError):
        voice.voice_id = "w"  # type: ignore[misc]
