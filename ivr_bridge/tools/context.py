"""What a tool may know of its call and do with it.

A tool asks for it by a parameter annotated `CallControl`; the parameter is filled in and no part of the tool's schema.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Literal, Protocol

from ivr_bridge.errors import ToolError
from ivr_bridge.flows.model import Language

SendMode = Literal["tones", "carrier"]
THREAD_WAITS_S = 10.0
"""How long a tool in a thread waits for the event loop to change the call."""


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
    """What a call can do for a tool. To be called in the event loop; `ThreadedControl` is for other threads.

    What changes the call is begun at once and returns a sentence for the agent; nothing here waits.
    """

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

    def choose_option(self, option: str) -> str:
        """Take an option of the open menu in the caller's place, as if its key had been pressed.

        Args:
            option: its name, as the agent was told when the menu opened.

        Returns:
            What happens now, for the agent: `The caller is taken to <what the option says>.`

        Raises:
            ToolError: no menu is open, or it has no such option; the message lists those that it has.
        """
        ...

    def show_menu(self) -> str:
        """Open the last menu again: its prompt is said, and the agent hears the caller meanwhile.

        Returns:
            What happens now, for the agent.

        Raises:
            ToolError: this call has had no menu.
        """
        ...

    def transfer_after_playout(self, to: str, reason: str) -> str:
        """Put the caller through to a person, once the agent's last words have been played.

        Args:
            to: a transfer node of the flow where the call stands, by its name; empty: the only one that it has.
            reason: what it is about, as the agent puts it; kept as `{transfer_reason}`.

        Returns:
            What happens now, for the agent.

        Raises:
            ToolError: the flow has no transfer node of that name; the message lists those that it has.
        """
        ...

    def send_digits(self, digits: str, mode: SendMode) -> str:
        """Press keys on the line, for a machine at the other end.

        Args:
            digits: 0-9, `*`, `#`, A-D; `w` waits half a second.
            mode: `tones`: as tones in the stream. `carrier`: the stream is left, and another one comes.

        Returns:
            What happens now, for the agent.

        Raises:
            ToolError: those are no keys, or too many.
        """
        ...

    def switch_language(self, language: Language) -> str:
        """Let the call go on in another language: its prompts, and the agent as the flow's `switch` says.

        Returns:
            What happens now, for the agent; also when the call is in this language already.

        Raises:
            ToolError: the call cannot change its language.
        """
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

    def choose_option(self, option: str) -> str:
        """As the call's own; waits for the event loop, at most `THREAD_WAITS_S`.

        Raises:
            ToolError: as the call's own; or the event loop did not come to it in time.
            RuntimeError: the loop is closed, so the call is long over.
        """
        return self._in_loop(partial(self._control.choose_option, option))

    def show_menu(self) -> str:
        """As the call's own; waits and raises like `choose_option`."""
        return self._in_loop(self._control.show_menu)

    def transfer_after_playout(self, to: str, reason: str) -> str:
        """As the call's own; waits and raises like `choose_option`."""
        return self._in_loop(partial(self._control.transfer_after_playout, to, reason))

    def send_digits(self, digits: str, mode: SendMode) -> str:
        """As the call's own; waits and raises like `choose_option`."""
        return self._in_loop(partial(self._control.send_digits, digits, mode))

    def switch_language(self, language: Language) -> str:
        """As the call's own; waits and raises like `choose_option`."""
        return self._in_loop(partial(self._control.switch_language, language))

    def _in_loop(self, action: Callable[[], str]) -> str:
        """What `action` returns or raises in the event loop; in the loop's own thread it is called directly."""
        try:
            here: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        except RuntimeError:
            here = None
        if here is self._loop:
            return action()
        outcome: Future[str] = Future()

        def act() -> None:
            if not outcome.set_running_or_notify_cancel():
                return
            try:
                outcome.set_result(action())
            except BaseException as error:  # noqa: BLE001  # carried over to the tool's thread and raised there
                outcome.set_exception(error)

        self._loop.call_soon_threadsafe(act)
        try:
            return outcome.result(THREAD_WAITS_S)
        except TimeoutError as error:
            # Once cancelled it does not happen later either, behind the back of a tool that was told so.
            outcome.cancel()
            raise ToolError("Sorry, the call is not answering just now.") from error
