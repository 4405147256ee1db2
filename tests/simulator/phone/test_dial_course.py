import pytest

from ivr_bridge.simulator.phone.callees import Callee, busy, nobody, unreachable
from ivr_bridge.simulator.phone.dial_course import Attempt, dial_course


def answers(rings_s):
    return Callee(rings_s=rings_s)


@pytest.mark.parametrize(
    ("callees", "winner", "rings_s", "status"),
    [
        ([answers(3)], 0, 3, "completed"),
        ([answers(20)], None, 10, "no-answer"),
        ([nobody()], None, 10, "no-answer"),
        ([nobody(4)], None, 4, "no-answer"),
        ([busy()], None, 0, "busy"),
        ([unreachable()], None, 0, "failed"),
        ([answers(3), answers(2)], 1, 2, "completed"),
        ([answers(2), answers(2)], 0, 2, "completed"),
        ([busy(), answers(5)], 1, 5, "completed"),
        ([busy(), unreachable()], None, 0, "busy"),
        ([busy(), nobody(), unreachable()], None, 10, "no-answer"),
    ],
)
def test_who_wins_and_how_long_it_rings(callees, winner, rings_s, status):
    course = dial_course(callees, 10.0)
    assert (course.winner, course.rings_s, course.status) == (winner, rings_s, status)
    assert len(course.attempts) == len(callees)


def test_who_loses_is_canceled_and_who_was_busy_before_is_not():
    course = dial_course([answers(5), busy(), answers(2), nobody(1)], 10.0)
    assert course.attempts == (
        Attempt(2, "canceled"),
        Attempt(0, "busy"),
        Attempt(2, "completed"),
        Attempt(1, "no-answer"),
    )
