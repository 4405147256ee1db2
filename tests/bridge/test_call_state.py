"""Every arrow of the table, and every one that is missing."""

from itertools import product
from pathlib import Path

import pytest

from ivr_bridge.bridge.call_state import TRANSITIONS, CallState, CallStep, after, diagram
from ivr_bridge.errors import LocalProtocolError

ADMITTED, STREAMING, AWAITED, AWAY, OVER = CallState
ARROWS = {
    (ADMITTED, CallStep.STREAM_STARTED): STREAMING,
    (ADMITTED, CallStep.ENDED): OVER,
    (STREAMING, CallStep.STREAM_ENDED): AWAITED,
    (AWAITED, CallStep.ADMITTED_AGAIN): ADMITTED,
    (AWAITED, CallStep.HANDED_OVER): AWAY,
    (AWAITED, CallStep.ENDED): OVER,
    (AWAY, CallStep.ADMITTED_AGAIN): ADMITTED,
    (AWAY, CallStep.ENDED): OVER,
}
MISSING = [pair for pair in product(CallState, CallStep) if pair not in ARROWS]


@pytest.mark.parametrize(("state", "step"), ARROWS, ids=lambda part: part.name)
def test_arrow(state: CallState, step: CallStep) -> None:
    assert after(state, step) is ARROWS[state, step]


@pytest.mark.parametrize(("state", "step"), MISSING, ids=lambda part: part.name)
def test_missing_arrow(state: CallState, step: CallStep) -> None:
    with pytest.raises(LocalProtocolError, match=f"{state.value} cannot be: {step.value}"):
        after(state, step)


def test_the_table_has_no_other_arrow() -> None:
    assert TRANSITIONS == ARROWS
    assert len(ARROWS) + len(MISSING) == len(CallState) * len(CallStep)


def test_the_diagram_has_every_arrow() -> None:
    lines = diagram().splitlines()
    assert lines[0] == "stateDiagram-v2"
    assert len(lines) == 3 + len(ARROWS)
    assert "    STREAMING --> AWAITED: stream ended" in lines


def test_the_diagram_of_the_documents_is_this_one() -> None:
    document = (Path(__file__).parent.parent.parent / "docs" / "architecture.md").read_text()
    assert diagram() in document
