import audioop

import numpy as np
import pytest

from ivr_bridge.errors import MissingExtraError
from ivr_bridge.simulator.phone import sounds
from ivr_bridge.simulator.phone.hearing import is_audible


def peak_hz(mulaw):
    samples = np.frombuffer(audioop.ulaw2lin(mulaw, 2), "<i2").astype(float)
    return np.argmax(np.abs(np.fft.rfft(samples))) * 8000 / len(samples)


def test_the_other_telephone_rings_two_seconds_of_six():
    ring = sounds.ringing(13_000)
    assert len(ring) == 13_000 * 8
    audible = [is_audible(ring[second * 8000 : (second + 1) * 8000]) for second in range(13)]
    assert audible == [second % 6 < 2 for second in range(13)]
    assert peak_hz(ring[:8000]) in (440, 480)


def test_beep_stand_in_and_keys_are_audible_and_as_long_as_they_say():
    assert len(sounds.beep()) == sounds.BEEP_MS * 8
    assert peak_hz(sounds.beep()) == 1000
    assert len(sounds.stand_in(250)) == 2000
    assert is_audible(sounds.stand_in(20))
    assert len(sounds.keys("12w#")) == (3 * 160 + 500) * 8
    assert sounds.stand_in(0) == b""


@pytest.mark.parametrize(("language", "ours"), [("es-MX", "es"), ("cmn-CN", "zh"), ("en-US", "en"), ("fr-FR", "fr")])
def test_words_are_spoken_in_the_language_that_twilio_names(monkeypatch, language, ours):
    asked = []

    def speak(text, language, *, variant):
        asked.append((text, language))
        return b"\0\0" * 80

    monkeypatch.setattr(sounds, "speak", speak)
    assert sounds.words(f"hello in {language}", language) == audioop.lin2ulaw(b"\0\0" * 80, 2)
    assert asked == [(f"hello in {language}", ours)]


def test_what_cannot_be_spoken_is_none_and_the_person_is_heard_all_the_same(monkeypatch):
    def speak(text, language, *, variant):
        raise MissingExtraError("sandbox", "a voice")

    monkeypatch.setattr(sounds, "speak", speak)
    sounds._spoken.cache_clear()
    assert sounds.words("cannot be said") is None
    assert is_audible(sounds.hello())
    sounds._spoken.cache_clear()
