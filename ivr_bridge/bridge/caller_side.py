"""The caller's side of a stream: what they say, which keys they press, how the stream ends."""

from ivr_bridge.bridge.call_parts import CallParts
from ivr_bridge.bridge.dtmf import DigitCollector
from ivr_bridge.bridge.termination import Termination
from ivr_bridge.errors import RemoteProtocolError
from ivr_bridge.flows.model import PERSON_KEY, DigitsNode
from ivr_bridge.telemetry import events
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


class CallerSide:
    """One for each stream; `listen` is its task."""

    __slots__ = ("_digits", "_keyed", "_parts", "_terminator_due", "_unknown_kinds")

    def __init__(self, parts: CallParts) -> None:
        self._parts = parts
        self._digits = DigitCollector()
        self._keyed: list[str] = []
        self._unknown_kinds: set[str] = set()
        self._terminator_due = ("", 0.0)
        """A key that may still follow a number which needed it no more, and until when."""

    async def listen(self) -> None:
        """Until the stream is over."""
        parts = self._parts
        parts.leg.hear(self._audio_came)
        while True:
            try:
                received = await parts.leg.receive()
            except RemoteProtocolError as error:
                parts.log.emit(events.STREAM_FAULTED, stream_sid=parts.leg.started.stream_sid, error=str(error))
                parts.call.stream_over(Termination.STREAM_FAULTED)
                return
            for event in received:
                self._receive(event)
            if parts.call.over:
                return

    def _audio_came(self, event: CallerAudio) -> None:
        self._parts.deadlines.media_came(self._parts.clock())
        self._parts.to_agent.audio(event)
        for tap in self._parts.caller_taps:
            tap.caller_audio(event)

    def _receive(self, event: StreamEvent) -> None:
        parts = self._parts
        match event:
            case CallerAudio():
                self._audio_came(event)
            case MarkReached(name):
                parts.to_caller.mark_reached(name)
            case DtmfPressed(digit):
                parts.log.emit(events.CALLER_KEYED, pii={"digit": "*" if parts.to_agent.muted else digit})
                parts.deadlines.caller_heard(parts.clock())
                self._key_pressed(digit)
            case StreamStopped():
                parts.call.stream_over(Termination.STREAM_ENDED)
            case StreamClosed(close_code):
                reason = "closed" if event.clean else "lost"
                stream_sid = parts.leg.started.stream_sid
                parts.log.emit(events.STREAM_ENDED, stream_sid=stream_sid, reason=reason, close_code=close_code)
                parts.call.stream_over(Termination.STREAM_ENDED if event.clean else Termination.STREAM_LOST)
            case UnknownStreamMessage(kind):
                parts.account.unknown_messages += 1
                if kind not in self._unknown_kinds and len(self._unknown_kinds) < KINDS_LOGGED:
                    self._unknown_kinds.add(kind)
                    parts.log.emit(events.STREAM_UNKNOWN, kind=kind[:40])
            case _:
                pass

    def _key_pressed(self, key: str) -> None:
        """The agent's while it talks, but for the one that reaches a person; else the flow's."""
        parts = self._parts
        if parts.call.ending or self._late_terminator(key):
            return
        if parts.voicemail is not None:
            parts.voicemail.press(key)
            return
        if isinstance(before := parts.journey.node, DigitsNode):
            parts.stage.key_pressed(key)
            if parts.journey.node is not before and key != before.terminator:
                self._terminator_due = (before.terminator, parts.clock() + LATE_TERMINATOR_S)
        elif parts.journey.agent_node is None or (key == PERSON_KEY and parts.journey.flow.person is not None):
            parts.stage.key_pressed(key)
        else:
            self._complete(self._digits.press(key, parts.clock()))

    def _late_terminator(self, key: str) -> bool:
        """Whether a key only closes a number that was complete without it."""
        (terminator, until), self._terminator_due = self._terminator_due, ("", 0.0)
        return key == terminator and self._parts.clock() <= until

    def tick(self, now: float) -> None:
        """A few times a second: a number is complete when no key has come for long."""
        self._complete(self._digits.expire(now))

    def _complete(self, digits: str | None) -> None:
        if digits:
            self._keyed.append(digits)
        if self._keyed and self._parts.agent_side.seated_now:
            self.tell_keyed()

    def tell_keyed(self) -> None:
        """The agent is told what was keyed in, also before it was there."""
        keyed, self._keyed = self._keyed, []
        for number in keyed:
            self._parts.agent_side.say_for_caller(f"I pressed {' '.join(number)} on the keypad.")

    def spoke(self) -> None:
        """A sound that may be speech. Over a voice of ours it is none that waits for an answer."""
        parts = self._parts
        now = parts.clock()
        if not parts.floor.agents:
            parts.floor.caller_began()
            if not parts.agent_side.there and parts.journey.options_by_key and not parts.to_caller.speaking(now):
                # Nobody understands words here; until the menu is said again, the caller is not left in silence.
                parts.filler.begin(now, "turn")
            return
        if not parts.agent_side.there or parts.to_agent.muted or parts.to_caller.speaking(now):
            return
        parts.deadlines.caller_spoke(now)
        if parts.filler.why in (None, "turn"):
            parts.to_caller.stop_filler()
            parts.filler.end()
            parts.filler.begin(now, "turn")

    def understood(self, text: str) -> None:
        """The agent understood words."""
        if not self._parts.call.ending:
            self._parts.stage.caller_said(text)
