"""The caller of a drill: asks a question, and makes the best of whatever answers.                       pure

They ask again when another agent has taken over or they are asked to, press 1 in a menu that only understands keys (0
the next time), talk to a person, leave a message after the beep, and hang up when they were served, or when nothing
comes any more.
"""

from collections.abc import Callable, Mapping
from typing import Any

from ivr_bridge.simulator.phone.caller import Digits, HangUp, Say, Step, Wait

KEYS = ("1", "0")
"""Pressed in the first, the second menu; in a third one they hang up."""
QUESTIONS = 3
ASKING_PROMPTS = frozenset({"no_input", "are_you_there"})
"""After them a person says it again."""
LISTEN = Wait(0.2)
BEFORE_KEY = Wait(0.6)
"""A menu is told of before its prompt is heard."""
AFTER_MESSAGE = Wait(1.0)
SETTLE_S = 2.0
"""Words are told of before they are heard."""
PATIENCE_S = 25.0
"""Without any news they hang up."""


class DrillCaller:
    """Give it every event of the call; `next_step` is the `then` of a CallScript.

    Args:
        question: asked after the greeting, and again of each agent that takes over.
        message: left on a voicemail.
        clock: monotonic seconds.
    """

    def __init__(self, question: Say, message: Say, clock: Callable[[], float]) -> None:
        self.is_answered = False
        """Whether an agent has answered the last question and is still there."""
        self._question = question
        self._message = message
        self._clock = clock
        self._news_at = clock()
        self._steps: list[Step] = []
        self._asked = 0
        self._is_waiting = False
        self._may_ask = False
        self._has_failed = False
        self._menus = 0
        self._is_served = False

    def server_event(self, name: str, fields: Mapping[str, Any]) -> None:
        """Take what the server tells."""
        match name:
            case "greeting.played":
                self._may_ask = not self._has_failed
            case "agent.recovered":
                self._may_ask = True
            case "rung.climbed":
                self._has_failed, self._may_ask, self._is_waiting, self.is_answered = True, False, False, False
                self._steps.clear()
            case "agent.said":
                self.is_answered = self._is_waiting
                self._may_ask = self._may_ask or self._asked == 0
            case "voicemail.begun":
                self._leave_message()
            case "node.entered" if fields.get("kind") == "menu" and self._has_failed:
                self._open_menu()
            case "prompt.played" | "filler.played" | "call.handed_over":
                self._may_ask = self._may_ask or fields.get("prompt") in ASKING_PROMPTS
            case _:
                return
        self._news_at = self._clock()

    def phone_event(self, kind: str) -> None:
        """Take what the phone sees."""
        if kind == "recording_started":
            self._leave_message()
        elif kind == "person_speaking":
            self._is_served = True
        elif kind == "caller_speaking":
            self._is_waiting = True
        elif kind not in ("ringing", "said_by_network", "played_by_network"):
            return
        self._news_at = self._clock()

    def next_step(self) -> Step | None:
        """What they do next; `None`: nothing more, they hang up when it is quiet."""
        if self._steps:
            return self._steps.pop(0)
        quiet_s = self._clock() - self._news_at
        if self._is_served or self.is_answered:
            return None if quiet_s >= SETTLE_S else LISTEN
        if self._may_ask and self._asked < QUESTIONS:
            self._may_ask = False
            self._asked += 1
            return self._question
        if quiet_s >= PATIENCE_S:
            return HangUp()
        return LISTEN

    def _leave_message(self) -> None:
        self._steps = [self._message, AFTER_MESSAGE, HangUp()]

    def _open_menu(self) -> None:
        """A menu is being read out."""
        self._steps = [BEFORE_KEY, Digits(KEYS[self._menus])] if self._menus < len(KEYS) else [HangUp()]
        self._menus += 1
