"""What a call can do for the agent's tools (later also for the console)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ivr_bridge.bridge.key_tones import MAX_KEYS, key_tones, keys_of
from ivr_bridge.bridge.termination import Termination
from ivr_bridge.errors import ToolError
from ivr_bridge.flows.model import TransferNode
from ivr_bridge.flows.moves import TransferAsked
from ivr_bridge.telemetry import events
from ivr_bridge.tools.context import CallInfo, SendMode

if TYPE_CHECKING:
    from ivr_bridge.bridge.call_parts import CallParts
    from ivr_bridge.language import Language

QUIET_BEFORE_HANG_UP_S = 1.5
"""The agent has said its last words when it was quiet for so long after the tool answered."""
LAST_WORDS_WITHIN_S = 5.0
"""An agent that says nothing more is hung up after this."""

ANSWERED_WITHIN_S = 0.1
"""A tool's answer reaches the agent before its stream is left."""

TRANSFER_BEGINS = (
    "The caller is put through after your last words; say them now, in one short sentence. If nobody can be reached, "
    "the caller may come back to you, and you are told why."
)


class CallControls:
    """Handed to tools as their `CallControl`."""

    __slots__ = ("_asked_at", "_parts", "_spoke_at", "_transfer")

    def __init__(self, parts: CallParts) -> None:
        self._parts = parts
        self._asked_at: float | None = None
        self._spoke_at: float | None = None
        self._transfer: TransferAsked | None = None
        """Where to; None: what was asked for is hanging up."""

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

    def transfer_after_playout(self, to: str, reason: str) -> str:
        """Put the caller through when the last words have been played; ToolError when the flow has no such node."""
        nodes = [name for name, node in self._parts.journey.flow.nodes.items() if isinstance(node, TransferNode)]
        if not to and len(nodes) == 1:
            to = nodes[0]
        if to not in nodes:
            known = ", ".join(nodes)
            raise ToolError(f"There is no such place; there are: {known}." if known else "Nobody can be called here.")
        self._parts.log.emit(events.TRANSFER_ASKED, node=to, pii={"reason": reason})
        self._transfer = TransferAsked(to, reason)
        self.hang_up_after_playout()
        return TRANSFER_BEGINS

    @property
    def transfer_asked(self) -> bool:
        """Whether the caller is to be put through as soon as the last words were played."""
        return self._transfer is not None

    def leave(self) -> None:
        """Do what was asked for, now that the last words were played."""
        self._asked_at = self._spoke_at = None
        transfer, self._transfer = self._transfer, None
        if transfer is not None:
            self._parts.stage.step(transfer)
        else:
            self._parts.call.end(Termination.AGENT_HUNG_UP)

    def send_digits(self, digits: str, mode: SendMode) -> str:
        """Press keys on the line: as tones, or by the carrier; ToolError for what are no keys."""
        parts, keys = self._parts, keys_of(digits)
        if keys is None:
            raise ToolError(f"Those are no keys: write up to {MAX_KEYS} of 0-9, * and #; w waits half a second.")
        parts.log.emit(events.DIGITS_SENT, n_digits=len(keys), mode=mode, pii={"digits": keys})
        if mode == "tones":
            parts.to_caller.play_keys(key_tones(keys))
            return "The keys are being pressed. Listen to what the other side says then."
        parts.call.in_background(self._leave_for(keys))
        return "The keys are being pressed; the line leaves you for a moment, and you are told when it is back."

    async def _leave_for(self, keys: str) -> None:
        await self._parts.to_caller.played_out()
        await asyncio.sleep(ANSWERED_WITHIN_S)
        if not self._parts.call.ending:
            self._parts.journey.digits_due = keys
            self._parts.call.end(Termination.SENDING_DIGITS)

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
