import threading

import numpy as np
import pytest

from ivr_bridge.errors import MissingExtraError
from ivr_bridge.simulator.service import mouth as module
from ivr_bridge.simulator.service.mouth import char_starts_ms
from ivr_bridge.simulator.service.voices import VOICES
from tests.simulator.service.caller import mouth

CLARA, OWEN = list(VOICES.values())[:2]


@pytest.mark.parametrize("rate_hz", [8000, 16000, 44100])
def test_any_rate_lasts_as_long(rate_hz: int):
    speech = mouth().speak("Welcome to the Harbour Kitchen.", CLARA, rate_hz=rate_hz)
    native = mouth().speak("Welcome to the Harbour Kitchen.", CLARA, rate_hz=22050)
    assert abs(speech.duration_ms - native.duration_ms) < 1
    assert np.abs(np.frombuffer(speech.pcm16, dtype="<i2")).max() > 3000


@pytest.mark.parametrize(("language", "text"), [("es", "Buenas tardes"), ("zh", "欢迎光临"), ("en-gb", "Good evening")])
def test_languages(language: str, text: str):
    assert mouth().speak(text, CLARA, language=language).duration_ms > 400


def test_voices_differ():
    assert mouth().speak("Hello", CLARA).pcm16 != mouth().speak("Hello", OWEN).pcm16


def test_no_text_is_no_audio():
    assert mouth().speak("  ", CLARA).pcm16 == b""


def test_starts_of_characters():
    speech = mouth().speak("Welcome to the house", CLARA)
    assert len(speech.char_start_ms) == len(speech.text)
    assert list(speech.char_start_ms) == sorted(speech.char_start_ms)
    assert speech.char_start_ms[-1] < speech.duration_ms
    assert char_starts_ms("ab cd", [(0, 0), (3, 500)], 900.0)[3] == 500.0
    assert char_starts_ms("", [], 0.0) == ()


def test_threads_take_turns():
    texts = [f"number {n}" for n in range(8)]
    alone = {text: mouth().speak(text, CLARA).duration_ms for text in texts}
    together: dict[str, float] = {}

    def speak(text: str) -> None:
        together[text] = mouth().speak(text, CLARA).duration_ms

    threads = [threading.Thread(target=speak, args=(text,)) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert together == pytest.approx(alone, rel=0.02)  # no two renderings are alike to the sample


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(__import__("sys").modules, "soxr", None)
    with pytest.raises(MissingExtraError, match="sandbox"):
        module.Mouth()
