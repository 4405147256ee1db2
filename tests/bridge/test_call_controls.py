from types import SimpleNamespace
from typing import Any

from ivr_bridge.bridge.call_controls import LAST_WORDS_WITHIN_S, QUIET_BEFORE_HANG_UP_S, CallControls
from ivr_bridge.tools.context import CallControl
from tests.tools.fakes import INFO


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def made(clock: Clock) -> CallControls:
    leg, desk = SimpleNamespace(started=SimpleNamespace(call_sid="CA1")), SimpleNamespace(info=lambda: INFO)
    parts: Any = SimpleNamespace(leg=leg, desk=desk, clock=clock)
    return CallControls(parts)


def test_it_is_what_tools_ask_for() -> None:
    control: CallControl = made(Clock())
    assert control.call_sid == "CA1"
    assert control.info() is INFO


def test_nothing_is_due_until_somebody_asks() -> None:
    controls = made(Clock())
    assert not controls.hang_up_due(1e9, playing=False)
    assert not controls.hang_up_due(1e9, playing=True)


def test_an_agent_that_says_nothing_more_is_hung_up() -> None:
    controls = made(Clock())
    controls.hang_up_after_playout()
    assert not controls.hang_up_due(100.0 + LAST_WORDS_WITHIN_S - 0.1, playing=False)
    assert controls.hang_up_due(100.0 + LAST_WORDS_WITHIN_S, playing=False)


def test_the_last_words_are_played_and_a_pause_between_them_is_no_end() -> None:
    controls = made(Clock())
    controls.hang_up_after_playout()
    assert not controls.hang_up_due(120.0, playing=True)
    assert not controls.hang_up_due(120.0 + QUIET_BEFORE_HANG_UP_S - 0.1, playing=False)
    assert not controls.hang_up_due(130.0, playing=True)
    assert not controls.hang_up_due(131.0, playing=False)
    assert controls.hang_up_due(130.0 + QUIET_BEFORE_HANG_UP_S, playing=False)


def test_asking_again_starts_nothing_again() -> None:
    clock = Clock()
    controls = made(clock)
    controls.hang_up_after_playout()
    clock.now = 104.0
    controls.hang_up_after_playout()
    assert controls.hang_up_due(105.0, playing=False)
