"""How a conversation is written and read on its socket: today's way, which `messages` and `inbox` already speak."""

from typing import Any

from aiohttp import WSMessage

from ivr_bridge.simulator.service.inbox import read_message


class Dialect:
    """Today's."""

    begins_with_client_data = True
    """Whether the client speaks first, to say how it wants to begin."""
    interrupts_by_itself = True
    """Whether the service stops its reply when the caller speaks; else the client says so."""

    def read(self, received: WSMessage) -> dict[str, Any]:
        """One checked message of the client, in today's words.

        Raises:
            BadMessage: it is none.
        """
        return read_message(received)

    def write(self, message: dict[str, Any]) -> dict[str, Any] | None:
        """A message of today's as it is sent; None for one that is not."""
        return message
