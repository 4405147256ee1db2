"""Agents between two streams of their call: a conversation outlives its stream for a while.

The stream may come back: after a transfer that failed, a broken socket, or what Twilio did meanwhile. Until then the
agent gets signs of life, so that it does not end for silence; what it says reaches nobody, and it is told so.
"""

import asyncio
from collections.abc import Awaitable, Callable

from ivr_bridge.bridge.call_needs import LeftBehind
from ivr_bridge.bridge.legs import AgentLeg
from ivr_bridge.bridge.live_calls import LiveCall
from ivr_bridge.bridge.parked_agents import PARKED_S
from ivr_bridge.bridge.termination import LOST_STREAMS, Termination
from ivr_bridge.elevenlabs.conversation.events import (
    AgentEvent,
    AgentResponded,
    AgentResponseCorrected,
    CallerTranscribed,
    ConversationClosed,
    ToolRequested,
    VendorFaulted,
)
from ivr_bridge.errors import AgentLost
from ivr_bridge.telemetry import events

SIGN_OF_LIFE_S = 20.0
"""Between two; the vendor ends a conversation that hears nothing for 60 s."""
WELL = 1000
BACK = "The caller is back on the line."
HEARD_ONLY = ' Of your last words the caller heard only: "{heard}"'
HEARD_NOTHING = " The caller heard nothing of your last words."
SAID_TO_NOBODY = " What you said meanwhile was heard by nobody."
CUT_SHORT = "The line was interrupted while this was under way; whether it was done is not known."
"""The answer to a tool call that the stream's end has cancelled."""
CALLER_AWAY = "The caller is not on the line at the moment; ask again when you are told that the caller is back."
"""The answer to a tool call that comes meanwhile."""


class KeptAgent:
    """One agent without a stream; `take` gives it to the next one."""

    __slots__ = ("_cut", "_feeding", "_leg", "_listening", "_live", "_spoke", "_why", "closed", "kept_at", "order")

    def __init__(self, live: LiveCall, left: LeftBehind, why: Termination | None) -> None:
        self._live = live
        self._leg = left.agent
        self._cut = left.cut
        self._why = why
        self._spoke = False
        self.order = left.order
        self.closed: ConversationClosed | None = None
        """How it ended meanwhile, if it did."""
        loop = asyncio.get_running_loop()
        self.kept_at = loop.time()
        self._feeding = loop.call_later(SIGN_OF_LIFE_S, self._feed)
        for tool_call_id in left.unanswered:
            left.agent.send_tool_result(tool_call_id, CUT_SHORT, True)
        self._listening = loop.create_task(self._listen(), name="kept agent")

    @property
    def ended_well(self) -> bool:
        """Whether the agent said goodbye meanwhile: then it is of no use any more."""
        return self.closed is not None and self.closed.close_code == WELL

    @property
    def lost_its_stream(self) -> bool:
        """Whether nobody meant the stream to end, so that something may be left unsaid."""
        return self._why in LOST_STREAMS

    def back(self) -> str:
        """What it is told when its caller is there again."""
        told = BACK
        if self._cut is not None:
            told += HEARD_ONLY.format(heard=self._cut.heard) if self._cut.heard else HEARD_NOTHING
        return told + SAID_TO_NOBODY if self._spoke else told

    async def take(self) -> AgentLeg:
        """The conversation, for the next stream; nobody listens here any more.

        Raises:
            AgentLost: it closed meanwhile.
        """
        await self._stop()
        if self.closed is not None:
            raise AgentLost(self.closed.close_code, self.closed.reason)
        kept_ms = (asyncio.get_running_loop().time() - self.kept_at) * 1000
        self._live.log.emit(events.AGENT_RETURNED, conversation_id=self._leg.conversation_id, kept_ms=kept_ms)
        return self._leg

    def part(self, reason: str) -> Awaitable[None]:
        """Nobody wants it any more: the account and the log say so at once, what is returned closes it."""
        if self.closed is None:
            self._live.account.agent_close_code = WELL
            self._live.log.emit(events.AGENT_CLOSED, close_code=WELL, reason=reason, by="bridge")
        return self._close(reason)

    async def _close(self, reason: str) -> None:
        await self._stop()
        await self._leg.close(reason)

    async def _stop(self) -> None:
        self._feeding.cancel()
        self._listening.cancel()
        await asyncio.wait([self._listening])

    def _feed(self) -> None:
        self._leg.send_user_activity()
        self._feeding = asyncio.get_running_loop().call_later(SIGN_OF_LIFE_S, self._feed)

    async def _listen(self) -> None:
        while self.closed is None:
            for event in await self._leg.receive():
                self._receive(event)

    def _receive(self, event: AgentEvent) -> None:
        live = self._live
        match event:
            case AgentResponded(event_id=event_id, text=text):
                self._spoke = True
                live.account.turns += 1
                live.transcript.said_to_nobody(text)
                live.log.emit(events.AGENT_SAID, event_id=event_id, pii={"text": text})
            case AgentResponseCorrected(event_id=event_id, original=original, corrected=corrected):
                live.transcript.corrected(original, corrected)
                live.log.emit(events.AGENT_CORRECTED, event_id=event_id, pii={"text": corrected})
            case CallerTranscribed(event_id=event_id, text=text):
                live.transcript.heard(text)
                live.log.emit(events.CALLER_SAID, event_id=event_id, pii={"text": text})
            case ToolRequested(tool_name=tool, tool_call_id=tool_call_id):
                live.account.tools += 1
                live.account.tools_failed += 1
                self._leg.send_tool_result(tool_call_id, CALLER_AWAY, True)
                live.log.emit(
                    events.TOOL_FAILED, tool=tool, tool_call_id=tool_call_id, ms=0.0, code="caller_away",
                    error="it came while the call had no stream",
                )  # fmt: skip
            case VendorFaulted():
                live.log.emit(events.AGENT_FAULTED, code=event.code, error_type=event.error_type, error=event.message)
            case ConversationClosed():
                self._feeding.cancel()
                self.closed = event
                live.account.agent_close_code = event.close_code
                live.log.emit(events.AGENT_CLOSED, close_code=event.close_code, reason=event.reason, by="agent")
            case _:
                pass


class KeptAgents:
    """All agents that are kept now, each for at most `keep_s`.

    Args:
        keep_s: seconds; 0 keeps none.
        in_background: closes what nobody waits for.
    """

    def __init__(self, keep_s: float, in_background: Callable[[Awaitable[None]], None]) -> None:
        self._keep_s = keep_s
        self._in_background = in_background
        self._kept: dict[str, tuple[KeptAgent, asyncio.TimerHandle]] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def keep(self, live: LiveCall, left: LeftBehind) -> bool:
        """Keep the conversation of a stream that is over; False when none is kept at all."""
        if not self._keep_s:
            return False
        self.let_go(live.call_sid, "another one is kept")
        kept = KeptAgent(live, left, live.stream_termination)
        self._hold(live.call_sid, kept, self._keep_s)
        why = live.stream_termination.code if live.stream_termination is not None else ""
        live.log.emit(events.AGENT_KEPT, conversation_id=left.agent.conversation_id, keep_s=self._keep_s, why=why)
        return True

    def expect(self, live: LiveCall) -> bool:
        """A stream was announced: whether its agent is here. It is waited for then; one that does not fit is let go.

        An agent that was lost meanwhile counts as here: who takes it is told of the loss, and the ladder follows.
        """
        kept = self._fitting(live)
        if kept is None:
            return False
        self._kept[live.call_sid][1].cancel()
        self._hold(live.call_sid, kept, PARKED_S)
        live.order = kept.order
        return True

    def waits(self, call_sid: str) -> bool:
        """Whether an agent of this call is kept."""
        return call_sid in self._kept

    def take(self, live: LiveCall) -> KeptAgent | None:
        """The agent for a stream that has started, if it is kept and is the one that the call wants."""
        kept = self._fitting(live)
        if kept is not None:
            self._kept.pop(live.call_sid)[1].cancel()
        return kept

    def let_go(self, call_sid: str, reason: str) -> None:
        """Close the agent of this call in the background, if one is kept."""
        entry = self._kept.pop(call_sid, None)
        if entry is not None:
            kept, expiry = entry
            expiry.cancel()
            self._in_background(kept.part(reason))

    def _fitting(self, live: LiveCall) -> KeptAgent | None:
        entry = self._kept.get(live.call_sid)
        if entry is None:
            return None
        kept = entry[0]
        other_wanted = live.journey.agent_node is not None and live.order != kept.order
        if kept.ended_well or other_wanted:
            self.let_go(live.call_sid, "another agent is wanted" if other_wanted else "it has said goodbye")
            return None
        return kept

    def _hold(self, call_sid: str, kept: KeptAgent, for_s: float) -> None:
        reason = f"nobody came back within {for_s:g} s"
        expiry = asyncio.get_running_loop().call_later(for_s, self.let_go, call_sid, reason)
        self._kept[call_sid] = (kept, expiry)
