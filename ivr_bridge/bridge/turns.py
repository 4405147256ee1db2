"""What the agent says and asks for, apart from closing: words, audio, interruptions, tool calls."""

from collections.abc import Callable
from typing import Any, ClassVar

from ivr_bridge.bridge.account import CallAccount
from ivr_bridge.bridge.agent_to_caller import AgentToCaller
from ivr_bridge.bridge.deadlines import Deadlines
from ivr_bridge.bridge.filler import Filler
from ivr_bridge.bridge.floor import Floor
from ivr_bridge.bridge.greeting import GreetingGate
from ivr_bridge.bridge.termination import Termination
from ivr_bridge.bridge.transcript import Transcript
from ivr_bridge.elevenlabs.conversation.events import (
    AgentAudio,
    AgentEvent,
    AgentResponded,
    AgentResponseCompleted,
    AgentResponseCorrected,
    CallerTentative,
    CallerTranscribed,
    Interrupted,
    NotedEvent,
    ToolReported,
    ToolRequested,
    UnknownMessage,
    VendorFaulted,
)
from ivr_bridge.telemetry import events
from ivr_bridge.telemetry.log import Log
from ivr_bridge.tools.dispatch import ToolDispatch

KINDS_LOGGED = 10


class Turns:
    """The conversation as it goes: every event of the agent's leg is entered once, in order."""

    __slots__ = (
        "_account", "_audible", "_clock", "_deadlines", "_filler", "_floor", "_for_caller", "_gate",
        "_greeted_before", "_kinds", "_log", "_tell", "_texts", "_to_caller", "_tools", "_transcript", "_understood",
        "deaf",
    )  # fmt: skip

    def __init__(
        self,
        *,
        to_caller: AgentToCaller,
        gate: GreetingGate,
        floor: Floor,
        filler: Filler,
        transcript: Transcript,
        deadlines: Deadlines,
        tools: ToolDispatch,
        account: CallAccount,
        tell: Callable[[str], None] | None,
        understood: Callable[[str], None],
        greeted: bool = False,
        audible: Callable[[], None],
        clock: Callable[[], float],
        log: Log,
    ) -> None:
        self._to_caller = to_caller
        self._gate = gate
        self._floor = floor
        self._filler = filler
        self._transcript = transcript
        self._understood = understood
        self._audible = audible
        self._deadlines = deadlines
        self._tools = tools
        self._account = account
        self._tell = tell
        self._clock = clock
        self._log = log
        self._texts: dict[int, str] = {}
        self._kinds: set[str] = set()
        self._for_caller: list[str] = []
        """What we asked in the caller's place and the agent has not reported yet."""
        self._greeted_before = greeted
        """Whether a greeting that the gate drops is one that the caller never hears."""
        self.deaf = False
        """While True (the call is ending with a prompt of ours) nothing of the agent's reaches the caller."""

    def another_agent(self, gate: GreetingGate) -> None:
        """What comes from now on is of another conversation."""
        self._gate = gate
        self._texts.clear()
        self._for_caller.clear()
        self._greeted_before = True

    def said_for_caller(self, text: str) -> None:
        """This is asked in the caller's place: the agent reports it as words of the caller, and it is none."""
        self._for_caller.append(" ".join(text.split()))

    def let_greet(self) -> None:
        """Its first words are wanted after all."""
        self._gate.open()

    def receive(self, event: AgentEvent) -> Termination | None:
        """Enter one event; the Termination that it means, if any."""
        handle = self._HANDLERS.get(type(event))
        return handle(self, event) if handle is not None else None

    def _audio(self, event: AgentAudio) -> Termination | None:
        if self._gate.shut:  # what the caller does not hear is no answer to them
            return None if self._gate.drop(self._to_caller.length_ms(event)) else Termination.AGENT_FLOODED
        if self.deaf:
            return None
        if not self._floor.agents:
            self._floor.hold(event)
            return None
        self._deadlines.agent_gave_sign()
        self._filler.end()
        self._audible()
        if not self._account.greeting:
            self._account.greeting = "agent"
        taken = self._to_caller.agent_audio(event)
        if (text := self._texts.pop(event.event_id, None)) is not None:
            self._to_caller.name_reply(text)
        return None if taken else Termination.AGENT_FLOODED

    def _responded(self, event: AgentResponded) -> None:
        self._to_caller.turn_began()
        self._gate.responded()
        self._account.turns += 1
        if not self._gate.shut:
            self._deadlines.agent_gave_sign()
        if not (self._gate.shut and self._greeted_before):
            self._transcript.said(event.text)
        self._log.emit(events.AGENT_SAID, event_id=event.event_id, pii={"text": event.text})
        if (reply := self._to_caller.find(event.event_id)) is not None:
            reply.text.text = event.text
        else:
            self._texts = {event.event_id: event.text}

    def _corrected(self, event: AgentResponseCorrected) -> None:
        self._transcript.corrected(event.original, event.corrected)
        self._log.emit(events.AGENT_CORRECTED, event_id=event.event_id, pii={"text": event.corrected})

    def _completed(self, event: AgentResponseCompleted) -> None:
        self._to_caller.reply_completed(event.event_id)

    def _heard_something(self, _event: CallerTentative) -> None:
        self._deadlines.agent_gave_sign()
        self._deadlines.caller_heard(self._clock())

    def _transcribed(self, event: CallerTranscribed) -> None:
        self._to_caller.turn_began()
        now = self._clock()
        words = " ".join(event.text.split())
        if words in self._for_caller:
            self._for_caller.remove(words)
            self._gate.open()
            return
        self._deadlines.caller_heard(now)
        self._transcript.heard(event.text)
        self._log.emit(events.CALLER_SAID, event_id=event.event_id, pii={"text": event.text})
        if self._gate.shut and self._floor.agents:
            # The agent's clock has its greeting over; the caller still hears ours and has spoken over it.
            self._barge_in()
        self._gate.open()
        self._understood(event.text)
        if self._floor.agents and not self._to_caller.speaking(now):
            self._waits_for_answer(now)

    def agent_owes(self) -> None:
        """It was asked something in the caller's place, or has a tool's result: an answer is due."""
        now = self._clock()
        if not self._to_caller.speaking(now):
            self._waits_for_answer(now)

    def _waits_for_answer(self, now: float) -> None:
        self._deadlines.caller_asked(now)
        self._filler.begin(now, "turn")
        self._filler.understood()

    def _interrupted(self, _event: Interrupted) -> None:
        self._gate.open()
        self._deadlines.caller_heard(self._clock())
        if self._floor.agents:
            self._barge_in()
        else:
            self._floor.caller_began()

    def _tool_requested(self, event: ToolRequested) -> None:
        self._to_caller.turn_began()
        self._gate.open()
        self._deadlines.agent_gave_sign()
        if not self._to_caller.speaking(self._clock()):
            self._filler.begin(self._clock(), "tool")
        self._tools.call(event.tool_name, event.tool_call_id, event.parameters)

    def _tool_reported(self, event: ToolReported) -> Termination | None:
        # Also of its own tools, such as the one that lets it wait: an agent that works is not silent.
        self._deadlines.agent_gave_sign()
        return Termination.AGENT_HUNG_UP if event.ends_call else None

    def _faulted(self, event: VendorFaulted) -> None:
        self._log.emit(events.AGENT_FAULTED, code=event.code, error_type=event.error_type, error=event.message)

    def _noted(self, _event: NotedEvent) -> None:
        self._account.noted_messages += 1

    def _barge_in(self) -> None:
        if self.deaf or (interruption := self._to_caller.interrupt()) is None:
            return
        now = self._clock()
        self._deadlines.caller_spoke(now)
        self._filler.begin(now, "turn")
        self._account.barge_ins += 1
        self._log.emit(
            events.CALLER_BARGED_IN,
            event_id=interruption.event_id,
            heard_ms=interruption.heard_ms,
            sent_ms=interruption.sent_ms,
            dropped_ms=interruption.dropped_ms,
            pii={"heard": interruption.heard},
        )
        self._transcript.corrected(interruption.said, interruption.heard)
        if self._tell is not None:
            self._tell(interruption.heard)

    def _unknown(self, event: UnknownMessage) -> None:
        kind = event.kind
        self._account.unknown_messages += 1
        if kind not in self._kinds and len(self._kinds) < KINDS_LOGGED:
            self._kinds.add(kind)
            self._log.emit(events.AGENT_UNKNOWN, kind=kind[:40])

    def account_for(self) -> None:
        """Carry the totals of tools into the account."""
        self._account.tools += self._tools.called
        self._account.tools_failed += self._tools.failed

    _HANDLERS: ClassVar[dict[type, Callable[[Any, Any], Termination | None]]] = {
        AgentAudio: _audio,
        AgentResponded: _responded,
        AgentResponseCorrected: _corrected,
        AgentResponseCompleted: _completed,
        CallerTentative: _heard_something,
        CallerTranscribed: _transcribed,
        Interrupted: _interrupted,
        ToolRequested: _tool_requested,
        ToolReported: _tool_reported,
        VendorFaulted: _faulted,
        NotedEvent: _noted,
        UnknownMessage: _unknown,
    }
    """Each event of the agent and what it does; one table for all calls."""
