"""The clocks that run beside a call, asked a few times a second; none of them is a timer.            pure"""

from enum import Enum

NO_MEDIA_S = 15.0
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
    ASK_AGAIN = "ask_again"
    AGENT_SILENT = "agent_silent"


class Deadlines:
    """What was seen last of each side. All instants are monotonic seconds.

    The caller's silence is counted from their last sign (words, an interruption, a key) or, when the agent answered
    that, from the end of the answer; what the agent says of its own accord after that does not start it again, so an
    agent that asks "are you there?" for ever does not keep a dead call alive. Nobody is given up who was not asked.
    """

    __slots__ = (
        "_agent_owes_since", "_agent_silent_s", "_answer_owed", "_answered_at", "_answering", "_asked_again",
        "_asked_at", "_caller_at", "_limit_s", "_media_at", "_played_at", "_silent_s", "_started_at",
    )  # fmt: skip

    def __init__(self, now: float, *, max_call_s: float, caller_silent_s: float, agent_silent_s: float = 8.0) -> None:
        self._started_at = now
        self._media_at = now
        self._caller_at = now
        self._answering = False
        self._answered_at: float | None = None
        self._played_at = now
        self._agent_owes_since: float | None = None
        self._answer_owed = False
        self._asked_at: float | None = None
        self._asked_again = False
        self._agent_silent_s = agent_silent_s
        self._limit_s = max_call_s
        self._silent_s = caller_silent_s

    def media_came(self, now: float) -> None:
        """A frame of the caller's, silent or not."""
        self._media_at = now

    def caller_spoke(self, now: float) -> None:
        """A sound that may be speech: the agent owes a sign, but it is no proof that somebody is there."""
        if not self._answer_owed:
            self._agent_owes_since = now

    def caller_asked(self, now: float) -> None:
        """The agent understood words, or got a tool's result, while it was quiet: now silence is its failure."""
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
        self._asked_again = False

    def silent_s(self, now: float) -> float:
        """How long the caller has given no sign."""
        return now - max(self._caller_at, self._answered_at or 0.0)

    def due(self, now: float, *, playing: bool) -> Deadline | None:
        """The first deadline that has run out; `ASK_CALLER` and `ASK_AGAIN` once each.

        Ask several times a second: `playing`, whether the caller is hearing something (a filler is nothing), also tells
        when an answer ends.
        """
        self._follow(now, playing)
        if now - self._media_at >= NO_MEDIA_S:
            return Deadline.NO_MEDIA
        if now - self._started_at >= self._limit_s:
            return Deadline.CALL_TOO_LONG
        if playing:
            return None
        return self._due_of_agent(now) or self._due_of_caller(now)

    def _due_of_agent(self, now: float) -> Deadline | None:
        if self._agent_owes_since is None or now - self._agent_owes_since < self._agent_silent_s:
            return None
        if self._answer_owed or self._asked_again:
            self.agent_gave_sign()
            return Deadline.AGENT_SILENT
        # A sound may have been noise: the caller is asked to say it again, and only another sound counts.
        self._agent_owes_since = None
        self._asked_again = True
        return Deadline.ASK_AGAIN

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
