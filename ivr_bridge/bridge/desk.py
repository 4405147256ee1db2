"""What the webhooks ask of the bridge: admit a call, what to answer, what follows a stream."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from ivr_bridge.bridge.account import CallAccount
from ivr_bridge.bridge.agent_profile import AgentProfile
from ivr_bridge.bridge.call import Call, CallNeeds, Opening
from ivr_bridge.bridge.call_state import CallState, CallStep
from ivr_bridge.bridge.greeting_choice import AGENT_GREETS
from ivr_bridge.bridge.legs import AgentLeg, CallerLeg
from ivr_bridge.bridge.live_calls import LiveCall, LiveCalls
from ivr_bridge.bridge.parked_agents import ParkedAgent, ParkedAgents
from ivr_bridge.bridge.termination import FAR_ENDS, Termination
from ivr_bridge.settings import BridgeConfig, Settings
from ivr_bridge.speech.prompts import Prompts
from ivr_bridge.telemetry import events
from ivr_bridge.telemetry.log import Log
from ivr_bridge.tools.registry import ToolRegistry
from ivr_bridge.tools.threads import ToolThreads
from ivr_bridge.twilio.call_desk import Answer, ConnectStream, DialNumber, HangUp, IncomingCall, SayAndHangUp, Spoken
from ivr_bridge.twilio.stream_events import StreamStarted
from ivr_bridge.twilio.stream_token import StreamTokens

CONVERSATION_KEPT_S = 1.0
"""After the stream's end from Twilio's side: whatever follows may want the conversation back."""
STREAM_NOTICE_S = 2.0
"""Twilio's question about what follows can overtake our own notice that the socket is gone."""
LAST_WORDS_S = 15.0
LAST_STATUS_S = 1.0
"""Twilio's status callback of the last call comes after the answer that ended it; somebody must be there."""
ANSWERS_KEPT = 1000
TOOL_THREADS = 64
"""For the sync tools of all calls together, so that slow ones cannot make threads without end."""
CLOSE_WAIT_S = 2.0
"""For conversations that are being closed when the process ends."""
COMPLETED = frozenset({"completed", "busy", "failed", "no-answer", "canceled"})
SPOKEN_TO = frozenset({"completed", "answered"})
"""The caller was put through to a person and they have talked."""
CLOSE_CODES = {Termination.STREAM_FAULTED: 1008, Termination.BRIDGE_FAULTED: 1011}
"""What the media socket is closed with; every intended end is 1000."""

DialAgent = Callable[["LiveCall"], Awaitable[AgentLeg]]


@dataclass(frozen=True, slots=True)
class DeskNeeds:
    """What app.py hands in."""

    settings: Settings
    config: BridgeConfig
    tokens: StreamTokens
    prompts: Prompts
    profile: AgentProfile
    tools: ToolRegistry
    dial: DialAgent
    log: Log


class Desk:
    """The `CallDesk` of twilio/: one for the process."""

    def __init__(self, needs: DeskNeeds) -> None:
        self._needs = needs
        self._settings = needs.settings
        self._language = needs.config.language
        self.calls = LiveCalls(needs.settings.max_calls)
        self.parked = ParkedAgents(needs.settings.max_parked_agents)
        self.draining = False
        self._tool_threads = ToolThreads(TOOL_THREADS)
        self._answered: dict[str, Answer] = {}
        """What followed the last streams: Twilio repeats a request, and the answer is the same."""
        self._background: set[asyncio.Task[None]] = set()

    # The voice webhook

    async def answer_voice(self, call: IncomingCall) -> Answer:
        """Admit a call and say what it gets; nothing remote is waited for.

        Asked again, the answer is the same, to the byte, while its token can be used; with a stream of that call
        alive it is the fallback; after that it is a new admission.
        """
        begun_at = asyncio.get_running_loop().time()
        live = self.calls.find(call.call_sid)
        if live is not None and live.state is CallState.ADMITTED:
            live.log.emit(events.CALL_REPEATED, same=True)
            return await self._ticket(live)
        if live is not None and live.state is CallState.STREAMING:
            live.log.emit(events.CALL_REPEATED, same=False)
            return self._instead()
        log = self._needs.log.bind(call_sid=call.call_sid)
        if live is None:
            live = LiveCall(call, self._language, log, CallAccount(begun_at), AGENT_GREETS)
            if self.draining:
                return self._refuse(live, Termination.DRAINING)
            if not self.calls.admit(live):
                return self._refuse(live, Termination.BUSY)
        elif self.draining:
            return self._refuse(live, Termination.DRAINED)
        else:
            live.admit_again()
        self.calls.await_stream(live)
        live.greeting = self._needs.profile.greeting()
        self.parked.park(call.call_sid, lambda: self._needs.dial(live), log)
        answer = await self._ticket(live)
        spent_ms = (asyncio.get_running_loop().time() - begun_at) * 1000
        log.emit(events.CALL_ANSWERED, ms=spent_ms, pii={"caller": call.caller, "called": call.called})
        return answer

    async def _ticket(self, live: LiveCall) -> ConnectStream:
        """The stream of an admitted call and its token, minted once however many ask at a time."""
        async with live.answering:
            if live.answer is None:
                token = await self._needs.tokens.mint(live.call_sid, live.asked.account_sid)
                live.answer = ConnectStream(token, self._spoken("not_available"))
            return live.answer

    def _refuse(self, live: LiveCall, termination: Termination) -> Answer:
        prompt = termination.prompt or "not_available"
        live.log.emit(
            events.CALL_REFUSED,
            reason=termination.code,
            prompt=prompt,
            live_calls=len(self.calls),
            pii={"caller": live.asked.caller, "called": live.asked.called},
        )
        if self.calls.find(live.call_sid) is live:
            self._over(live, termination)
        else:
            live.log.emit(events.CALL_ENDED, **live.account.fields(termination, asyncio.get_running_loop().time()))
        return self._say(prompt)

    def _spoken(self, prompt: str) -> Spoken:
        return Spoken(self._needs.prompts.text(prompt, self._language), self._language)

    def _say(self, prompt: str) -> SayAndHangUp:
        return SayAndHangUp(self._spoken(prompt))

    # The stream

    async def run_stream(self, leg: CallerLeg) -> None:
        """Run the call of a stream that has started, if its token is right; returns when the stream is over."""
        started = leg.started
        live = self.calls.find(started.call_sid)
        if live is None or not await self._let_in(live, started):
            log = live.log if live is not None else self._needs.log
            reason = "no call waits for it, or its token is wrong, used up, or of another call"
            log.emit(events.STREAM_REFUSED, reason=reason, close_code=1008, stream_sid=started.stream_sid)
            await leg.close(1008, "not admitted")
            return
        log = live.log
        live.step(CallStep.STREAM_STARTED)
        now = asyncio.get_running_loop().time()
        since_ms = (now - live.account.begun_at) * 1000
        log.emit(events.STREAM_STARTED, stream_sid=started.stream_sid, ms_since_webhook=since_ms)
        live.account.stream_sid = started.stream_sid
        live.account.streams += 1
        live.stream_gone.clear()
        call = live.call = Call(leg, self._opening(live), self._call_needs(live), live.account)
        termination = Termination.DRAINED
        try:
            termination = await call.run()
        finally:
            live.call = None
            live.prompt_played = call.prompt_played and termination is not Termination.STREAM_SILENT
            live.stream_termination = termination
            self._after_stream(live, call)
        await leg.close(CLOSE_CODES.get(termination, 1000))

    async def _let_in(self, live: LiveCall, started: StreamStarted) -> bool:
        if live.state is not CallState.ADMITTED:
            return False
        right = await self._needs.tokens.redeem(started.token, started.call_sid, started.account_sid)
        return right and live.state is CallState.ADMITTED

    def _after_stream(self, live: LiveCall, call: Call) -> None:
        termination = live.stream_termination
        if live.state is CallState.STREAMING:
            live.step(CallStep.STREAM_ENDED)
            self.calls.await_next_word(live)
        live.stream_gone.set()
        kept_s = CONVERSATION_KEPT_S if termination in FAR_ENDS else 0.0
        if call.agent is not None:
            self._in_background(self._close_agent(live, call.agent, kept_s, by_us=not call.agent_closed))
        elif (parked := call.unclaimed) is not None:
            self._in_background(parked.discard("the stream ended first"))

    async def _close_agent(self, live: LiveCall, agent: AgentLeg, after_s: float, *, by_us: bool) -> None:
        if after_s and not self.draining:
            await asyncio.sleep(after_s)
        if by_us:
            live.account.agent_close_code = 1000
            live.log.emit(events.AGENT_CLOSED, close_code=1000, reason="the call is over", by="bridge")
        await agent.close("the call is over")

    def _opening(self, live: LiveCall) -> Opening:
        parked = self.parked.claim(live.call_sid)
        if parked is None:
            parked = ParkedAgent(lambda: self._needs.dial(live), live.log)
        greeting = AGENT_GREETS if parked.failed else live.greeting
        return Opening(parked, greeting)

    def _call_needs(self, live: LiveCall) -> CallNeeds:
        needs = self._needs
        return CallNeeds(
            settings=needs.settings,
            prompt=lambda name: needs.prompts.get(name, live.language),
            tools=needs.tools,
            tool_timeout_s=needs.config.tool_timeout_s,
            tell_agent_what_was_heard=needs.config.tell_agent_what_was_heard,
            info=live.info,
            log=live.log,
            tool_threads=self._tool_threads,
        )

    # What follows a stream

    async def stream_ended(self, call: IncomingCall) -> Answer:
        """Answer the `action` of `<Connect>`: nothing more to hear, or the apology that could not be played."""
        live = self.calls.find(call.call_sid)
        completed = call.status in COMPLETED
        if live is None:
            self._needs.log.bind(call_sid=call.call_sid).emit(events.STREAM_END_ANSWERED, next_step="unknown call")
            if completed or call.dial_status in SPOKEN_TO:
                return HangUp()
            return self._answered.get(call.call_sid) or self._say("sorry")
        if live.state is CallState.STREAMING:
            await self._stream_must_be_gone(live)
        termination = live.final(completed)
        unheard = termination.prompt is not None or termination.result != "completed"
        speak = unheard and not live.prompt_played and not completed
        live.log.emit(events.STREAM_END_ANSWERED, next_step="say and hang up" if speak else "hang up")
        self._over(live, termination)
        answer: Answer = self._say(termination.prompt or "sorry") if speak else HangUp()
        self._answered[call.call_sid] = answer
        if len(self._answered) > ANSWERS_KEPT:
            del self._answered[next(iter(self._answered))]
        return answer

    async def _stream_must_be_gone(self, live: LiveCall) -> None:
        try:
            async with asyncio.timeout(STREAM_NOTICE_S):
                await live.stream_gone.wait()
        except TimeoutError:
            if live.call is not None:
                live.call.stream_over(Termination.STREAM_ENDED)
                await live.stream_gone.wait()

    async def fallback(self, call: IncomingCall, error_code: str, error_url: str) -> Answer:
        """Twilio could not use an answer of ours: a person, or an apology; this call gets no stream any more."""
        answer = self._instead()
        live = self.calls.find(call.call_sid)
        log = self._needs.log.bind(call_sid=call.call_sid)
        log.emit(
            events.FALLBACK_ANSWERED,
            error_code=error_code,
            error_url=error_url.partition("?")[0],
            answer="dial" if isinstance(answer, DialNumber) else "say",
        )
        if live is not None and live.state is not CallState.STREAMING:
            self._over(live, live.final(by_status=False))
        return answer

    def _instead(self) -> Answer:
        """What a caller gets for whom there is no stream: a person, or an apology."""
        number = self._settings.fallback_number
        return DialNumber(number, self._spoken("connecting")) if number else self._say("sorry")

    def status_changed(self, call_sid: str, status: str, duration_s: int | None) -> None:
        """Enter Twilio's status callback; unordered and repeated ones change nothing."""
        live = self.calls.find(call_sid)
        log = live.log if live is not None else self._needs.log.bind(call_sid=call_sid)
        log.emit(events.CALL_STATUS_CHANGED, status=status, duration_s=duration_s)
        if live is None or status not in COMPLETED:
            return
        if live.state is CallState.STREAMING and live.call is not None:
            live.call.stream_over(Termination.STREAM_ENDED)
            self._in_background(self._over_when_gone(live))
        else:
            self._over(live, live.final(by_status=True))

    async def _over_when_gone(self, live: LiveCall) -> None:
        await live.stream_gone.wait()
        self._over(live, live.final(by_status=True))

    def stream_status_changed(self, call_sid: str, stream_sid: str, status: str, error: str) -> None:
        """Enter Twilio's notice about a stream: the only one that names a 319xx error."""
        live = self.calls.find(call_sid)
        log = live.log if live is not None else self._needs.log.bind(call_sid=call_sid)
        log.emit(events.STREAM_STATUS_CHANGED, stream_sid=stream_sid, status=status, error=error)

    def _over(self, live: LiveCall, termination: Termination) -> None:
        if live.state is CallState.ADMITTED and live.answer is not None:
            self._in_background(self._forget_token(live.answer.token, live.asked))
        self.parked.discard(live.call_sid, termination.code)
        self.calls.end(live, termination)

    async def _forget_token(self, token: str, call: IncomingCall) -> None:
        """A token that nobody came with: used up, so that the store does not keep it until it expires."""
        await self._needs.tokens.redeem(token, call.call_sid, call.account_sid)

    # The end of the process

    async def drain(self, drain_s: float) -> None:
        """No new call; live ones go on for `drain_s`, then a prompt and a proper end. Cancelling it ends at once."""
        self.draining = True
        had_calls = len(self.calls) > 0
        self._needs.log.emit(events.SERVER_DRAINING, live_calls=len(self.calls), drain_s=drain_s)
        try:
            async with asyncio.timeout(drain_s):
                await self.calls.all_over()
        except TimeoutError:
            for live in self.calls.all():
                if live.call is not None:
                    live.call.end(Termination.DRAINED, at_once=True)
                elif live.state is CallState.ADMITTED:
                    self._over(live, Termination.DRAINED)
        try:
            async with asyncio.timeout(LAST_WORDS_S):
                await self.calls.all_over()
        except TimeoutError:
            return
        if had_calls:
            await asyncio.sleep(LAST_STATUS_S)

    async def close(self) -> None:
        """Let go of everything: calls that are left end as DRAINED."""
        self.draining = True
        left = self.calls.all()
        for live in left:
            if live.call is not None:
                live.call.stream_over(Termination.DRAINED)
        for live in left:
            if live.call is not None:
                await live.stream_gone.wait()
            self._over(live, live.stream_termination or Termination.DRAINED)
        await self.parked.close()
        if self._background:
            _, late = await asyncio.wait(set(self._background), timeout=CLOSE_WAIT_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _in_background(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
