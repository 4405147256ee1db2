"""Exactly one greeting: ours at once, the agent's own not a second time.                              pure"""


class GreetingGate:
    """Drops the agent's own greeting audio while ours stands for it.

    The gate is shut from the start when we play the greeting ourselves; it opens for good with the first sign that
    the agent has gone on: words of the caller, an interruption, a tool call or its second response. So it is right
    whether `event_id` counts replies or pieces of audio.
    """

    __slots__ = ("_responses", "shut")

    def __init__(self, *, shut: bool) -> None:
        self.shut = shut
        """While True, audio of the agent is dropped; its text is kept."""
        self._responses = 0

    def responded(self) -> None:
        """The agent said something: its first response is the greeting, the second is not."""
        self._responses += 1
        if self._responses > 1:
            self.shut = False

    def open(self) -> None:
        """The caller spoke, the agent was interrupted, or it called a tool."""
        self.shut = False
