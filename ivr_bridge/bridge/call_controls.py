"""What a call can do for the agent's tools (later also for flows and the console)."""

from collections.abc import Callable

from ivr_bridge.tools.context import CallInfo

QUIET_BEFORE_HANG_UP_S = 1.5
"""The agent has said its last words when it was quiet for so long after the tool answered."""
LAST_WORDS_WITHIN_S = 5.0
"""An agent that says nothing more is hung up after this."""


class CallControls:
    """Handed to tools as their `CallControl`."""

    def __init__(self, call_sid: str, info: Callable[[], CallInfo], clock: Callable[[], float]) -> None:
        self.call_sid = call_sid
        self._info = info
        self._clock = clock
        self._asked_at: float | None = None
        self._spoke_at: float | None = None

    def info(self) -> CallInfo:
        """What is known of this call now."""
        return self._info()

    def hang_up_after_playout(self) -> None:
        """End the call when the last words have been played; returns at once."""
        if self._asked_at is None:
            self._asked_at = self._clock()

    def hang_up_due(self, now: float, *, playing: bool) -> bool:
        """Whether it is time: asked, and the agent has been quiet since its last words."""
        if self._asked_at is None:
            return False
        if playing:
            self._spoke_at = now
            return False
        if self._spoke_at is None:
            return now - self._asked_at >= LAST_WORDS_WITHIN_S
        return now - self._spoke_at >= QUIET_BEFORE_HANG_UP_S
