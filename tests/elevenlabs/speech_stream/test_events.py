import dataclasses
from typing import get_args

from ivr_bridge.elevenlabs.speech_stream.events import SpeechAudio, SpeechEvent


def test_events_are_values():
    assert SpeechAudio("a", "AAAA") == SpeechAudio("a", "AAAA", None)
    assert all(dataclasses.is_dataclass(kind) and kind.__dataclass_params__.frozen for kind in get_args(SpeechEvent))
