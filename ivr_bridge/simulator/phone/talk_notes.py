"""Tells the call's listener who begins to speak, once for each stretch of talk."""

from __future__ import annotations

from ivr_bridge.simulator.phone.call_log import CallLog
from ivr_bridge.simulator.phone.caller import Caller
from ivr_bridge.simulator.phone.hearing import Hearing

NEW_TALK_MS = 600
"""A pause so long, or words of the caller, make the agent's next spurt worth an event."""


class TalkNotes:
    """One for a call; ask it every 20 ms."""

    def __init__(self, log: CallLog, hearing: Hearing, caller: Caller) -> None:
        self._log = log
        self._hearing = hearing
        self._caller = caller
        self._noted_spurts = 0
        self._noted_words = self._words_before_talk = 0

    def note(self, *, is_agent: bool = True) -> None:
        """Tell of new speech on either side; what the network itself says (`is_agent=False`) is told by its verb."""
        spurts, spoken = self._hearing.spurts, self._caller.spoken
        for index in range(self._noted_spurts, len(spurts)):
            pause_ms = spurts[index].start_ms - spurts[index - 1].end_ms if index else NEW_TALK_MS
            if is_agent and (pause_ms >= NEW_TALK_MS or self._words_before_talk < len(spoken)):
                self._log.note("agent_speaking")
            self._words_before_talk = len(spoken)
        for _, _, text in spoken[self._noted_words :]:
            self._log.note("caller_speaking", text)
        self._noted_spurts, self._noted_words = len(spurts), len(spoken)
