import pytest

from ivr_bridge.simulator.phone.caller import (
    Caller,
    CallScript,
    Digits,
    Ending,
    HangUp,
    Say,
    Wait,
)
from ivr_bridge.simulator.phone.hearing import Spurt

from .scripted_bridge import mulaw_tone, tone

HUNG_UP = Ending("completed", "caller_hung_up")
WORDS = Say(tone(400), "words")


class Line:
    """A call in virtual time: the agent's speech is given, the caller's is collected."""

    def __init__(self, script, agent=()):
        self.caller = Caller(script)
        self.agent = list(agent)
        self.heard = []
        self.now_ms = 0
        self.speaking_at, self.digits, self.ending = [], [], None

    def run(self, until_ms=60_000, react=lambda line: None):
        while self.now_ms < until_ms and not self.ending:
            self.heard = [Spurt(s, min(e, self.now_ms)) for s, e in self.agent if s < self.now_ms]
            moment = self.caller.tick(self.now_ms, self.heard)
            if moment.frame:
                self.speaking_at.append(self.now_ms)
            if moment.digits:
                self.digits.append((self.now_ms, moment.digits))
            self.ending = moment.ending
            react(self)
            self.now_ms += 20
        return self

    def answering(self, delay_ms, length_ms):
        """An agent who answers each of the caller's words after a while."""
        answered = 0

        def react(line):
            nonlocal answered
            if len(line.caller.spoken) > answered and line.now_ms >= line.caller.spoken[answered][1]:
                start = line.caller.spoken[answered][1] + delay_ms
                line.agent.append((start, start + length_ms))
                answered += 1

        return self.run(react=react)


def test_words_are_spoken_when_the_greeting_has_been_over_for_a_second():
    line = Line(CallScript((WORDS,)), [(300, 1500)]).run()
    assert line.speaking_at[0] == 2500
    assert len(line.speaking_at) == 20
    assert line.caller.spoken == [(2500, pytest.approx(2900, abs=1), "words")]


def test_a_whole_polite_conversation():
    line = Line(CallScript((WORDS, WORDS)), [(100, 1000)]).answering(700, 2000)
    (first, first_end, _), (second, second_end, _) = line.caller.spoken
    assert first == 2000
    assert second == pytest.approx(first_end + 700 + 2000 + 1000, abs=21)
    assert line.ending == HUNG_UP
    assert line.now_ms == pytest.approx(second_end + 700 + 2000 + 2000, abs=41)
    assert line.caller.turn_latency_ms(line.heard) == [700, 700]


def test_nobody_greets_and_the_caller_gives_up_after_15_s():
    line = Line(CallScript((WORDS,))).run()
    assert line.ending == Ending("failed", "no_answer")
    assert line.now_ms == 15_020
    assert line.speaking_at == []


def test_no_answer_within_15_s_of_the_words():
    line = Line(CallScript((WORDS,)), [(0, 1000)]).run()
    assert line.ending == Ending("failed", "no_answer")
    assert line.now_ms == pytest.approx(line.caller.spoken[0][1] + 15_000, abs=41)
    assert line.caller.turn_latency_ms(line.heard) == []


def test_without_words_the_caller_listens_to_the_greeting_and_goes():
    line = Line(CallScript(), [(200, 1200)]).run()
    assert (line.ending, line.now_ms) == (HUNG_UP, 3220)


def test_barge_in_comes_in_the_middle_of_the_answer():
    script = CallScript((WORDS, Say(tone(400), "no, wait", barge_in=True, after_ms=1500)))
    line = Line(script, [(0, 1000), (3000, 9000)]).run()
    assert line.caller.spoken[1][0] == pytest.approx(4500, abs=21)


def test_barge_in_counts_from_where_this_talk_began_and_bridges_short_pauses():
    script = CallScript((WORDS, Say(tone(400), "no", barge_in=True, after_ms=1000)))
    line = Line(script, [(0, 1000), (3000, 3600), (3900, 9000)]).run()
    assert line.caller.spoken[1][0] == pytest.approx(4000, abs=21)


def test_barge_in_into_an_answer_that_was_too_short_is_said_afterwards():
    script = CallScript((WORDS, Say(tone(400), "no", barge_in=True, after_ms=1500)))
    line = Line(script, [(0, 1000), (3000, 3800)]).run()
    assert line.caller.spoken[1][0] == pytest.approx(4800, abs=21)


def test_barge_in_does_not_talk_over_the_answer_to_something_else():
    script = CallScript((WORDS, Say(tone(400), "no", barge_in=True, after_ms=500)))
    line = Line(script, [(0, 1000), (2100, 3500), (4000, 9000)]).run()
    assert line.caller.spoken[0][:2] == (2000, pytest.approx(2400, abs=1))
    assert line.caller.spoken[1][0] == pytest.approx(4500, abs=21), "the words of 2100 began before the caller's ended"


def test_an_agent_who_talks_on_has_not_answered():
    line = Line(CallScript((Say(tone(400), "a", barge_in=True, after_ms=500),)), [(0, 1500), (2500, 3000)]).run()
    (start, end, _), *_ = line.caller.spoken
    assert start == 500
    assert line.caller.turn_latency_ms(line.heard) == [pytest.approx(2500 - end)]


def test_digits_are_pressed_one_after_the_other():
    line = Line(CallScript((Digits("1#"),)), [(0, 1000), (3000, 3500)]).run()
    assert line.digits == [(2000, "1"), (2240, "#")]
    assert line.ending == HUNG_UP
    assert line.now_ms == 5520


def test_wait_is_silence_whatever_happens_and_hang_up_is_at_once():
    line = Line(CallScript((Wait(3), HangUp())), [(0, 60_000)]).run()
    assert (line.ending, line.now_ms) == (HUNG_UP, 3020)


def test_hang_up_in_the_middle_of_the_answer():
    line = Line(CallScript((WORDS, HangUp())), [(0, 1000)]).run()
    assert line.ending == HUNG_UP
    assert line.now_ms == 2420


def test_words_that_expect_no_answer():
    script = CallScript((Say(tone(400), "a", expects_answer=False), Say(tone(400), "b")))
    line = Line(script, [(0, 1000)]).run(until_ms=6000)
    assert [spoken[0] for spoken in line.caller.spoken] == [2000, 3400]


def test_patience_has_an_end():
    line = Line(CallScript((Wait(50),), max_s=5)).run()
    assert (line.ending, line.now_ms) == (Ending("failed", "too_long"), 5020)


def test_an_inaudible_clip_is_not_speech():
    line = Line(CallScript((Say(bytes(6400), "silence"),)), [(0, 1000), (4000, 4500)]).run()
    assert len(line.speaking_at) == 20
    assert line.caller.spoken == []
    assert line.ending == HUNG_UP


def test_steps_may_be_thought_of_while_the_call_goes_on():
    coming = [Digits("1"), Wait(1), None]
    asked = []

    def then():
        asked.append(1)
        return coming.pop(0) if coming else None

    line = Line(CallScript((WORDS,), then=then), [(0, 500), (2400, 3000)]).run()
    assert line.digits == [(4000, "1")]
    assert line.caller.keyed == [(4020, "1")]
    assert line.ending == Ending("failed", "no_answer"), "the key was not answered"
    line = Line(CallScript(then=HangUp)).run()
    assert (line.ending, line.now_ms) == (HUNG_UP, 20)


def test_a_key_is_pressed_into_a_prompt():
    script = CallScript((Digits("1", barge_in=True, after_ms=500), Digits("2", barge_in=True, after_ms=300)))
    line = Line(script, [(200, 720), (800, 4000)]).run(until_ms=5000)
    assert line.digits == [(700, "1"), (1100, "2")]


def test_words_from_mulaw():
    said = Say.from_mulaw(mulaw_tone(20), "hello", barge_in=True)
    assert (len(said.pcm16), said.text, said.barge_in) == (320, "hello", True)
