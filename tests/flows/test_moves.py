"""What goes into the engine and out of it: values, and none that tells a secret when it is printed."""

from dataclasses import FrozenInstanceError, fields, replace
from typing import Any, get_args

import pytest

from ivr_bridge.flows import moves
from ivr_bridge.flows.model import AgentNode
from ivr_bridge.flows.moves import (
    Action,
    AskHttp,
    CallerSaid,
    FlowInput,
    FlowState,
    HttpAnswered,
    KeyPressed,
    OptionChosen,
    Play,
    TakeVoicemail,
    TalkWithAgent,
    TellAgent,
    Transfer,
)

SECRET = "s3cret"


@pytest.mark.parametrize("kind", [*get_args(FlowInput), *get_args(Action), FlowState])
def test_each_is_a_value(kind: Any) -> None:
    assert kind.__dataclass_params__.frozen
    assert "__slots__" in vars(kind)
    assert kind.__doc__


def test_inputs_and_actions_are_told_apart() -> None:
    assert not set(get_args(FlowInput)) & set(get_args(Action))
    named = {each for each in vars(moves).values() if isinstance(each, type) and each.__module__ == moves.__name__}
    assert named == {*get_args(FlowInput), *get_args(Action), FlowState, moves.Moment}


def test_nothing_can_be_changed_in_a_state() -> None:
    state = FlowState("main", "a", "en", {})
    with pytest.raises(FrozenInstanceError):
        state.node = "b"  # type: ignore[misc]
    assert replace(state, node="b").node == "b"


@pytest.mark.parametrize(
    "value",
    [
        KeyPressed(SECRET),
        CallerSaid(SECRET, "en"),
        FlowState("main", "pin", "en", {"pin": SECRET}, digits=SECRET),
        TalkWithAgent(AgentNode(kind="agent"), False, SECRET),
        TellAgent(SECRET),
        AskHttp("main", "look_up", f"https://h/{SECRET}", {"Authorization": SECRET}, {"pin": SECRET}),
        Transfer(SECRET),
        HttpAnswered({"account": SECRET}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_a_person_said_or_keyed_and_what_an_operator_hides_is_not_printed(value: Any) -> None:
    assert any(SECRET in str(getattr(value, each.name)) for each in fields(value))
    assert SECRET not in repr(value)
    assert SECRET not in f"{value}"


def test_what_is_no_secret_is_printed() -> None:
    assert "sales" in repr(OptionChosen("sales"))
    assert "main_menu" in repr(Play((("main_menu", "en"),)))
    assert "leave_message" in repr(TakeVoicemail("leave_message", 120))
    assert "look_up" in repr(AskHttp("main", "look_up", "", {}, None))


def test_a_call_that_has_not_begun() -> None:
    state = FlowState("main", "a", "en", {})
    assert (state.began, state.waiting, state.due_at, state.digits, state.last_menu) == (False, "", None, "", None)
    assert state.agent_there, "until it is known otherwise"
