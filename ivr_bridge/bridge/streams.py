"""The streams of all calls: let in by their token, run, and let go of."""

import asyncio
from collections.abc import Awaitable, Callable

from ivr_bridge.bridge.call import Call
from ivr_bridge.bridge.call_needs import CallNeeds, Opening
from ivr_bridge.bridge.call_state import CallState, CallStep
from ivr_bridge.bridge.desk_hands import HandsForCall, close_agent
from ivr_bridge.bridge.greeting_choice import AGENT_GREETS
from ivr_bridge.bridge.kept_agents import KeptAgents
from ivr_bridge.bridge.legs import CallerLeg
from ivr_bridge.bridge.live_calls import LiveCall, LiveCalls
from ivr_bridge.bridge.parked_agents import ParkedAgent, ParkedAgents
from ivr_bridge.bridge.sounds import Sounds
from ivr_bridge.bridge.switchboard import Switchboard
from ivr_bridge.bridge.termination import LEAVINGS, LOST_STREAMS, Termination
from ivr_bridge.bridge.whereabouts import Whereabouts
from ivr_bridge.settings import Settings
from ivr_bridge.telemetry import events
from ivr_bridge.telemetry.log import Log
from ivr_bridge.tools.threads import ToolThreads
from ivr_bridge.twilio.stream_token import StreamTokens

KEEPING = LOST_STREAMS | LEAVINGS - {Termination.VOICEMAIL_LEFT, Termination.VENDOR_TOOK_OVER}
"""After such a stream another one may come, which wants the conversation back."""
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
        kept: agents whose stream is over.
        whereabouts: of calls that another worker holds.
        settings: the environment.
        in_background: does what the stream's end does not wait for.
        sounds: where messages and recordings go; None: nothing is recorded here.
    """

    def __init__(
        self,
        *,
        tokens: StreamTokens,
        switchboard: Switchboard,
        calls: LiveCalls,
        parked: ParkedAgents,
        kept: KeptAgents,
        whereabouts: Whereabouts,
        settings: Settings,
        in_background: Callable[[Awaitable[None]], None],
        sounds: Sounds | None = None,
    ) -> None:
        self._tokens = tokens
        self._switchboard = switchboard
        self._calls = calls
        self._parked = parked
        self._kept = kept
        self._whereabouts = whereabouts
        self._settings = settings
        self._in_background = in_background
        self._sounds = sounds
        self._tool_threads = ToolThreads(TOOL_THREADS)
        self.draining = False
        """Whether conversations are closed without waiting for what follows."""

    async def run(self, leg: CallerLeg, log: Log) -> None:
        """Run the call of a stream that has started, if its token is right; returns when the stream is over.

        Args:
            leg: it has started.
            log: of the call, or of the server.
        """
        started = leg.started
        right = await self._tokens.redeem(started.token, started.call_sid, started.account_sid)
        live = await self._whereabouts.come_here(started.call_sid) if right else None
        if live is None:
            reason = "no call waits for it, or its token is wrong, used up, or of another call"
            log.emit(events.STREAM_REFUSED, reason=reason, close_code=1008, stream_sid=started.stream_sid)
            await leg.close(1008, "not admitted")
            return
        live.step(CallStep.STREAM_STARTED)
        self._whereabouts.tell(live)
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

    def _after_stream(self, live: LiveCall, call: Call) -> None:
        left = call.left_behind()
        if left is not None:
            live.order = left.order
        if live.state is CallState.STREAMING:
            live.step(CallStep.STREAM_ENDED)
            self._calls.await_next_word(live)
        live.let_stream_go()
        wanted = live.state is CallState.AWAITED and live.stream_termination in KEEPING and not self.draining
        if (left is None or not wanted or not self._kept.keep(live, left)) and call.agent is not None:
            self._in_background(close_agent(live, call.agent, by_us=not call.agent_closed))
        if (parked := call.unclaimed) is not None:
            self._in_background(parked.discard("the stream ended first"))
        self._whereabouts.tell(live)

    def _call(self, leg: CallerLeg, live: LiveCall) -> Call:
        ivr, desk = live.ivr, HandsForCall(live, self._switchboard, self._in_background)
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
            sounds=self._sounds,
        )
        return Call(leg, self._opening(live, desk), needs, live.account)

    def _opening(self, live: LiveCall, desk: HandsForCall) -> Opening:
        journey = live.journey
        resumed = journey.state.began and not journey.pending
        kept = self._kept.take(live)
        if kept is not None:
            self._parked.discard(live.call_sid, "the conversation of before goes on")
            back = ParkedAgent(kept.take, live.log)
            return Opening(back, kept.order, AGENT_GREETS, kept.back(), resumed=resumed, lost=kept.lost_its_stream)
        parked = self._parked.claim(live.call_sid)
        if parked is None and journey.may_need_agent:
            parked = desk.dial(live.order)
        return Opening(parked, live.order, live.greeting, resumed=resumed)
