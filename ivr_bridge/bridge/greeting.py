"""Exactly one greeting: ours at once, the agent's own not a second time.                              pure"""

LONGEST_GREETING_MS = 180_000.0


class GreetingGate:
    """Drops the agent's own greeting audio while ours stands for it.

    The gate is shut from the start when we play the greeting ourselves; it opens for good with the first sign that
    the agent has gone on: words of the caller, an interruption, a tool call or its second response. So it is right
    whether `event_id` counts replies or pieces of audio.
    """

    __slots__ = ("_dropped_ms", "_responses", "shut")

    def __init__(self, *, shut: bool) -> None:
        self.shut = shut
        """While True, audio of the agent is dropped; its text is kept."""
        self._responses = 0
        self._dropped_ms = 0.0

    def drop(self, length_ms: float) -> bool:
        """Enter audio that is dropped; False when no greeting is that long: the agent floods."""
        self._dropped_ms += length_ms
        return self._dropped_ms <= LONGEST_GREETING_MS

    def responded(self) -> None:
        """The agent said something: its first response is the greeting, the second is not."""
        self._responses += 1
        if self._responses > 1:
            self.shut = False

    def open(self) -> None:
        """The caller spoke, the agent was interrupted, or it called a tool."""
        self.shut = False
