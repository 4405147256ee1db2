import numpy as np
import pytest

from ivr_bridge.simulator.service import recogniser as recogniser_file
from ivr_bridge.simulator.service.dialogue import DialogueState, phrases
from ivr_bridge.simulator.service.ears import Ears, SpeechEnded
from ivr_bridge.simulator.service.phrasebook import UNINTELLIGIBLE
from ivr_bridge.simulator.service.recogniser import Recogniser, is_speech
from ivr_bridge.simulator.service.voices import Voice
from tests.simulator.service.caller import mouth, said

CALLERS = (
    Voice("c1", "Caller", "male", "american", "", 130, 50),
    Voice("c2", "Caller", "male", "british", "", 130, 50),
    Voice("c3", "Caller", "female", "american", "f3", 130, 50),
    Voice("c4", "Caller", "male", "american", "m3", 130, 50),
)
DEMO = (
    ("desk", "what are your opening hours"),
    ("desk", "i would like to book a table"),
    ("people", "for two people"),
    ("day", "on friday"),
    ("time", "at seven"),
    ("desk", "no thank you goodbye"),
)


@pytest.fixture(scope="module")
def recogniser() -> Recogniser:
    return Recogniser(mouth())


def utterances(pcm16: bytes) -> list[bytes]:
    return [event.pcm16 for event in Ears().hear(pcm16) if isinstance(event, SpeechEnded)]


@pytest.mark.parametrize("voice", CALLERS, ids=lambda voice: f"{voice.accent} {voice.variant}")
@pytest.mark.parametrize(("state", "text"), DEMO)
def test_the_demo_is_understood(recogniser: Recogniser, voice: Voice, state: str, text: str):
    (utterance,) = utterances(said(text, voice))
    assert recogniser.recognise(utterance, phrases(DialogueState(state))) == text


def test_the_state_decides_what_is_expected(recogniser: Recogniser):
    (utterance,) = utterances(said("on friday"))
    assert recogniser.recognise(utterance, phrases(DialogueState("day"))) == "on friday"
    assert recogniser.recognise(utterance, phrases(DialogueState("desk"))) != "on friday"


@pytest.mark.parametrize("text", ["my cat sat on the green sofa", "banana"])
def test_other_words_are_not_made_up(recogniser: Recogniser, text: str):
    for utterance in utterances(said(text)):
        assert recogniser.recognise(utterance, phrases(DialogueState())) == UNINTELLIGIBLE


def coloured(power: float) -> bytes:
    spectrum = np.fft.rfft(np.random.default_rng(1).normal(0, 1, 40000))
    samples = np.fft.irfft(spectrum / (np.arange(len(spectrum)) + 20.0) ** power)
    return (samples / samples.std() * 3000).clip(-32768, 32767).astype("<i2").tobytes()


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0], ids=["white", "pink", "brown"])
def test_noise_is_no_speech(recogniser: Recogniser, power: float):
    assert not is_speech(coloured(power))
    assert recogniser.recognise(coloured(power), phrases(DialogueState())) is None


def test_a_tone_is_no_speech():
    tone = np.sin(np.arange(16000) / 8000 * 2 * np.pi * 440) * 8000
    assert not is_speech(tone.astype("<i2").tobytes())


def test_speech_is():
    assert all(is_speech(utterance) for voice in CALLERS for utterance in utterances(said("goodbye", voice)))


def test_preparing_can_be_stopped(recogniser: Recogniser):
    other = Recogniser(mouth())
    other.prepare(("a phrase that nobody has spoken",), lambda: True)
    assert not other._templates


MENU = DialogueState(options=(("hours", "opening hours"), ("events", "private parties"), ("shop", "the wine shop")))


@pytest.mark.parametrize("voice", CALLERS, ids=lambda voice: f"{voice.accent} {voice.variant}")
@pytest.mark.parametrize("text", ["private parties", "private parties please", "i want the wine shop", "opening hours"])
def test_the_words_of_an_open_menu_are_understood(recogniser: Recogniser, voice: Voice, text: str):
    (utterance,) = utterances(said(text, voice))
    assert recogniser.recognise(utterance, phrases(MENU)) == text


@pytest.mark.parametrize("text", ["menu", "main menu", "show me the menu", "spanish please", "can we speak chinese"])
def test_what_may_be_asked_for_at_any_time_is_understood(recogniser: Recogniser, text: str):
    for voice in CALLERS:
        (utterance,) = utterances(said(text, voice))
        assert recogniser.recognise(utterance, phrases(DialogueState())) == text


def test_a_word_that_no_dictionary_has_is_known_by_its_likeness(recogniser: Recogniser):
    state = DialogueState(options=(("zanzibaria", "our zanzibaria evening"),))
    (utterance,) = utterances(said("our zanzibaria evening"))
    assert recogniser.recognise(utterance, phrases(state)) == "our zanzibaria evening"


def test_sets_of_phrases_are_not_kept_without_end(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(recogniser_file, "_MOST_SETS", 2)
    some = Recogniser(mouth())
    (utterance,) = utterances(said("goodbye"))
    for other in ("yes", "no", "menu", "yes please"):
        assert some.recognise(utterance, ("goodbye", other)) == "goodbye"
        some.prepare(("goodbye", other))
    assert len(some._templates) == len(some._grammars) == 2
