"""A transfer node in the engine: numbers in turn, what came of them, and where the call goes on."""

from typing import Any

import pytest

from ivr_bridge.flows.moves import DialEnded, HangUp, Transfer, TransferAsked
from tests.flows.line import Line, flow, said

BUSY = DialEnded(spoken=False, outcome="busy")
TALKED = DialEnded(spoken=True, outcome="answered")
PERSON: dict[str, Any] = {"kind": "transfer", "numbers": ["+15550101", "+15550102"], "ring_s": 20, "failed": "sorry"}
SORRY = {"kind": "hang_up", "prompt": "sorry"}
TALK = {"kind": "agent"}


def line(person: dict[str, Any] | None = None, **more: Any) -> Line:
    call = Line(flow({"p": {**PERSON, **(person or {})}, "sorry": SORRY, "talk": TALK}), **more)
    call.begin()
    return call


def number_of(actions: tuple[object, ...]) -> str:
    [transfer] = [action for action in actions if isinstance(action, Transfer)]
    return transfer.number


def test_the_first_is_called_behind_the_prompt() -> None:
    call = Line(flow({"p": PERSON, "sorry": SORRY}))
    assert call.begin() == (said("connecting_person", then_report=False), Transfer("+15550101", 20, node="p"))
    assert call.state.waiting == "away"


def test_the_next_one_is_called_without_a_word_and_after_the_last_the_flow_goes_on() -> None:
    call = line()
    assert call.give(BUSY) == (Transfer("+15550102", 20, node="p"),)
    assert call.state.waiting == "away"
    assert call.give(DialEnded(spoken=False, outcome="no_answer")) == (said("sorry", then_report=False), HangUp())
    assert call.state.variables["transfer_outcome"] == "no_answer"


def test_whoever_is_transferred_again_begins_with_the_first_number() -> None:
    call = line({"failed": "talk"})
    call.give(BUSY)
    call.give(BUSY)
    assert call.where == "talk"
    assert number_of(call.give(TransferAsked("p"))) == "+15550101"


@pytest.mark.parametrize(
    ("environ", "called"),
    [
        ({}, ["+15550102"]),
        ({"FIRST": " "}, ["+15550102"]),
        ({"FIRST": "+15550101"}, ["+15550101", "+15550102"]),
        ({"FIRST": "+15550101", "LAST": "sip:desk@h.example"}, ["+15550101", "+15550102", "sip:desk@h.example"]),
    ],
)
def test_numbers_that_are_not_set_are_passed_over(environ: dict[str, str], called: list[str]) -> None:
    call = Line(
        flow({"p": {**PERSON, "numbers": ["${FIRST}", "+15550102", "${LAST}"]}, "sorry": SORRY}), environ=environ
    )
    found = []
    actions = call.begin()
    while call.state.waiting == "away":
        found.append(number_of(actions))
        actions = call.give(BUSY)
    assert found == called


def test_without_any_number_the_call_goes_on_at_once() -> None:
    call = line({"numbers": ["${NOBODY}"], "prompt": None})
    assert (call.where, call.state.variables["transfer_outcome"]) == ("sorry", "no_number")


def test_who_has_talked_is_at_the_end_or_at_the_next_node() -> None:
    call = line()
    assert call.give(TALKED) == (HangUp(),)
    call = line({"next": "bye"})
    assert call.give(TALKED) == (said("goodbye", then_report=False), HangUp())
    assert call.state.variables["transfer_outcome"] == "answered"


def test_what_goes_along_is_filled_in() -> None:
    person = {
        **PERSON,
        "numbers": ["sip:desk@h.example"],
        "mode": "warm",
        "caller_id": "{called}",
        "headers": {"X-Caller": "{caller}", "X-Secret": "${KEY}"},
        "whisper": "{caller} calls {called} in {language}.",
        "limit_s": 600,
    }
    call = Line(
        flow({"p": person, "sorry": SORRY}),
        variables={"caller": "+15550100", "called": "+15550199"},
        environ={"KEY": "k"},
        language="es",
    )
    [action] = [each for each in call.begin() if isinstance(each, Transfer)]
    assert action == Transfer(
        "sip:desk@h.example",
        20,
        mode="warm",
        caller_id="+15550199",
        headers={"X-Caller": "+15550100", "X-Secret": "k"},
        limit_s=600,
        whisper="+15550100 calls +15550199 in es.",
        person_language="es",
        node="p",
    )
    assert "5550" not in repr(action)


def test_a_persons_own_language() -> None:
    call = Line(flow({"p": {**PERSON, "mode": "warm", "person_language": "zh"}, "sorry": SORRY}), language="es")
    [action] = [each for each in call.begin() if isinstance(each, Transfer)]
    assert action.person_language == "zh"


@pytest.mark.parametrize("caller", ["anonymous", "", "sip:someone@h.example", "client:bob"])
def test_what_is_no_number_is_shown_to_nobody(caller: str) -> None:
    call = Line(flow({"p": {**PERSON, "caller_id": "{caller}"}, "sorry": SORRY}), variables={"caller": caller})
    [action] = [each for each in call.begin() if isinstance(each, Transfer)]
    assert action.caller_id == ""


# What the agent may ask for


def asked(start: str = "talk") -> Line:
    call = Line(flow({"talk": TALK, "p": PERSON, "sorry": SORRY}, start=start))
    call.begin()
    return call


def test_the_agent_asks_and_says_why() -> None:
    call = asked()
    assert number_of(call.give(TransferAsked("p", "a broken table"))) == "+15550101"
    assert call.state.variables["transfer_reason"] == "a broken table"


@pytest.mark.parametrize("place", ["talk", "nowhere", "sorry", "+15550100"])
def test_only_a_transfer_node_of_the_flow_can_be_asked_for(place: str) -> None:
    call = asked()
    assert call.give(TransferAsked(place, "x")) == ()
    assert call.where == "talk"


def test_a_call_that_is_away_or_over_is_not_transferred() -> None:
    call = asked("p")
    assert call.give(TransferAsked("p", "x")) == ()
    assert "transfer_reason" not in call.state.variables
    call.give(TALKED)
    assert call.give(TransferAsked("p")) == ()


def test_the_end_of_a_dial_counts_only_where_one_is_awaited() -> None:
    call = asked()
    assert call.give(TALKED) == ()
    assert call.where == "talk"
