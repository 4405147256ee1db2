import dataclasses
import typing

import pytest

from ivr_bridge.elevenlabs.conversation import events
from ivr_bridge.elevenlabs.conversation.events import AgentAudio, AgentEvent, ToolReported


@pytest.mark.parametrize("event", typing.get_args(AgentEvent))
def test_every_event_is_frozen_small_and_documented(event: type):
    assert event.__dataclass_params__.frozen
    assert "__dict__" not in dir(event)
    assert event.__doc__
    assert not event.__doc__.startswith(event.__name__ + "(")


def test_the_union_names_every_event_of_the_module():
    classes = {
        cls for cls in vars(events).values() if dataclasses.is_dataclass(cls) and cls.__module__ == events.__name__
    }
    assert classes - {events.Alignment} == set(typing.get_args(AgentEvent))


def test_an_event_compares_by_value():
    assert AgentAudio("AAAA", 1) == AgentAudio("AAAA", 1)
    assert AgentAudio("AAAA", 1) != AgentAudio("AAAA", 2)


@pytest.mark.parametrize(
    ("tool", "is_error", "ends"), [("end_call", False, True), ("end_call", True, False), ("transfer", False, False)]
)
def test_only_end_call_that_worked_ends_the_call(tool: str, is_error: bool, ends: bool):
    assert ToolReported(tool, "c", "system", is_error).ends_call is ends
