# ruff: noqa: RUF001 - Chinese is written with signs of its own
import pytest

from ivr_bridge.simulator.service.phrasebook import (
    AMOUNTS,
    ENGLISH,
    LINES,
    PARTS,
    WEEKDAYS,
    WHOLE,
    holds,
    language_of,
    normalise,
    option_topic,
    topic_of,
)


def test_all_that_is_compared_is_normal():
    groups = (*ENGLISH.values(), *WHOLE.values(), [part for part, _ in PARTS], AMOUNTS, WEEKDAYS)
    for words in (word for group in groups for word in group):
        assert normalise(words) == words


def test_all_languages_say_the_same():
    english = LINES["en"]
    for lines in LINES.values():
        assert set(lines.answers) == set(english.answers)
        assert set(lines.ask) == set(english.ask)


@pytest.mark.parametrize(
    ("words", "normal"),
    [
        ("  What ARE your hours?! ", "what are your hours"),
        ("O\u2019Clock", "o'clock"),
        ("¿Cuál es el menú, señor?", "cual es el menu senor"),
        ("你好，请问 几点 开门？", "你好请问几点开门"),
        ("我要 pizza 两个", "我要 pizza 两个"),
    ],
)
def test_normal_words(words: str, normal: str):
    assert normalise(words) == normal


@pytest.mark.parametrize(
    ("words", "language"),
    [
        ("what are your opening hours", "en"),
        ("cual es el horario de la cocina", "es"),
        ("¡Vale!", "es"),
        ("你好", "zh"),
        ("OK", None),
        ("7", None),
        ("Maria", None),
        ("...", None),
        ("hola, is that you", "en"),
    ],
)
def test_languages(words: str, language: str | None):
    assert language_of(words) == language


def test_whole_words_or_signs():
    assert holds("a las dos", "dos")
    assert not holds("todos", "dos")
    assert holds("请问几点开门", "开门")


@pytest.mark.parametrize(
    ("words", "topic"),
    [
        ("quiero hablar con una persona", "person"),
        ("para dos personas", ""),
        ("sí", "yes"),
        ("si quiero", ""),
        ("book a table", "book"),
        ("banana", ""),
    ],
)
def test_topics(words: str, topic: str):
    assert topic_of(normalise(words)) == topic


@pytest.mark.parametrize(
    ("words", "topic"),
    [("talk to a person", "person"), ("our opening hours", "hours"), ("make a reservation", "book"), ("wine", "")],
)
def test_topics_of_options(words: str, topic: str):
    assert option_topic(words) == topic
