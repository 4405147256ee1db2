"""How far into a reply so many milliseconds reach."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr_bridge.bridge.heard_text import SPEECH_CHARS_PER_S, HeardText

TEN = "one two three four five six seven eight nine ten"


def made(text: str, *, whole: bool = True) -> HeardText:
    return HeardText(text, whole)


def aligned(text: str, *, ms_a_char: float = 100.0, pieces: int = 1, full_text: str = "") -> HeardText:
    heard = HeardText(full_text)
    size = -(-len(text) // pieces)
    for start in range(0, len(text), size):
        piece = text[start : start + size]
        heard.align(piece, [n * ms_a_char for n in range(len(piece))], start * ms_a_char)
    return heard


@pytest.mark.parametrize(
    ("text", "heard_ms", "total_ms", "expected"),
    [
        (TEN, 0, 5000, ""),
        (TEN, -5, 5000, ""),
        (TEN, 1000, 0, ""),
        (TEN, 5000, 5000, TEN),
        (TEN, 9000, 5000, TEN),
        (TEN, 2500, 5000, "one two three four five"),
        (TEN, 2600, 5000, "one two three four five"),
        (TEN, 2700, 5000, "one two three four five"),
        (TEN, 200, 5000, ""),
        ("", 100, 100, ""),
        ("Hello.\nSecond line here", 1000, 2300, "Hello."),
        ("Absolutely", 500, 1000, "Absol"),
        ("我们今天九点开门", 500, 1000, "我们今天"),
    ],
)
def test_in_proportion(text: str, heard_ms: float, total_ms: float, expected: str) -> None:
    assert made(text).cut(heard_ms, total_ms) == expected


def test_while_the_reply_is_not_whole_no_more_than_a_fair_rate_of_speech() -> None:
    text = "a" * 10 + " " + "b" * 10 + " " + "c" * 10
    assert made(text, whole=False).cut(1000, 1000) == "a" * 10
    assert made(text, whole=True).cut(1000, 1000) == text
    assert made(text, whole=False).cut(len(text) / SPEECH_CHARS_PER_S * 1000, 2e3) == text


@pytest.mark.parametrize(
    ("heard_ms", "expected"),
    [(0, ""), (150, ""), (301, "one"), (700, "one two"), (950, "one two"), (99_000, TEN)],
)
@pytest.mark.parametrize("pieces", [1, 3, 7])
def test_by_alignment(heard_ms: float, expected: str, pieces: int) -> None:
    assert aligned(TEN, pieces=pieces).cut(heard_ms, 5000) == expected


def test_alignment_that_ends_within_a_word_ends_before_it() -> None:
    heard = aligned("one two thr", full_text=TEN)
    assert heard.cut(99_000, 5000) == "one two"
    heard = aligned("one two three", full_text=TEN)
    assert heard.cut(99_000, 5000) == "one two three"


def test_alignment_wins_over_proportion() -> None:
    heard = aligned(TEN, ms_a_char=10)
    heard.text = TEN
    assert heard.cut(600, 50_000) == TEN


WORDS = st.lists(st.text("abcdé,.?", min_size=1, max_size=9), min_size=2, max_size=20).map(" ".join)


@settings(deadline=None)
@given(WORDS, st.floats(0, 30_000), st.floats(1, 30_000), st.booleans(), st.booleans())
def test_what_was_heard_is_whole_words_from_the_beginning(
    text: str, heard_ms: float, total_ms: float, whole: bool, with_alignment: bool
) -> None:
    reply = aligned(text, ms_a_char=60) if with_alignment else HeardText(text, whole)
    heard = reply.cut(heard_ms, total_ms)
    assert text.split()[: len(heard.split())] == heard.split()
    assert len(reply.cut(heard_ms + 500, total_ms)) >= len(heard)
