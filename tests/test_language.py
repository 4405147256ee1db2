import unicodedata
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr_bridge import language as subject
from ivr_bridge.language import WEIGHTS, Language, LanguageFollower, detect

FOLDER = Path(__file__).parent.parent / "fixtures" / "language"


def labelled(name: str) -> list[tuple[str, str]]:
    lines = (FOLDER / name).read_text(encoding="utf-8").splitlines()
    return [(line[:2], line[3:]) for line in lines if not line.startswith("#") and not line.startswith("-")]


HELD_OUT, TUNING = labelled("held_out.txt"), labelled("tuning.txt")
UNDECIDABLE = (FOLDER / "undecidable.txt").read_text(encoding="utf-8").splitlines()[1:]
ANY_TEXT = st.one_of(
    st.text(),
    st.lists(st.sampled_from([*sorted(WEIGHTS), "¿", "Maria", "OK", "'s", "'", "订", "の", "(", ")", "@", "7"])).map(
        " ".join
    ),
)


# The lists


def test_lists_are_what_they_say() -> None:
    count = Counter(language for language, _ in HELD_OUT)
    assert count.total() >= 200
    assert count["en"] >= 80
    assert count["es"] >= 80
    assert count["zh"] >= 40
    assert len(set(HELD_OUT)) == len(HELD_OUT)
    assert not {text for _, text in HELD_OUT} & {text for _, text in TUNING}
    assert len(set(UNDECIDABLE)) >= 40


def test_a_word_is_listed_once_and_as_it_is_looked_up() -> None:
    tables = (subject._ENGLISH, subject._SPANISH, subject._CHINESE)
    words = Counter(word for table in tables for listed in table.values() for word in listed.split())
    assert [word for word, times in words.items() if times > 1] == []
    assert [word for word in words if subject._plain(word) != word] == []
    assert set(subject._COURTESIES) <= set(words)


# detect


@pytest.mark.parametrize(("label", "text"), TUNING)
def test_tuned_sentences(label: str, text: str) -> None:
    assert detect(text) == label


@pytest.mark.parametrize("text", UNDECIDABLE)
def test_undecidable(text: str) -> None:
    assert detect(text) is None


def test_held_out_sentences() -> None:
    """Measured: 0 wrong, 9 undecided of 232."""
    answers = [(label, detect(text), text) for label, text in HELD_OUT]
    wrong = [answer for answer in answers if answer[1] not in {answer[0], None}]
    undecided = [answer for answer in answers if answer[1] is None]
    assert len(wrong) <= 1, wrong
    assert len(undecided) <= 11, undecided


def test_agrees_with_lingua() -> None:
    """Measured: lingua 229 of 232 right; 222 of 223 where both answer are the same."""
    lingua = pytest.importorskip("lingua", reason="lingua-language-detector, of the extra [dev], is not installed")
    names = {lingua.Language.ENGLISH: "en", lingua.Language.SPANISH: "es", lingua.Language.CHINESE: "zh"}
    oracle = lingua.LanguageDetectorBuilder.from_languages(*names).build()
    theirs = [names.get(oracle.detect_language_of(text)) for _, text in HELD_OUT]
    ours = [detect(text) for _, text in HELD_OUT]
    labels = [label for label, _ in HELD_OUT]
    assert sum(map(str.__eq__, labels, map(str, theirs))) >= 0.97 * len(labels), "the oracle is not what was measured"
    both = [(our, their, text) for our, their, (_, text) in zip(ours, theirs, HELD_OUT, strict=True) if our and their]
    different = [answer for answer in both if answer[0] != answer[1]]
    assert len(both) >= 0.95 * len(labels)
    assert len(different) <= 0.02 * len(both), different
    our_faults = sum(our not in {label, None} for our, label in zip(ours, labels, strict=True))
    their_faults = sum(their not in {label, None} for their, label in zip(theirs, labels, strict=True))
    assert our_faults <= their_faults


def test_half_a_sentence_is_never_another_language() -> None:
    """A transcript may be cut anywhere; what came first decides."""
    for label, text in HELD_OUT:
        parts = list(text) if label == "zh" else text.split(" ")
        for length in range(1, len(parts)):
            start = ("" if label == "zh" else " ").join(parts[:length])
            assert detect(start) in {label, None}, start


@pytest.mark.parametrize(
    "change",
    [
        lambda text: "".join(each for each in unicodedata.normalize("NFD", text) if not unicodedata.combining(each)),
        lambda text: unicodedata.normalize("NFD", text),
        lambda text: text.replace("'", "\N{RIGHT SINGLE QUOTATION MARK}"),
        lambda text: f"{text}. 4-5-6!",
        lambda text: f"{text} (laughs) [background noise]",
        lambda text: f"Maria, {text}",
    ],
    ids=["no accents", "accents apart", "curly apostrophe", "digits", "stage direction", "name"],
)
def test_what_does_not_matter(change: Callable[[str], str]) -> None:
    for label, text in HELD_OUT:
        assert detect(change(text)) == detect(text), (label, text)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("quiero un table reservation", "es"),
        ("我要订一个 pizza", "zh"),
        ("I want to order 宫保鸡丁", "en"),
        ("my name is 王芳", "en"),
        ("que hora abren manana", "es"),
        ("mi correo es the.best.customer@hello.com", "es"),
        ("hello hola", None),
        ("hello gracias 你好", None),
        ("你好 hello", None),
        ("gracias gracias gracias hello", None),
        ("予約をお願いします", None),
        ("¿OK?", None),
        ("¿Perdón?", "es"),
        ("ＨＥＬＬＯ", "en"),  # noqa: RUF001 - full width letters
    ],
)
def test_mixtures(text: str, language: Language | None) -> None:
    assert detect(text) == language


@given(ANY_TEXT)
def test_any_text_has_an_answer_that_case_and_outer_space_do_not_change(text: str) -> None:
    answer = detect(text)
    assert answer in {"en", "es", "zh", None}
    assert detect(text.upper()) == answer
    assert detect(text.lower()) == answer
    assert detect(f" \n\t{text}\u3000 ") == answer


@pytest.mark.parametrize("character", ["(", "<", "@", "a", "我", "\u0301", "\ud800", "'", "¿"])
def test_very_long_text(character: str) -> None:
    assert detect(character * 100_000) is None


# LanguageFollower

LONG_ES = "necesito hablar con alguien sobre mi factura"
SHORT_ES = "quiero una cita"


def test_one_long_clear_sentence_changes_the_language() -> None:
    follower = LanguageFollower("en")
    assert follower.hear(LONG_ES) == "es"
    assert follower.language == "es"
    assert follower.hear("I would like to speak English with you") == "en"
    assert follower.hear("我想预约明天下午三点") == "zh"
    assert follower.language == "zh"


def test_two_short_ones_in_a_row_do() -> None:
    follower = LanguageFollower("en")
    assert follower.hear(SHORT_ES) is None
    assert follower.language == "en"
    assert follower.hear("para mañana") == "es"


def test_the_own_language_begins_the_count_anew() -> None:
    follower = LanguageFollower("en")
    assert follower.hear(SHORT_ES) is None
    assert follower.hear("I mean I want an appointment") is None
    assert follower.hear(SHORT_ES) is None
    assert follower.hear(SHORT_ES) == "es"


def test_a_third_language_begins_the_count_anew() -> None:
    follower = LanguageFollower("en")
    assert [follower.hear(text) for text in (SHORT_ES, "我要预约", SHORT_ES, SHORT_ES)] == [None, None, None, "es"]


def test_the_undecidable_is_not_counted() -> None:
    follower = LanguageFollower("en")
    assert [follower.hear(text) for text in (SHORT_ES, "OK", "Maria", "", SHORT_ES)] == [None, None, None, None, "es"]


def test_after_a_change_one_word_back_is_not_enough() -> None:
    follower = LanguageFollower("en")
    assert follower.hear(LONG_ES) == "es"
    assert follower.hear("yes") is None
    assert follower.language == "es"


@pytest.mark.parametrize(
    ("language", "texts"),
    [
        ("en", ["gracias", "gracias", "hola", "buenas tardes", "adiós", "muchas gracias", "por favor"]),
        ("es", ["thank you", "thank you very much bye", "hello", "goodbye", "sorry"]),
        ("en", ["你好", "谢谢", "再见"]),
        ("en", ["mañana"]),
        ("es", ["what"]),
        ("zh", ["yes"]),
        ("en", ["the table is for Maria de los Angeles de la Cruz Fernandez"]),
        ("en", ["I want the como se dice reservation"]),
        ("es", ["a nombre de the Golden Gate Travel Company"]),
    ],
)
def test_courtesies_single_words_and_mixtures_change_nothing(language: Language, texts: list[str]) -> None:
    follower = LanguageFollower(language)
    assert [follower.hear(text) for text in texts] == [None] * len(texts)


def test_a_greeting_counts_beside_something_to_say() -> None:
    follower = LanguageFollower("en")
    assert follower.hear("hola buenas") is None
    assert follower.hear("¿habla español?") == "es"


@given(
    st.lists(st.one_of(st.sampled_from(UNDECIDABLE), st.text(alphabet="0123456789 .,-()#*"))),
    st.sampled_from(["en", "es", "zh"]),
)
def test_the_undecidable_never_changes_the_language(texts: list[str], language: Language) -> None:
    follower = LanguageFollower(language)
    assert [follower.hear(text) for text in texts] == [None] * len(texts)
    assert follower.language == language


@given(st.lists(st.sampled_from([*(text for _, text in HELD_OUT), *UNDECIDABLE, "hola", "yes", "好的"])))
def test_a_change_is_to_what_was_heard_and_to_another_language(texts: list[str]) -> None:
    follower = LanguageFollower("en")
    for text in texts:
        before = follower.language
        changed = follower.hear(text)
        assert changed in {None, detect(text)}
        assert follower.language == (changed or before)
        assert changed != before
