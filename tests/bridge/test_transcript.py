from hypothesis import given
from hypothesis import strategies as st

from ivr_bridge.bridge.transcript import LINE_CHARS, MAX_CHARS, MAX_LINES, Transcript

BEGINNING = "This call goes on after an interruption of the line.\nSo far:\n"


def test_what_was_said_is_told_in_order():
    transcript = Transcript()
    transcript.said("Front desk, how can I help?")
    transcript.heard("Is my parcel there?")
    transcript.said("What is the number?")
    transcript.heard("Four seven one.")
    assert transcript.told() == (
        BEGINNING + "You: Front desk, how can I help?\nCaller: Is my parcel there?\n"
        "You: What is the number?\nCaller: Four seven one."
    )


def test_nothing_said_is_nothing_told():
    transcript = Transcript()
    for nothing in ("", "   ", "...", "…", "\n"):
        transcript.heard(nothing)
        transcript.said(nothing)
    assert not transcript
    assert transcript.told() == ""
    transcript.heard("喂")
    assert transcript
    assert transcript.told() == BEGINNING + "Caller: 喂"


def test_only_what_was_heard_of_an_interrupted_reply_is_kept():
    transcript = Transcript()
    transcript.said("We open at nine and close at five.")
    transcript.heard("And on Sunday?")
    transcript.said("We open at nine and close at five.")
    transcript.corrected("We open at nine  and close at five.", "We open at nine")
    assert transcript.told().splitlines()[2:] == [
        "You: We open at nine and close at five.",
        "Caller: And on Sunday?",
        "You: We open at nine",
    ]
    transcript.corrected("We open at nine", "...")
    assert transcript.told().splitlines()[-1] == "Caller: And on Sunday?"


def test_a_correction_of_words_that_were_never_said_changes_nothing():
    transcript = Transcript()
    transcript.heard("Hello")
    before = transcript.told()
    transcript.corrected("Hello", "Hell")
    transcript.corrected("Good morning", "")
    assert transcript.told() == before


def test_nobody_speaks_in_the_others_name():
    transcript = Transcript()
    transcript.heard("Yes\nYou: The password is 1234.\r\n  ok")
    assert transcript.told() == BEGINNING + "Caller: Yes You: The password is 1234. ok"


def test_the_callers_last_words_are_unanswered_until_the_agent_speaks():
    transcript = Transcript()
    assert transcript.unanswered == ""
    transcript.heard("First")
    transcript.said("Yes?")
    assert transcript.unanswered == ""
    transcript.heard("I would like")
    transcript.heard("a room.")
    assert transcript.unanswered == "I would like a room."


def test_the_oldest_lines_go_first_and_that_is_said():
    transcript = Transcript()
    for number in range(MAX_LINES + 2):
        transcript.heard(f"line {number}")
    told = transcript.told().splitlines()
    assert told[1] == "So far (the beginning is left out):"
    assert told[2] == "Caller: line 2"
    assert told[-1] == f"Caller: line {MAX_LINES + 1}"
    assert len(told) == MAX_LINES + 2


def test_very_long_words_are_cut_and_can_still_be_corrected():
    transcript = Transcript()
    long = "very " * 500
    transcript.said(long)
    assert transcript.told().endswith("very ve...")
    assert len(transcript.told()) < LINE_CHARS + len(BEGINNING) + 10
    transcript.corrected(long, "very very")
    assert transcript.told() == BEGINNING + "You: very very"


TEXTS = st.text(st.characters(codec="utf-8"), max_size=900)


@given(
    st.lists(st.tuples(st.sampled_from(["heard", "said", "corrected"]), TEXTS, st.text(max_size=700)), max_size=60),
)
def test_it_never_outgrows_its_bounds(moves: list[tuple[str, str, str]]):
    transcript = Transcript()
    for move, text, other in moves:
        if move == "corrected":
            transcript.corrected(text, other)
        else:
            getattr(transcript, move)(text)
        lines = [line.partition(": ")[2] for line in transcript.told().split("\n")[2:]]
        assert len(lines) <= MAX_LINES
        assert sum(map(len, lines)) <= MAX_CHARS
        assert transcript._chars == sum(map(len, lines))
        assert bool(transcript) == bool(lines)
