"""What a call can do for the agent's tools (later also for the console)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ivr_bridge.errors import ToolError
from ivr_bridge.tools.context import CallInfo

if TYPE_CHECKING:
    from ivr_bridge.bridge.call_parts import CallParts
    from ivr_bridge.language import Language

QUIET_BEFORE_HANG_UP_S = 1.5
"""The agent has said its last words when it was quiet for so long after the tool answered."""
LAST_WORDS_WITHIN_S = 5.0
"""An agent that says nothing more is hung up after this."""


class CallControls:
    """Handed to tools as their `CallControl`."""

    __slots__ = ("_asked_at", "_parts", "_spoke_at")

    def __init__(self, parts: CallParts) -> None:
        self._parts = parts
        self._asked_at: float | None = None
        self._spoke_at: float | None = None

    @property
    def call_sid(self) -> str:
        """Twilio's id of the call."""
        return self._parts.leg.started.call_sid

    def info(self) -> CallInfo:
        """What is known of this call now."""
        return self._parts.desk.info()

    def hang_up_after_playout(self) -> None:
        """End the call when the last words have been played; returns at once."""
        if self._asked_at is None:
            self._asked_at = self._parts.clock()

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

    def choose_option(self, option: str) -> str:
        """Take an option of the open menu, as if its key had been pressed; ToolError when there is none like that."""
        options = self._parts.journey.options
        says = self._parts.stage.choose_option(option)
        if says is None:
            known = ", ".join(options)
            raise ToolError(f"There is no such option; there are: {known}." if known else "No menu is open.")
        return f"The caller is taken to {says}."

    def show_menu(self) -> str:
        """Open the last menu again; ToolError when the call has had none."""
        if not self._parts.stage.show_menu():
            raise ToolError("This call has no menu.")
        return "The menu is being read to the caller."

    def switch_language(self, language: Language) -> str:
        """Go on in another language."""
        self._parts.stage.change_language(language, by="agent")
        return f"The call goes on in {language}."
