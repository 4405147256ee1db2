import pytest

from ivr_bridge.flows.moves import (
    CallerSaid,
    HangUp,
    KeyPressed,
    LanguageChanged,
    Play,
    PromptsPlayed,
    SetLanguage,
    StopPlaying,
    TalkWithAgent,
)
from tests.flows.line import Line, flow, said

ASK = {
    "kind": "language", "prompt": "choose_language", "options": {"1": "en", "2": "es", "3": "zh", "4": "es"},
    "tries": 2, "wait_s": 4, "next": "welcome",
}  # fmt: skip
WELCOME = {"welcome": {"kind": "prompt", "prompt": "welcome", "next": "bye"}, "talk": {"kind": "agent"}}
ASKED = Play((("choose_language", "en"), ("choose_language", "es"), ("choose_language", "zh")))


def line(person: str | None = None, **node: object) -> Line:
    made = Line(flow({"ask": {**ASK, **node}, **WELCOME}, person=person))
    assert made.begin() == (ASKED,)
    return made


@pytest.mark.parametrize(("key", "language"), [("2", "es"), ("3", "zh"), ("4", "es")])
def test_a_key_chooses(key: str, language: str) -> None:
    call = line()
    assert call.keys(key) == (SetLanguage(language), said("welcome", language=language))
    assert (call.state.language, call.where) == (language, "welcome")


def test_the_language_that_it_is_already() -> None:
    assert line().keys("1") == (said("welcome"),)


def test_words_choose() -> None:
    call = line()
    assert call.give(CallerSaid("OK")) == ()
    assert call.give(CallerSaid("hola, buenos días", "es")) == (SetLanguage("es"), said("welcome", language="es"))


def test_words_in_a_language_that_is_not_offered() -> None:
    call = Line(flow({"ask": {**ASK, "options": {"1": "en", "3": "zh"}}, **WELCOME}))
    call.begin()
    assert call.give(CallerSaid("hola, buenos días", "es")) == ()
    assert call.where == "ask"


def test_whoever_followed_the_words_already_has_chosen() -> None:
    call = line()
    assert call.give(LanguageChanged("es")) == (said("welcome", language="es"),), "no SetLanguage comes back"
    assert call.give(CallerSaid("hola, buenos días", "es")) == ()


def test_silence_keeps_the_language() -> None:
    call = line()
    call.give(PromptsPlayed())
    assert call.state.due_at == call.at_s + 4
    assert call.let_due() == (ASKED,)
    call.give(PromptsPlayed())
    assert call.let_due() == (said("welcome"),)


def test_an_unknown_key_asks_again() -> None:
    call = line()
    assert call.keys("9") == (ASKED,)
    assert call.state.tries == 2
    assert call.keys("9") == (said("welcome"),)


def test_0_reaches_a_person() -> None:
    assert line(person="bye").keys("0") == (said("goodbye", then_report=False), HangUp())
    assert line().keys("0") == (ASKED,)


def test_the_prompt_stops_when_no_other_follows() -> None:
    call = line(next="talk")
    assert [type(a) for a in call.give(KeyPressed("2"))] == [SetLanguage, StopPlaying, TalkWithAgent]
    call = line(next="talk")
    assert [type(a) for a in call.keys("99")] == [Play, StopPlaying, TalkWithAgent]


def test_it_is_set_without_asking() -> None:
    call = Line(flow({"set": {"kind": "language", "language": "zh", "next": "welcome"}, **WELCOME}))
    assert call.begin() == (SetLanguage("zh"), said("welcome", language="zh"))
    same = Line(flow({"set": {"kind": "language", "language": "zh", "next": "welcome"}, **WELCOME}), language="zh")
    assert same.begin() == (said("welcome", language="zh"),)
