import pytest

from ivr_bridge.flows.moves import (
    CallerSaid,
    HangUp,
    KeyPressed,
    MuteCaller,
    PromptsPlayed,
    SentTo,
    StopPlaying,
    StreamResumed,
    TalkWithAgent,
    TellAgent,
    TimePassed,
)
from tests.flows.line import Line, flow, said

DIGITS = {
    "kind": "digits", "prompt": "ask", "variable": "account", "min_digits": 3, "max_digits": 5, "tries": 2,
    "wait_s": 4, "first_wait_s": 8, "next": "thanks", "otherwise": "bye",
}  # fmt: skip
REST = {"thanks": {"kind": "prompt", "prompt": "thanks", "next": "bye"}, "talk": {"kind": "agent"}}
GOODBYE = (said("goodbye", then_report=False), HangUp())


def line(**node: object) -> Line:
    made = Line(flow({"digits": {**DIGITS, **node}, **REST}, person="bye"))
    made.begin()
    return made


def test_it_asks_and_waits_for_the_first_digit() -> None:
    call = Line(flow({"digits": DIGITS, **REST}))
    assert call.begin() == (said("ask"),)
    assert (call.state.waiting, call.state.due_at) == ("digits", None)
    call.give(PromptsPlayed())
    assert call.state.due_at == call.at_s + 8


@pytest.mark.parametrize(
    ("keys", "digits"),
    [("123#", "123"), ("12345", "12345"), ("000#", "000"), ("1*2*3#", "123"), ("1234#", "1234")],
)
def test_a_number_is_complete(keys: str, digits: str) -> None:
    call = line()
    assert call.keys(keys) == (StopPlaying(), said("thanks"))
    assert call.state.variables["account"] == digits
    assert call.state.digits == ""
    assert digits not in repr(call.state)


def test_only_the_first_digit_stops_the_prompt() -> None:
    call = line()
    assert call.give(KeyPressed("1")) == (StopPlaying(),)
    assert call.give(KeyPressed("2")) == ()


def test_the_time_between_two_digits() -> None:
    call = line()
    call.keys("12")
    call.at_s += 3.9
    due_at = call.state.due_at
    assert call.give(TimePassed()) == ()
    assert call.give(PromptsPlayed()) == ()
    assert call.state.due_at == due_at, "the prompt's end comes late"
    call.keys("3")
    assert call.state.due_at == call.at_s + 4
    assert call.let_due() == (said("thanks"),)
    assert call.state.variables["account"] == "123"


def test_too_few_digits_are_asked_for_again() -> None:
    call = line()
    assert call.keys("12#") == (StopPlaying(), said("no_input", "ask"))
    assert (call.state.digits, call.state.tries, call.state.due_at) == ("", 2, None)
    assert call.keys("456#") == (StopPlaying(), said("thanks"))
    assert call.state.variables["account"] == "456"


@pytest.mark.parametrize("keys", ["", "12"])
def test_tries_are_used_up_by_silence(keys: str) -> None:
    call = line()
    call.keys(keys)
    call.give(PromptsPlayed())
    assert call.let_due() == (said("no_input", "ask"),)
    call.give(PromptsPlayed())
    assert call.let_due() == GOODBYE
    assert "account" not in call.state.variables


def test_tries_are_used_up_by_the_terminator() -> None:
    assert line().keys("##") == (said("no_input", "ask"), *GOODBYE)


def test_without_a_terminator_length_and_time_decide() -> None:
    call = line(terminator="")
    call.keys("12#3")
    assert call.state.digits == "123"
    assert call.let_due() == (said("thanks"),)


def test_a_star_may_be_the_terminator() -> None:
    call = line(terminator="*")
    call.keys("12#3*")
    assert call.state.variables["account"] == "123"


def test_the_agent_is_told_in_one_message() -> None:
    call = line(tell_agent="My number is {account}.")
    assert call.keys("123#") == (StopPlaying(), TellAgent("My number is 123."), said("thanks"))


def test_the_agent_goes_on_from_it() -> None:
    call = line(tell_agent="My number is {account}.", next="talk")
    call.keys("123")
    assert [type(a) for a in call.let_due()] == [TellAgent, TalkWithAgent]


def test_sensitive_digits_are_not_heard_by_the_agent() -> None:
    call = Line(flow({"digits": {**DIGITS, "sensitive": True}, **REST}))
    assert call.begin() == (MuteCaller(True), said("ask"))
    assert call.keys("12#") == (StopPlaying(), said("no_input", "ask")), "muted all the while"
    assert call.keys("123#") == (StopPlaying(), MuteCaller(False), said("thanks"))


def test_the_caller_is_heard_again_whichever_way_it_ends() -> None:
    for end in (SentTo("thanks"), StreamResumed()):
        call = line(sensitive=True)
        assert call.give(end)[0] == MuteCaller(False)
    call = line(sensitive=True)
    assert call.keys("##")[-3:] == (MuteCaller(False), *GOODBYE)


def test_another_stream_begins_anew() -> None:
    call = line(sensitive=True)
    call.keys("12")
    assert call.give(StreamResumed()) == (MuteCaller(False), MuteCaller(True), said("ask"))
    assert (call.state.digits, call.state.tries) == ("", 1)


def test_0_is_a_digit_and_words_are_nothing() -> None:
    call = line()
    call.keys("0")
    assert (call.where, call.state.digits) == ("digits", "0")
    assert call.give(CallerSaid("one two three")) == ()
