"""What covers the caller's waits: words, then music, so that nobody hears a dead line.                 pure

A wait is told of by `begin` and `end`; what to play is asked several times a second by `due`. Nothing is a timer.
"""

from enum import Enum
from typing import Literal

FILL_AFTER_S = 1.5
"""Silence that is no wait yet; asked five times a second, it is filled after at most 1.7 s."""
TURN_WORDS_AFTER_S = 5.0
"""An answer that takes this long is excused by words."""
TURN_FILL_S = 8.0
"""A sound that led to no words in this time was no turn of the caller's."""

Why = Literal["connecting", "turn", "tool", "failure", "transfer", "http"]

_GRAVITY: dict[Why, int] = {"turn": 0, "tool": 1, "http": 1, "connecting": 2, "transfer": 3, "failure": 4}


class Fill(Enum):
    """What is to be played, instead of a filler that is still playing; it stops within a frame when speech comes."""

    WORDS = "words"
    """The prompt `connecting`."""
    MUSIC = "music"
    """`hold_music`, one round of the loop."""


class Filler:
    """The wait of one caller. All instants are monotonic seconds.

    Most waits get words first and music after them. While the caller waits for the answer to their own words, music
    comes first: an answer is usually near, and words would be taken for it.
    """

    __slots__ = ("_given_up", "_music_given", "_quiet_at", "_understood", "_words_at", "_words_given", "since", "why")

    def __init__(self) -> None:
        self.why: Why | None = None
        """What is waited for; None: nothing."""
        self.since: float = 0.0
        """When the wait began; of no meaning without one."""
        self._reset(0.0)

    def _reset(self, now: float) -> None:
        self._quiet_at = now
        self._words_at = now
        self._words_given = False
        self._music_given = False
        self._understood = False
        self._given_up = False

    @property
    def waiting(self) -> bool:
        """Whether the caller waits; not any more after a `give_up`."""
        return self.why is not None and not self._given_up

    def begin(self, now: float, why: Why, *, at_once: bool = False) -> None:
        """The caller waits from now on; `at_once`: has waited long enough already to be told so.

        A wait that is on already keeps its start and what was played in it; a graver reason replaces a lighter one.
        """
        if not self.waiting or self.why is None:
            self.why, self.since = why, now
            self._reset(now - FILL_AFTER_S if at_once else now)
        elif _GRAVITY[why] > _GRAVITY[self.why]:
            self.why = why

    def end(self) -> None:
        """Speech is heard, or it is the caller's turn. What is still playing is to be stopped by whoever plays it."""
        self.why = None

    def understood(self) -> None:
        """The caller's words were understood: the wait for an answer is a real one, however long."""
        self._understood = True

    def give_up(self, now: float) -> bool:
        """Whether the wait was none: a sound of the caller's, and no words understood within 8 s of it.

        True from then on until the next `begin` or `end`; nothing is due any more, and music is to be stopped.
        """
        if self.why == "turn" and not self._understood and now - self.since >= TURN_FILL_S:
            self._given_up = True
        return self.why is not None and self._given_up

    def due(self, now: float, *, playing: bool) -> Fill | None:
        """What is to be played now; ask five to ten times a second, and play it at once.

        Args:
            now: monotonic seconds.
            playing: whether the caller hears anything at all, a filler included.

        Returns:
            The first one after 1.5 s of silence within the wait, each later one as soon as nothing is playing. Only
            the words of a long wait for an answer may come while music still plays.
        """
        if self.give_up(now) or self.why is None:
            return None
        begun = self._words_given or self._music_given
        if playing:
            self._quiet_at = now
            return self._words() if begun and self._excuse_due(now) else None
        if begun:
            return self._words() if self._excuse_due(now) else self._music()
        if now - self._quiet_at < FILL_AFTER_S:
            return None
        self._words_at = self._quiet_at + TURN_WORDS_AFTER_S
        return self._music() if self.why == "turn" else self._words()

    def _excuse_due(self, now: float) -> bool:
        """Whether a wait that began with music has become long."""
        return not self._words_given and now >= self._words_at

    def _words(self) -> Fill:
        self._words_given = True
        return Fill.WORDS

    def _music(self) -> Fill:
        self._music_given = True
        return Fill.MUSIC
