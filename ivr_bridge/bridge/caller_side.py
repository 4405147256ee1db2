"""The caller's side of a stream: what they say, which keys they press, how the stream ends."""

from collections.abc import Callable
from dataclasses import dataclass

from ivr_bridge.bridge.account import CallAccount
from ivr_bridge.bridge.agent_side import AgentSide
from ivr_bridge.bridge.agent_to_caller import AgentToCaller
from ivr_bridge.bridge.caller_to_agent import CallerToAgent
from ivr_bridge.bridge.deadlines import Deadlines
from ivr_bridge.bridge.dtmf import DigitCollector
from ivr_bridge.bridge.filler import Filler
from ivr_bridge.bridge.floor import Floor
from ivr_bridge.bridge.flow_stage import FlowStage
from ivr_bridge.bridge.journey import Journey
from ivr_bridge.bridge.legs import CallerLeg
from ivr_bridge.bridge.termination import Termination
from ivr_bridge.errors import RemoteProtocolError
from ivr_bridge.flows.model import PERSON_KEY, DigitsNode
from ivr_bridge.telemetry import events
from ivr_bridge.telemetry.log import Log
from ivr_bridge.twilio.stream_events import (
    CallerAudio,
    DtmfPressed,
    MarkReached,
    StreamClosed,
    StreamEvent,
    StreamStopped,
    UnknownStreamMessage,
)

KINDS_LOGGED = 10
LATE_TERMINATOR_S = 3.0


@dataclass(frozen=True, slots=True)
class CallerSideNeeds:
    """What the call hands in."""

    leg: CallerLeg
    journey: Journey
    stage: FlowStage
    agent_side: AgentSide
    to_agent: CallerToAgent
    to_caller: AgentToCaller
    floor: Floor
    filler: Filler
    deadlines: Deadlines
    account: CallAccount
    stream_over: Callable[[Termination], None]
    over: Callable[[], bool]
    ending: Callable[[], bool]
    """Whether the last words are being said, so that nothing else counts."""
    clock: Callable[[], float]
    log: Log


class CallerSide:
    """One for each stream; `listen` is its task."""

    def __init__(self, needs: CallerSideNeeds) -> None:
        self._needs = needs
        self._digits = DigitCollector()
        self._keyed: list[str] = []
        self._unknown_kinds: set[str] = set()
        self._terminator_due = ("", 0.0)
        """A key that may still follow a number which needed it no more, and until when."""

    async def listen(self) -> None:
        """Until the stream is over."""
        needs = self._needs
        needs.leg.hear(self._audio_came)
        while True:
            try:
                received = await needs.leg.receive()
            except RemoteProtocolError as error:
                needs.log.emit(events.STREAM_FAULTED, stream_sid=needs.leg.started.stream_sid, error=str(error))
                needs.stream_over(Termination.STREAM_FAULTED)
                return
            for event in received:
                self._receive(event)
            if needs.over():
                return

    def _audio_came(self, event: CallerAudio) -> None:
        self._needs.deadlines.media_came(self._needs.clock())
        self._needs.to_agent.audio(event)

    def _receive(self, event: StreamEvent) -> None:
        needs = self._needs
        match event:
            case CallerAudio():
                self._audio_came(event)
            case MarkReached(name):
                needs.to_caller.mark_reached(name)
            case DtmfPressed(digit):
                needs.log.emit(events.CALLER_KEYED, pii={"digit": "*" if needs.to_agent.muted else digit})
                needs.deadlines.caller_heard(needs.clock())
                self._key_pressed(digit)
            case StreamStopped():
                needs.stream_over(Termination.STREAM_ENDED)
            case StreamClosed(close_code):
                reason = "closed" if event.clean else "lost"
                stream_sid = needs.leg.started.stream_sid
                needs.log.emit(events.STREAM_ENDED, stream_sid=stream_sid, reason=reason, close_code=close_code)
                needs.stream_over(Termination.STREAM_ENDED if event.clean else Termination.STREAM_LOST)
            case UnknownStreamMessage(kind):
                needs.account.unknown_messages += 1
                if kind not in self._unknown_kinds and len(self._unknown_kinds) < KINDS_LOGGED:
                    self._unknown_kinds.add(kind)
                    needs.log.emit(events.STREAM_UNKNOWN, kind=kind[:40])
            case _:
                pass

    def _key_pressed(self, key: str) -> None:
        """The agent's while it talks, but for the one that reaches a person; else the flow's."""
        needs = self._needs
        if needs.ending() or self._late_terminator(key):
            return
        if isinstance(before := needs.journey.node, DigitsNode):
            needs.stage.key_pressed(key)
            if needs.journey.node is not before and key != before.terminator:
                self._terminator_due = (before.terminator, needs.clock() + LATE_TERMINATOR_S)
        elif needs.journey.agent_node is None or (key == PERSON_KEY and needs.journey.flow.person is not None):
            needs.stage.key_pressed(key)
        else:
            self._complete(self._digits.press(key, needs.clock()))

    def _late_terminator(self, key: str) -> bool:
        """Whether a key only closes a number that was complete without it."""
        (terminator, until), self._terminator_due = self._terminator_due, ("", 0.0)
        return key == terminator and self._needs.clock() <= until

    def tick(self, now: float) -> None:
        """A few times a second: a number is complete when no key has come for long."""
        self._complete(self._digits.expire(now))

    def _complete(self, digits: str | None) -> None:
        if digits:
            self._keyed.append(digits)
        if self._keyed and self._needs.agent_side.seated_now:
            self.tell_keyed()

    def tell_keyed(self) -> None:
        """The agent is told what was keyed in, also before it was there."""
        keyed, self._keyed = self._keyed, []
        for number in keyed:
            self._needs.agent_side.say_for_caller(f"I pressed {' '.join(number)} on the keypad.")

    def spoke(self) -> None:
        """A sound that may be speech. Over a voice of ours it is none that waits for an answer."""
        needs = self._needs
        now = needs.clock()
        if not needs.floor.agents:
            needs.floor.caller_began()
            if not needs.agent_side.there and needs.journey.options_by_key and not needs.to_caller.speaking(now):
                # Nobody understands words here; until the menu is said again, the caller is not left in silence.
                needs.filler.begin(now, "turn")
            return
        if not needs.agent_side.there or needs.to_agent.muted or needs.to_caller.speaking(now):
            return
        needs.deadlines.caller_spoke(now)
        if needs.filler.why in (None, "turn"):
            needs.to_caller.stop_filler()
            needs.filler.end()
            needs.filler.begin(now, "turn")

    def understood(self, text: str) -> None:
        """The agent understood words."""
        if not self._needs.ending():
            self._needs.stage.caller_said(text)
