import numpy as np

from ivr_bridge.simulator.service.templates import Templates, features, on_a_line
from tests.simulator.service.caller import FIRST, SECOND, mouth, said

WORDS = ("seven", "ten", "one", "goodbye")


def spoken(word: str, voice=FIRST):
    found = features(on_a_line(mouth().speak(word, voice).pcm16))
    assert found is not None
    return found


def test_features_are_of_the_spoken_part_only():
    short = features(said("goodbye"))
    long = features(bytes(8000) + said("goodbye") + bytes(8000))
    assert short is not None
    assert long is not None
    assert short.shape[1] == 26
    assert abs(len(short) - len(long)) <= 1


def test_nothing_has_no_features():
    assert features(b"") is None
    assert features(bytes(1000)) is None


def test_the_same_word_is_nearest_in_another_voice():
    templates = Templates((word, spoken(word)) for word in WORDS)
    for word in WORDS:
        assert templates.nearest(spoken(word, SECOND))[0] == word
        assert templates.nearest(spoken(word))[1] < templates.nearest(spoken(word, SECOND))[1]


def test_lengths_too_different_are_never_near():
    templates = Templates([("one", spoken("one"))])
    assert templates.nearest(np.tile(spoken("one"), (3, 1)))[0] == ""
