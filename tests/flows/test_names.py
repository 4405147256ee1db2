"""The small words of a flow's model."""

import re
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from ivr_bridge.flows.names import Key, Name, NumberPattern, Template, Tries, WaitS


@pytest.mark.parametrize(
    ("kind", "good"),
    [
        (Key, "0"), (Key, "#"), (Name, "a_1"), (NumberPattern, "+1555*"), (NumberPattern, "sip:desk@*"),
        (Template, "{a}" * 1000), (Tries, 10), (WaitS, 0.5),
    ],
)  # fmt: skip
def test_what_may_be_written(kind: Any, good: object) -> None:
    assert TypeAdapter(kind).validate_python(good) == good


def test_a_digit_needs_no_quotes() -> None:
    assert TypeAdapter(Key).validate_python(7) == "7"


@pytest.mark.parametrize(
    ("kind", "bad"),
    [
        (Key, "10"), (Key, True), (Name, "A"), (Name, "1a"), (Name, "a" * 61), (NumberPattern, ""),
        (NumberPattern, "555 0100"), (Template, "x" * 4001), (Tries, 0), (WaitS, 0), (WaitS, 61),
    ],
)  # fmt: skip
def test_what_may_not(kind: Any, bad: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(kind).validate_python(bad)


def test_names_are_fit_for_files() -> None:
    assert re.fullmatch(r"\w+", TypeAdapter(Name).validate_python("front_desk"))
