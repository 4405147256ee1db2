"""What a call is given is fixed for its life, and nothing of it is given for nothing."""

import ast
from dataclasses import FrozenInstanceError, fields
from pathlib import Path

import pytest

from ivr_bridge.bridge import call_needs
from ivr_bridge.bridge.agent_order import AgentOrder
from ivr_bridge.bridge.call_needs import CallNeeds, LeftBehind, Opening
from ivr_bridge.bridge.greeting_choice import AGENT_GREETS, NOT_GREETED

FOLDER = Path(call_needs.__file__).parent


def used_of(owner: str, *names: str) -> set[str]:
    """Every `x` of `owner.x` and `self._owner.x` in these modules."""
    found = set()
    for node in (node for name in names for node in ast.walk(ast.parse((FOLDER / f"{name}.py").read_text()))):
        if isinstance(node, ast.Attribute):
            of = node.value
            name = of.id if isinstance(of, ast.Name) else of.attr if isinstance(of, ast.Attribute) else ""
            if name.lstrip("_") == owner:
                found.add(node.attr)
    return found


def test_how_a_stream_begins_cannot_be_changed_under_it() -> None:
    opening = Opening(None, AgentOrder(), AGENT_GREETS)
    with pytest.raises(FrozenInstanceError):
        opening.greeting = NOT_GREETED  # type: ignore[misc]


def test_everything_of_an_opening_is_used() -> None:
    assert {field.name for field in fields(Opening)} <= used_of("opening", "call", "agent_side")


def test_everything_that_a_stream_leaves_behind_is_used() -> None:
    assert {field.name for field in fields(LeftBehind)} <= used_of("left", "kept_agents")


def test_every_need_is_asked_for_by_the_call() -> None:
    assert {field.name for field in fields(CallNeeds)} <= used_of("needs", "call")


def test_only_the_threads_of_tools_and_the_recording_may_be_left_out() -> None:
    with pytest.raises(TypeError) as missing:
        CallNeeds()  # type: ignore[call-arg]
    named = {field.name for field in fields(CallNeeds) if f"'{field.name}'" in str(missing.value)}
    assert {field.name for field in fields(CallNeeds)} - named == {"tool_threads", "sounds"}
