import ast
import re
from pathlib import Path

import pytest

from ivr_bridge.telemetry import events
from ivr_bridge.telemetry.events import CATALOGUE, Event
from ivr_bridge.telemetry.log import LEVELS

ALL = sorted(CATALOGUE.values(), key=lambda event: event.name)
RESERVED = {"event", "level", "timestamp", "call_sid"}
PERSONAL = {
    "caller", "called", "text", "digit", "digits", "arguments", "result", "heard", "words", "number", "from", "to",
}  # fmt: skip


def test_every_event_is_declared_once():
    assigned = [
        node.value.args[0].value
        for node in ast.parse(Path(events.__file__).read_text()).body
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Call)
        and isinstance(node.value.args[0], ast.Constant)
    ]
    assert len(assigned) > 40
    assert sorted(assigned) == sorted(set(assigned)) == sorted(CATALOGUE)


@pytest.mark.parametrize("event", ALL, ids=lambda event: event.name)
def test_event(event: Event):
    assert re.fullmatch(r"[a-z]+\.[a-z]+(_[a-z]+)*", event.name)
    assert event is getattr(events, event.name.replace(".", "_").upper()), "the constant is named as the event"
    assert event.level in LEVELS
    assert event.meaning
    names = (*event.fields, *event.pii)
    assert len(set(names)) == len(names)
    assert not RESERVED & set(names), "every line has these already"
    assert not any("." in name for name in names)
    assert not PERSONAL & set(event.fields) - allowed(event), "what a person could be known by stands under pii"


def allowed(event: Event) -> set[str]:
    """The `result` of a call is one of four words."""
    return {"result"} if event.name == "call.ended" else set()


def test_the_account_of_a_call_is_whole():
    fields = set(CATALOGUE["call.ended"].fields)
    assert fields >= {
        "result", "reason", "duration_s", "first_word_ms", "turns", "frames_in", "frames_out", "gaps", "barge_ins",
        "tools", "input_format", "output_format", "bytes_in", "bytes_out",
    }  # fmt: skip
    assert not CATALOGUE["call.ended"].pii
