import numpy as np
import pytest

from ivr_bridge.simulator.service.ears import Ears, SpeechConfirmed, SpeechEnded
from tests.simulator.service.caller import said


def test_speech_is_confirmed_and_then_ends():
    events = Ears().hear(said("what are your opening hours"))
    assert [type(event) for event in events] == [SpeechConfirmed, SpeechEnded]
    ended = events[-1]
    assert isinstance(ended, SpeechEnded)
    assert ended.confirmed
    assert 600 < ended.voiced_ms < 3000


@pytest.mark.parametrize("chunk_bytes", [2, 160, 322, 4000])
def test_any_chunking_hears_the_same(chunk_bytes: int):
    audio = said("is there parking")
    ears = Ears()
    events = []
    for start in range(0, len(audio), chunk_bytes):
        events += ears.hear(audio[start : start + chunk_bytes])
    assert events == Ears().hear(audio)


def test_two_utterances():
    events = Ears().hear(said("is there parking") + said("goodbye"))
    assert sum(isinstance(event, SpeechEnded) for event in events) == 2


def test_silence_is_nothing():
    assert Ears().hear(bytes(80000)) == []


def test_a_click_is_nothing():
    click = np.zeros(16000)
    click[8000:8200] = 20000
    assert Ears().hear(click.astype("<i2").tobytes()) == []


def test_a_steady_noise_is_nothing():
    noise = np.random.default_rng(1).normal(0, 100, 64000).astype("<i2").tobytes()
    assert Ears().hear(noise) == []


def test_speech_is_heard_over_noise():
    audio = np.frombuffer(said("what are your opening hours"), dtype="<i2").astype(float)
    noise = np.random.default_rng(1).normal(0, 100, 16000 + len(audio))
    noise[16000:] += audio
    events = Ears().hear(noise.clip(-32768, 32767).astype("<i2").tobytes())
    assert [type(event) for event in events] == [SpeechConfirmed, SpeechEnded]
