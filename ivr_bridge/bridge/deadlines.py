"""The clocks that run beside a call, asked a few times a second; none of them is a timer.            pure"""

from enum import Enum

NO_MEDIA_S = 15.0
AGENT_SILENT_S = 10.0
"""The caller spoke and the agent gave no sign for this long: the caller is told once, then it ends."""
WRITE_STALLED_S = 5.0
ASK_AT = 2 / 3
"""The share of the caller's silence after which they are asked."""
ANSWER_WITHIN = 1 / 12
"""The share (5 s of 60) that whoever has just been spoken to has to answer, before they are asked or given up."""


class Deadline(Enum):
    """What has run out."""

    NO_MEDIA = "no_media"
    CALL_TOO_LONG = "call_too_long"
    ASK_CALLER = "ask_caller"
    CALLER_SILENT = "caller_silent"
    EXCUSE_AGENT = "excuse_agent"
    AGENT_SILENT = "agent_silent"


class Deadlines:
    """What was seen last of each side. All instants are monotonic seconds.

    The caller's silence is counted from their last sign (words, an interruption, a key) or, when the agent answered
    that, from the end of the answer; what the agent says of its own accord after that does not start it again, so an
    agent that asks "are you there?" for ever does not keep a dead call alive. Nobody is given up who was not asked.
    """

    __slots__ = (
        "_agent_owes_since", "_answer_owed", "_answered_at", "_answering", "_asked_at", "_caller_at", "_excused",
        "_limit_s", "_media_at", "_played_at", "_silent_s", "_started_at",
    )  # fmt: skip

    def __init__(self, now: float, *, max_call_s: float, caller_silent_s: float) -> None:
        self._started_at = now
        self._media_at = now
        self._caller_at = now
        self._answering = False
        self._answered_at: float | None = None
        self._played_at = now
        self._agent_owes_since: float | None = None
        self._answer_owed = False
        self._asked_at: float | None = None
        self._excused = False
        self._limit_s = max_call_s
        self._silent_s = caller_silent_s

    def media_came(self, now: float) -> None:
        """A frame of the caller's, silent or not."""
        self._media_at = now

    def caller_spoke(self, now: float) -> None:
        """A sound that may be speech: the agent owes a sign, but it is no proof that somebody is there."""
        self._agent_owes_since = now

    def caller_asked(self, now: float) -> None:
        """The agent understood words while it was quiet: it owes an answer, and silence is its failure, not noise."""
        self._agent_owes_since = now
        self._answer_owed = True

    def caller_heard(self, now: float) -> None:
        """Words, an interruption or a key: somebody is there."""
        self._caller_at = now
        self._answering = False
        self._answered_at = None
        self._asked_at = None

    def agent_gave_sign(self) -> None:
        """Audio, words or a tool call of the agent's."""
        self._agent_owes_since = None
        self._answer_owed = False
        self._excused = False

    def silent_s(self, now: float) -> float:
        """How long the caller has given no sign."""
        return now - max(self._caller_at, self._answered_at or 0.0)

    def due(self, now: float, *, playing: bool) -> Deadline | None:
        """The first deadline that has run out; `ASK_CALLER` and `EXCUSE_AGENT` once each.

        Ask several times a second: `playing`, whether the caller is hearing something, also tells when an answer ends.
        """
        self._follow(now, playing)
        if now - self._media_at >= NO_MEDIA_S:
            return Deadline.NO_MEDIA
        if now - self._started_at >= self._limit_s:
            return Deadline.CALL_TOO_LONG
        if playing:
            return None
        if self._agent_owes_since is not None and now - self._agent_owes_since >= AGENT_SILENT_S:
            # A sound may have been noise: only another one counts again. Words were words: the clock goes on.
            self._agent_owes_since = now if self._answer_owed else None
            if self._excused:
                return Deadline.AGENT_SILENT
            self._excused = True
            return Deadline.EXCUSE_AGENT
        return self._due_of_caller(now)

    def _follow(self, now: float, playing: bool) -> None:
        if playing:
            self._played_at = now
            # What plays after the caller was asked is that question, no answer.
            self._answering = self._answered_at is None and self._asked_at is None
        elif self._answering:
            self._answering = False
            self._answered_at = now

    def _due_of_caller(self, now: float) -> Deadline | None:
        silent_s = self.silent_s(now)
        ask_s = self._silent_s * ASK_AT
        if silent_s < ask_s or now - self._played_at < self._silent_s * ANSWER_WITHIN:
            return None
        if self._asked_at is None:
            self._asked_at = now
            return Deadline.ASK_CALLER
        gone = silent_s >= self._silent_s and now - self._asked_at >= self._silent_s - ask_s
        return Deadline.CALLER_SILENT if gone else None
