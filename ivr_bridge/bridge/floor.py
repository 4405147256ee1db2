"""Who has the floor: the agent, or a menu that plays while the agent only listens.                    pure"""

from ivr_bridge.elevenlabs.conversation.events import AgentAudio

HELD_CHARS = 2 * 1024 * 1024
"""Of base64: what an agent says to nobody is not kept without end."""


class Floor:
    """Holds back the agent's audio while another voice speaks.

    What it said before the caller opened their mouth answers nobody and is dropped; what it says after that is its
    answer, and is given out when words of the caller were understood.
    """

    __slots__ = ("_chars", "_held", "agents")

    def __init__(self) -> None:
        self.agents = False
        """Whether the agent may be heard."""
        self._held: list[AgentAudio] = []
        self._chars = 0

    def hold(self, event: AgentAudio) -> None:
        """Keep a piece for later; past the bound the oldest words win."""
        if self._chars + len(event.payload) <= HELD_CHARS:
            self._held.append(event)
            self._chars += len(event.payload)

    def caller_began(self) -> None:
        """The caller makes a sound: what was held until now is no answer to it."""
        self._held.clear()
        self._chars = 0

    def give(self) -> list[AgentAudio]:
        """The agent has the floor; what it has said as an answer."""
        self.agents = True
        held, self._held = self._held, []
        self._chars = 0
        return held

    def take(self) -> None:
        """Another voice has the floor; what was held is dropped."""
        self.agents = False
        self.caller_began()
