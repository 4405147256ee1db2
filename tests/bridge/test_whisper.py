"""What a person hears who is asked to take a call."""

from typing import get_args

import pytest

from ivr_bridge.bridge import whisper
from ivr_bridge.flows.model import Language
from ivr_bridge.language import detect

LANGUAGES = get_args(Language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_who_calls_why_and_what_was_said_last(language: Language) -> None:
    said = whisper.summary(language, flow="front_desk", reason="a broken table", unanswered="Is anybody there?")
    for part in ("front desk", "a broken table", "Is anybody there"):
        assert part in said
    assert "??" not in said
    assert "?." not in said


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_not_known_is_not_said(language: Language) -> None:
    short = whisper.summary(language, flow="main", reason="", unanswered="")
    assert short == whisper.summary(language, flow="main", reason="  ".strip(), unanswered="")
    assert "{" not in short


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_key_is_named_in_the_persons_language(language: Language) -> None:
    asked = whisper.asked("A.", language)
    assert asked.language == language
    assert whisper.ACCEPT_KEY in asked.text
    assert detect(whisper.gone(language).text) == language


def test_a_whole_life_story_is_cut() -> None:
    said = whisper.summary("en", flow="main", reason="", unanswered="word " * 2000)
    assert len(said) < whisper.WORDS_MAX_CHARS + 100


def test_lines_of_the_caller_stay_one() -> None:
    assert "\n" not in whisper.summary("en", flow="main", reason="a\nb", unanswered="c\nd")
