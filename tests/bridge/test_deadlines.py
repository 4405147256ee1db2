"""The clocks beside a call, as a table and as stories; asked five times a second, as a call does."""

from collections.abc import Callable

import pytest

from ivr_bridge.bridge.deadlines import ANSWER_WITHIN, ASK_AT, NO_MEDIA_S, Deadline, Deadlines

AGENT_SILENT_S = 8.0

START = 1000.0


class Call:
    """A caller whose media flow, and who does what `plan` says at what second."""

    def __init__(self, *, silent_s: float = 60.0, limit_s: float = 3600.0) -> None:
        self.deadlines = Deadlines(START, max_call_s=limit_s, caller_silent_s=silent_s)
        self.plan: dict[float, Callable[[float], None]] = {}
        self.plays: list[tuple[float, float]] = []
        self.media_stops_s = float("inf")

    def run(self, until_s: float) -> list[tuple[float, Deadline]]:
        """What ran out at which second since the start; the first ending stops it."""
        out = []
        for tick in range(1, round(until_s * 5) + 1):
            second, now = tick / 5, START + tick / 5
            for at_s in [at_s for at_s in self.plan if at_s <= second]:
                self.plan.pop(at_s)(START + at_s)
            if second < self.media_stops_s:
                self.deadlines.media_came(now)
            playing = any(begin <= second < end for begin, end in self.plays)
            if (deadline := self.deadlines.due(now, playing=playing)) is not None:
                out.append((second, deadline))
                if deadline is Deadline.ASK_CALLER:
                    self.plays.append((second, second + 1))
                elif deadline is not Deadline.ASK_AGAIN:
                    break
        return out


def seconds(*expected: tuple[float, Deadline]) -> list[tuple[object, Deadline]]:
    return [(pytest.approx(at_s, abs=0.41), deadline) for at_s, deadline in expected]


def test_no_media_is_a_dead_leg_whatever_is_playing() -> None:
    call = Call()
    call.media_stops_s = 5
    call.plays = [(0, 100)]
    assert call.run(100) == seconds((5 + NO_MEDIA_S, Deadline.NO_MEDIA))


def test_the_longest_call_is_over_whatever_is_playing() -> None:
    call = Call(limit_s=30)
    call.plays = [(0, 100)]
    assert call.run(100) == seconds((30, Deadline.CALL_TOO_LONG))


@pytest.mark.parametrize("silent_s", [3.0, 6.0, 60.0])
def test_a_caller_who_says_nothing_is_asked_once_and_then_let_go(silent_s: float) -> None:
    assert Call(silent_s=silent_s).run(200) == seconds(
        (silent_s * ASK_AT, Deadline.ASK_CALLER), (silent_s, Deadline.CALLER_SILENT)
    )


def test_a_sign_after_the_question_starts_it_all_again() -> None:
    call = Call()
    call.plan[45] = call.deadlines.caller_heard
    assert call.run(300) == seconds((40, Deadline.ASK_CALLER), (85, Deadline.ASK_CALLER), (105, Deadline.CALLER_SILENT))


def test_a_sound_is_no_proof_that_somebody_is_there() -> None:
    call = Call()
    for at_s in range(5, 70, 5):
        call.plan[at_s] = call.deadlines.caller_spoke
    assert call.run(300) == seconds((40, Deadline.ASK_CALLER), (60, Deadline.CALLER_SILENT))


def test_silence_is_counted_from_the_end_of_the_answer_however_long_it_is() -> None:
    call = Call()
    call.plan[2] = call.deadlines.caller_heard
    call.plays = [(3, 90)]
    assert call.run(300) == seconds((90 + 40, Deadline.ASK_CALLER), (90 + 60, Deadline.CALLER_SILENT))
    assert call.deadlines.silent_s(START + 100) == pytest.approx(10, abs=0.3)


def test_a_greeting_is_an_answer_too() -> None:
    call = Call()
    call.plays = [(1, 21)]
    assert call.run(300)[0] == seconds((21 + 40, Deadline.ASK_CALLER))[0]


def test_an_agent_that_talks_on_of_its_own_accord_keeps_no_dead_call_alive() -> None:
    call = Call()
    call.plays = [(begin, begin + 2) for begin in range(1, 300, 9)]
    out = call.run(300)
    assert [deadline for _, deadline in out] == [Deadline.ASK_CALLER, Deadline.CALLER_SILENT]
    assert out[-1][0] < 75


def test_nobody_is_asked_or_given_up_in_the_moment_they_were_spoken_to() -> None:
    call = Call()
    call.plan[1] = call.deadlines.caller_heard
    call.plays = [(2, 4), (10, 75)]  # "let me see", and a long answer
    out = call.run(300)
    assert [deadline for _, deadline in out] == [Deadline.ASK_CALLER, Deadline.CALLER_SILENT]
    assert out[0][0] == pytest.approx(75 + 60 * ANSWER_WITHIN, abs=0.41)
    assert out[1][0] - out[0][0] >= 60 * (1 - ASK_AT) - 0.01


def test_an_agent_that_gives_no_sign_is_excused_and_then_given_up() -> None:
    call = Call()
    call.plan[3] = call.deadlines.caller_spoke
    call.plan[20] = call.deadlines.caller_spoke
    assert call.run(300) == seconds(
        (3 + AGENT_SILENT_S, Deadline.ASK_AGAIN), (20 + AGENT_SILENT_S, Deadline.AGENT_SILENT)
    )


def test_a_sign_of_the_agents_clears_what_it_owes() -> None:
    call = Call()
    call.plan[3] = call.deadlines.caller_spoke
    call.plan[10] = lambda _: call.deadlines.agent_gave_sign()
    call.plan[20] = call.deadlines.caller_spoke
    assert call.run(35)[0] == seconds((20 + AGENT_SILENT_S, Deadline.ASK_AGAIN))[0]


def test_a_caller_whom_the_agent_answered_is_asked_again_once_more() -> None:
    call = Call()
    call.plan[3] = call.deadlines.caller_spoke
    call.plan[15] = lambda _: call.deadlines.agent_gave_sign()
    call.plan[20] = call.deadlines.caller_spoke
    assert call.run(35) == seconds((3 + AGENT_SILENT_S, Deadline.ASK_AGAIN), (20 + AGENT_SILENT_S, Deadline.ASK_AGAIN))


def test_nobody_is_excused_while_the_caller_hears_something() -> None:
    call = Call()
    call.plan[3] = call.deadlines.caller_spoke
    call.plays = [(0, 25)]
    assert call.run(30) == seconds((25, Deadline.ASK_AGAIN))


def test_words_that_are_never_answered_are_the_agents_failure() -> None:
    deadlines = Deadlines(0.0, max_call_s=3600, caller_silent_s=60)
    told = []
    deadlines.caller_heard(5.0)
    deadlines.caller_asked(5.0)
    for tick in range(26, 300):
        now = tick / 5
        deadlines.media_came(now)
        due = deadlines.due(now, playing=False)
        if due is not None:
            told.append((now, due))
    assert told[0] == (13.0, Deadline.AGENT_SILENT)


def test_an_answer_settles_what_was_owed() -> None:
    deadlines = Deadlines(0.0, max_call_s=3600, caller_silent_s=600)
    deadlines.caller_asked(5.0)
    deadlines.agent_gave_sign()
    for tick in range(26, 300):
        deadlines.media_came(tick / 5)
        assert deadlines.due(tick / 5, playing=False) is None
