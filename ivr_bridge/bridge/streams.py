"""The streams of all calls: let in by their token, run, and let go of."""

import asyncio
from collections.abc import Awaitable, Callable

from ivr_bridge.bridge.call import Call
from ivr_bridge.bridge.call_needs import CallNeeds, Opening
from ivr_bridge.bridge.call_state import CallState, CallStep
from ivr_bridge.bridge.desk_hands import HandsForCall, close_agent
from ivr_bridge.bridge.legs import CallerLeg
from ivr_bridge.bridge.live_calls import LiveCall, LiveCalls
from ivr_bridge.bridge.parked_agents import ParkedAgents
from ivr_bridge.bridge.switchboard import Switchboard
from ivr_bridge.bridge.termination import FAR_ENDS, Termination
from ivr_bridge.settings import Settings
from ivr_bridge.telemetry import events
from ivr_bridge.telemetry.log import Log
from ivr_bridge.tools.threads import ToolThreads
from ivr_bridge.twilio.stream_events import StreamStarted
from ivr_bridge.twilio.stream_token import StreamTokens

CONVERSATION_KEPT_S = 1.0
"""After the stream's end from Twilio's side: whatever follows may want the conversation back."""
TOOL_THREADS = 64
"""For the sync tools of all calls together, so that slow ones cannot make threads without end."""
CLOSE_CODES = {Termination.STREAM_FAULTED: 1008, Termination.BRIDGE_FAULTED: 1011}
"""What the media socket is closed with; every intended end is 1000."""


class Streams:
    """One for the process.

    Args:
        tokens: of streams that were announced.
        switchboard: dials agents and services.
        calls: now running.
        parked: agents that wait for a stream.
        settings: the environment.
        in_background: does what the stream's end does not wait for.
    """

    def __init__(
        self,
        *,
        tokens: StreamTokens,
        switchboard: Switchboard,
        calls: LiveCalls,
        parked: ParkedAgents,
        settings: Settings,
        in_background: Callable[[Awaitable[None]], None],
    ) -> None:
        self._tokens = tokens
        self._switchboard = switchboard
        self._calls = calls
        self._parked = parked
        self._settings = settings
        self._in_background = in_background
        self._tool_threads = ToolThreads(TOOL_THREADS)
        self.draining = False
        """Whether conversations are closed without waiting for what follows."""

    async def run(self, leg: CallerLeg, live: LiveCall | None, log: Log) -> None:
        """Run the call of a stream that has started, if its token is right; returns when the stream is over.

        Args:
            leg: it has started.
            live: the call that it says it belongs to; None when there is none.
            log: of the call, or of the server.
        """
        started = leg.started
        if live is None or not await self._let_in(live, started):
            reason = "no call waits for it, or its token is wrong, used up, or of another call"
            log.emit(events.STREAM_REFUSED, reason=reason, close_code=1008, stream_sid=started.stream_sid)
            await leg.close(1008, "not admitted")
            return
        live.step(CallStep.STREAM_STARTED)
        now = asyncio.get_running_loop().time()
        since_ms = (now - live.account.begun_at) * 1000
        log.emit(events.STREAM_STARTED, stream_sid=started.stream_sid, ms_since_webhook=since_ms)
        live.account.stream_sid = started.stream_sid
        live.account.streams += 1
        call = live.call = self._call(leg, live)
        termination = Termination.DRAINED
        try:
            termination = await call.run()
        finally:
            live.prompt_played = call.prompt_played and termination is not Termination.STREAM_SILENT
            live.stream_termination = termination
            self._after_stream(live, call)
        await leg.close(CLOSE_CODES.get(termination, 1000))

    async def _let_in(self, live: LiveCall, started: StreamStarted) -> bool:
        if live.state is not CallState.ADMITTED:
            return False
        right = await self._tokens.redeem(started.token, started.call_sid, started.account_sid)
        return right and live.state is CallState.ADMITTED

    def _after_stream(self, live: LiveCall, call: Call) -> None:
        termination = live.stream_termination
        if live.state is CallState.STREAMING:
            live.step(CallStep.STREAM_ENDED)
            self._calls.await_next_word(live)
        live.let_stream_go()
        if call.agent is not None:
            kept_s = CONVERSATION_KEPT_S if termination in FAR_ENDS and not self.draining else 0.0
            self._in_background(close_agent(live, call.agent, after_s=kept_s, by_us=not call.agent_closed))
        if (parked := call.unclaimed) is not None:
            self._in_background(parked.discard("the stream ended first"))

    def _call(self, leg: CallerLeg, live: LiveCall) -> Call:
        ivr, desk = live.ivr, HandsForCall(live, self._switchboard, self._in_background)
        parked = self._parked.claim(live.call_sid)
        if parked is None and live.journey.may_need_agent:
            parked = desk.dial(live.order)
        needs = CallNeeds(
            desk=desk,
            settings=self._settings,
            journey=live.journey,
            transcript=live.transcript,
            tools=ivr.tools,
            tool_timeout_s=ivr.config.tool_timeout_s,
            tell_agent_what_was_heard=ivr.config.tell_agent_what_was_heard,
            log=live.log,
            tool_threads=self._tool_threads,
        )
        return Call(leg, Opening(parked, live.order, live.greeting), needs, live.account)
