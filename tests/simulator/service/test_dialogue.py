import pytest

from ivr_bridge.simulator.service.dialogue import (
    UNINTELLIGIBLE,
    DialogueState,
    after_tool,
    answer,
    normalise,
    phrases,
)

DESK = DialogueState()


@pytest.mark.parametrize(
    ("words", "start"),
    [
        ("What are your opening hours?", "We are open"),
        ("Where are you?", "We are at"),
        ("is there parking", "Yes, there"),
        ("Can I talk to a person?", "My colleagues"),
        ("yes please", "How can I help"),
        (UNINTELLIGIBLE, "Sorry"),
        ("", "Sorry"),
    ],
)
def test_desk(words: str, start: str):
    reply, state = answer(DESK, words)
    assert reply.text.startswith(start)
    assert state == DESK


def test_a_booking():
    _, state = answer(DESK, "I would like to book a table.")
    _, state = answer(state, "for two people")
    _, state = answer(state, "on Friday")
    reply, state = answer(state, "at half past seven")
    assert (reply.tool, reply.parameters) == ("book_table", {"people": 2, "day": "friday", "time": "half past seven"})
    reply, state = after_tool(state, "book_table", "Your table is booked", is_error=False)
    assert reply.text == "Your table is booked. Is there anything else?"
    assert state == DESK


def test_a_question_in_mid_booking_does_not_lose_it():
    state = DialogueState("day", people=4)
    reply, after = answer(state, "what are your opening hours")
    assert after == state
    assert reply.text.endswith("And on which day?")


@pytest.mark.parametrize(("name", "asked"), [("people", "how many"), ("day", "which day"), ("time", "what time")])
def test_words_that_do_not_fit_are_asked_for_again(name: str, asked: str):
    state = DialogueState(name)
    reply, after = answer(state, UNINTELLIGIBLE)
    assert after == state
    assert reply.text.startswith("Sorry")
    assert asked in reply.text


def test_starting_over():
    assert answer(DialogueState("time", 2, "friday"), "never mind")[1] == DESK


@pytest.mark.parametrize("words", ["goodbye", "no thank you goodbye", "No thanks.", "no"])
def test_goodbye(words: str):
    reply, state = answer(DESK, words)
    assert reply.ends
    assert state.name == "ended"


@pytest.mark.parametrize(
    ("result", "spoken"),
    [
        ('{"caller": "+1555", "called": "+1666"}', "You are calling from +1555."),
        ('{"message": "Done!"}', "Done!"),
        ('{"a": 1}', "That is done."),
        ("42", "42."),
    ],
)
def test_results_are_spoken(result: str, spoken: str):
    reply, _ = after_tool(DESK, "get_call_info", result, is_error=False)
    assert reply.text == f"{spoken} Is there anything else?"


def test_a_failed_tool():
    reply, state = after_tool(DialogueState("time", 2, "friday"), "book_table", "boom", is_error=True)
    assert reply.text.startswith("I am sorry")
    assert "boom" not in reply.text
    assert state == DESK


@pytest.mark.parametrize("name", ["desk", "people", "day", "time"])
def test_every_phrase_is_understood(name: str):
    state = DialogueState(name, 2, "friday")
    for phrase in phrases(state):
        assert normalise(phrase) == phrase
        reply, _ = answer(state, phrase)
        assert reply.tool or not reply.text.startswith("Sorry"), phrase
    assert len(set(phrases(state))) == len(phrases(state))
