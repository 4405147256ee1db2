"""What a tool may know of its call and do with it.

A tool asks for it by a parameter annotated `CallControl`; the parameter is filled in and no part of the tool's schema.
"""

import asyncio
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class CallInfo:
    """A call as a tool sees it, at the moment it asks."""

    call_sid: str
    caller: str
    """The caller's number as Twilio gave it, `+15551234567`; `anonymous` and the like where it is withheld."""
    called: str
    started_at: str
    """ISO 8601 with UTC offset: an agent reads it, so wall time and not our monotonic clock."""
    duration_s: float
    language: str
    """`en`, `es` or `zh`."""
    conversation_id: str | None
    """ElevenLabs' id; None while no conversation is open."""


class CallControl(Protocol):
    """What a call can do for a tool. To be called in the event loop; `ThreadedControl` is for other threads."""

    @property
    def call_sid(self) -> str:
        """Twilio's id of the call."""
        ...

    def info(self) -> CallInfo:
        """The call as it stands now."""
        ...

    def hang_up_after_playout(self) -> None:
        """Let the call end once the agent's last words have been played; returns at once, may be repeated."""
        ...


class ThreadedControl:
    """A `CallControl` for a tool in a thread of its own: what changes the call is carried out in the event loop.

    Args:
        control: the call's own.
        loop: the one that the call lives in.
    """

    def __init__(self, control: CallControl, loop: asyncio.AbstractEventLoop) -> None:
        self._control = control
        self._loop = loop

    @property
    def call_sid(self) -> str:
        """Twilio's id of the call."""
        return self._control.call_sid

    def info(self) -> CallInfo:
        """The call as it stands now; only reads."""
        return self._control.info()

    def hang_up_after_playout(self) -> None:
        """Ask the event loop for it; returns at once.

        Raises:
            RuntimeError: the loop is closed, so the call is long over.
        """
        self._loop.call_soon_threadsafe(self._control.hang_up_after_playout)
