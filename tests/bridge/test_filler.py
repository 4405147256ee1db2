"""The filler on a virtual timeline: who waits, what plays, and how long nothing does."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr_bridge.bridge.filler import FILL_AFTER_S, TURN_FILL_S, Fill, Filler, Why

LENGTH_S = {Fill.WORDS: 1.2, Fill.MUSIC: 8.0}
GRAVE: list[Why] = ["connecting", "tool", "failure", "transfer", "http"]


class Line:
    """What one caller hears. A fill replaces what is playing, as the bridge does it."""

    def __init__(self, poll_s: float = 0.1) -> None:
        self.filler = Filler()
        self.now = 1000.0
        self.poll_s = poll_s
        self.heard_until = 0.0
        self.fills: list[tuple[float, Fill]] = []
        self.longest_gap_s = 0.0
        self._gap_began = self.now

    def play(self, length_s: float) -> None:
        self._close_gap()
        self.heard_until = self.now + length_s

    def run(self, for_s: float) -> None:
        end = self.now + for_s
        while self.now < end - 1e-9:
            self.now += self.poll_s
            if not self.filler.waiting:
                self._gap_began = self.now
            fill = self.filler.due(self.now, playing=self.now < self.heard_until)
            if fill is not None:
                self.fills.append((round(self.now - 1000.0, 2), fill))
                self.play(LENGTH_S[fill])
            elif self.now >= self.heard_until and self.filler.waiting:
                self._gap_began = max(self._gap_began, self.heard_until)
                self.longest_gap_s = max(self.longest_gap_s, self.now - self._gap_began)

    def begin(self, why: Why) -> None:
        if not self.filler.waiting:
            self._gap_began = self.now
        self.filler.begin(self.now, why)

    def end(self) -> None:
        self._close_gap()
        self.filler.end()
        self.heard_until = min(self.heard_until, self.now)

    def _close_gap(self) -> None:
        if self.filler.waiting:
            since = max(self._gap_began, self.heard_until)
            self.longest_gap_s = max(self.longest_gap_s, self.now - since)
        self._gap_began = self.now


@pytest.mark.parametrize("why", GRAVE)
def test_words_first_and_then_music_as_long_as_it_lasts(why: Why):
    line = Line()
    line.begin(why)
    line.run(20.0)
    assert [fill for _, fill in line.fills] == [Fill.WORDS, Fill.MUSIC, Fill.MUSIC, Fill.MUSIC]
    assert [at for at, _ in line.fills] == pytest.approx([1.5, 2.7, 10.7, 18.7], abs=0.31)
    assert line.filler.why == why
    assert line.filler.since == 1000.0


def test_nothing_is_played_into_a_short_wait():
    line = Line()
    for _ in range(5):
        line.begin("tool")
        line.run(FILL_AFTER_S - 0.1)
        line.end()
        line.run(3.0)
    assert line.fills == []
    assert line.filler.waiting is False


def test_silence_is_counted_from_the_end_of_what_was_heard():
    line = Line()
    line.play(4.0)
    line.begin("tool")
    line.run(5.3)
    assert line.fills == []
    line.run(0.5)
    assert line.fills == [(pytest.approx(5.5, abs=0.21), Fill.WORDS)]


def test_the_answer_is_waited_for_with_music_and_excused_once_by_words():
    line = Line()
    line.begin("turn")
    line.filler.understood()
    line.run(30.0)
    assert [fill for _, fill in line.fills] == [Fill.MUSIC, Fill.WORDS, Fill.MUSIC, Fill.MUSIC, Fill.MUSIC]
    assert [at for at, _ in line.fills[:3]] == pytest.approx([1.5, 5.0, 6.2], abs=0.31)
    assert line.longest_gap_s < 2.0


def test_speech_ends_the_wait_and_the_next_wait_begins_anew():
    line = Line()
    line.begin("turn")
    line.run(2.0)
    line.end()
    line.run(4.0)
    line.begin("turn")
    assert line.filler.since == line.now
    line.run(1.3)
    assert [fill for _, fill in line.fills] == [Fill.MUSIC]
    line.run(0.5)
    assert [fill for _, fill in line.fills] == [Fill.MUSIC, Fill.MUSIC]


def test_a_noise_that_was_no_turn_is_given_up():
    line = Line()
    line.begin("turn")
    line.run(TURN_FILL_S - 0.2)
    assert line.filler.give_up(line.now) is False
    line.run(0.3)
    assert line.filler.give_up(line.now) is True
    assert line.filler.waiting is False
    fills = len(line.fills)
    line.heard_until = line.now
    line.run(10.0)
    assert len(line.fills) == fills
    line.begin("turn")
    assert line.filler.give_up(line.now) is False
    assert line.filler.waiting is True
    line.run(2.0)
    assert line.fills[-1][1] is Fill.MUSIC
    line.end()
    assert line.filler.give_up(line.now + 100) is False


def test_only_a_noise_is_given_up():
    for why in GRAVE:
        filler = Filler()
        filler.begin(0.0, why)
        assert filler.give_up(100.0) is False
    understood = Filler()
    understood.begin(0.0, "turn")
    understood.understood()
    assert understood.give_up(100.0) is False
    understood.end()
    understood.begin(200.0, "turn")
    assert understood.give_up(208.0) is True


def test_a_graver_reason_replaces_a_lighter_one_and_keeps_the_start():
    filler = Filler()
    filler.begin(1.0, "turn")
    filler.begin(2.0, "tool")
    assert (filler.why, filler.since) == ("tool", 1.0)
    filler.begin(3.0, "turn")
    filler.begin(3.0, "http")
    assert filler.why == "tool"
    filler.begin(4.0, "failure")
    filler.begin(5.0, "connecting")
    assert (filler.why, filler.since) == ("failure", 1.0)
    assert filler.due(2.4, playing=False) is None
    assert filler.due(2.5, playing=False) is Fill.WORDS
    assert filler.give_up(100.0) is False


def test_words_are_said_once_in_a_wait_that_gets_graver():
    line = Line()
    line.begin("turn")
    line.run(2.0)
    line.begin("failure")
    line.run(12.0)
    assert [fill for _, fill in line.fills].count(Fill.WORDS) == 1
    assert line.longest_gap_s < 2.0


def test_a_fill_that_could_not_be_played_does_not_silence_the_next():
    filler = Filler()
    filler.begin(0.0, "connecting")
    assert [filler.due(1.5 + i / 10, playing=False) for i in range(3)] == [Fill.WORDS, Fill.MUSIC, Fill.MUSIC]


MOVES = st.lists(
    st.tuples(
        st.sampled_from(["begin", "begin", "end", "understood", "play"]),
        st.sampled_from([*GRAVE, "turn"]),
        st.floats(0.0, 15.0),
    ),
    min_size=1,
    max_size=15,
)


@given(moves=MOVES, poll_s=st.sampled_from([0.05, 0.1, 0.2]), seed=st.integers(0, 1000))
def test_no_wait_has_two_seconds_of_silence(moves: list[tuple[str, Why, float]], poll_s: float, seed: int):
    lengths = random.Random(seed)
    line = Line(poll_s)
    for what, why, then_s in moves:
        if what == "begin":
            line.begin(why)
        elif what == "end":
            line.end()
        elif what == "understood":
            line.filler.understood()
        else:
            line.play(lengths.uniform(0.02, 3.0))
        line.run(then_s)
    assert line.longest_gap_s < 2.0


def test_the_timeline_sees_a_gap_that_is_not_filled(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("ivr_bridge.bridge.filler.FILL_AFTER_S", 2.2)
    line = Line()
    line.begin("tool")
    line.run(5.0)
    assert line.longest_gap_s > 2.0
