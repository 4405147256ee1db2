"""The ladder: what is tried next when the agent's leg is lost, and why it was lost.                    pure

A call climbs only upward and stands on no rung twice, so it comes to an end however often agents fail; the last rung,
the apology, holds for ever. What a rung does is not known here.
"""

import re
from collections.abc import Sequence
from enum import Enum

from ivr_bridge.elevenlabs.conversation.events import ConversationClosed
from ivr_bridge.errors import AgentError, AgentLost, AgentRefused, AudioFormatError
from ivr_bridge.flows.model import ApologyRung, RetryRung, Rung

REFUSED_CODE = 1008
"""The close code of a conversation that the vendor does not allow as it was asked for."""

_CONCURRENCY = re.compile(
    r"\b429\b|concurren|rate.?limit|too.?many.?(requests|conversations|calls)|system.?busy", re.IGNORECASE
)
_QUOTA = re.compile(r"quota|\bcredits\b|daily.?limit|payment.?required|\b402\b", re.IGNORECASE)
_NAMES_A_FIELD = re.compile(r"override|dynamic.?variable", re.IGNORECASE)
"""Such words quote names that an operator chose, `quota` perhaps."""


class Cause(Enum):
    """Why the agent's leg is of no use. `code` stands in the log.

    `misconfigured`: every call fails like this until somebody mends it, so it is worth an alert. `retryable`: whether
    the same agent may be tried once more in the same call.
    """

    UNREACHABLE = ("unreachable", False, True)
    """No connection, a time limit, 5xx, or an agent that is known to be down."""
    REFUSED = ("refused", True, False)
    """401, 403, 404 or 1008: the key, the agent's id, an override, a dynamic variable."""
    QUOTA = ("quota", True, False)
    """The account has used up what it may use: no call is answered until it may use more."""
    CONCURRENCY = ("concurrency", False, False)
    """429, or too many conversations at once: the next call may get through, this one should not press."""
    LOST = ("lost", False, True)
    """The conversation closed with an error."""
    SILENT = ("silent", False, True)
    """It is open and says nothing."""
    FLOODED = ("flooded", False, True)
    """It says more than anybody would listen to."""
    AUDIO_FORMAT = ("audio_format", True, False)
    """It is set to a format that we cannot speak."""

    def __init__(self, code: str, misconfigured: bool, retryable: bool) -> None:
        """Take the row of the table apart."""
        self.code = code
        self.misconfigured = misconfigured
        self.retryable = retryable


def cause_of(failure: AgentError | AudioFormatError | ConversationClosed) -> Cause:
    """Why the leg was lost: by the vendor's words about limits first, then by class and close code.

    Words come first because the vendor tells of limits by many ways: 429, 401 (`quota_exceeded`), 1008 and 1002.

    Args:
        failure: what dialling raised, what `receive` raised, or the close of a conversation that was not over.
    """
    if isinstance(failure, AudioFormatError):
        return Cause.AUDIO_FORMAT
    words = failure.reason if isinstance(failure, ConversationClosed | AgentLost) else str(failure)
    if not _NAMES_A_FIELD.search(words):
        if _CONCURRENCY.search(words):
            return Cause.CONCURRENCY
        if _QUOTA.search(words):
            return Cause.QUOTA
    if isinstance(failure, ConversationClosed | AgentLost):
        return Cause.REFUSED if failure.close_code == REFUSED_CODE else Cause.LOST
    return Cause.REFUSED if isinstance(failure, AgentRefused) else Cause.UNREACHABLE


class Ladder:
    """The rungs of one call, from its first stream to its last.

    Args:
        rungs: of the flow, in order; an apology is put at the end if none is there, and nothing comes after one.
    """

    __slots__ = ("_number", "_rungs", "failed_at")

    def __init__(self, rungs: Sequence[Rung]) -> None:
        self._rungs: tuple[Rung, ...] = (*rungs, ApologyRung(kind="apology"))
        self._number = 0
        self.failed_at: float | None = None
        """When the present trouble began, monotonic seconds; None while there is none."""

    @classmethod
    def at(cls, rungs: Sequence[Rung], number: int) -> "Ladder":
        """One that was climbed to this rung already; a number beyond its end is the end."""
        ladder = cls(rungs)
        ladder._number = min(number, len(ladder._rungs))
        return ladder

    @property
    def rung(self) -> Rung | None:
        """The one that the call stands on; None as long as nothing has failed."""
        return self._rungs[self._number - 1] if self._number else None

    @property
    def number(self) -> int:
        """Of that rung in the flow's list, from 1, skipped ones counted; 0 before the first."""
        return self._number

    def fail(self, cause: Cause, now: float) -> Rung:
        """The agent failed, or the rung just given cannot be done (no number, no such node, it failed itself).

        Returns:
            What is tried next. A retry is passed over where the cause says that it cannot help: faults of
            configuration, and limits, which another try at once only strains. After the apology: the apology.
        """
        if self.failed_at is None:
            self.failed_at = now
        if not isinstance(self.rung, ApologyRung):
            self._number += 1
            while isinstance(self._rungs[self._number - 1], RetryRung) and not cause.retryable:
                self._number += 1
        return self._rungs[self._number - 1]

    def since_failure_ms(self, now: float) -> float:
        """How long the present trouble lasts; 0 without one."""
        return 0.0 if self.failed_at is None else (now - self.failed_at) * 1000

    def recovered(self, now: float) -> float:
        """An agent is there again: the trouble is over, but the rungs stay used.

        Returns:
            Milliseconds since the trouble began; 0 without one.
        """
        since_ms = self.since_failure_ms(now)
        self.failed_at = None
        return since_ms
