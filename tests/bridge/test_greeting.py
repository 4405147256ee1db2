"""The gate: which of the agent's audio is dropped while a greeting of ours stands for it."""

import pytest

from ivr_bridge.bridge.greeting import LONGEST_GREETING_MS, GreetingGate


@pytest.mark.parametrize(
    ("steps", "shut"),
    [
        ([], True),
        (["responded"], True),
        (["responded", "responded"], False),
        (["open"], False),
        (["responded", "open"], False),
        (["open", "responded"], False),
        (["open", "responded", "responded", "responded"], False),
    ],
)
def test_the_gate_opens_with_the_first_sign_that_the_agent_went_on(steps: list[str], shut: bool) -> None:
    gate = GreetingGate(shut=True)
    for step in steps:
        getattr(gate, step)()
    assert gate.shut is shut


@pytest.mark.parametrize("step", ["responded", "open"])
def test_a_gate_that_is_open_stays_open(step: str) -> None:
    gate = GreetingGate(shut=False)
    getattr(gate, step)()
    assert not gate.shut


def test_a_greeting_that_never_ends_is_a_flood() -> None:
    gate = GreetingGate(shut=True)
    assert [gate.drop(LONGEST_GREETING_MS / 4) for _ in range(5)] == [True] * 4 + [False]
