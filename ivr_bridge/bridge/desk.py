"""What the webhooks ask of the bridge: admit a call, what to answer, what follows a stream."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ivr_bridge.bridge import handing_over
from ivr_bridge.bridge.admission import choose_agent, new_call
from ivr_bridge.bridge.call_state import CallState, CallStep
from ivr_bridge.bridge.ivr import Ivr
from ivr_bridge.bridge.journey import utc_now
from ivr_bridge.bridge.legs import CallerLeg
from ivr_bridge.bridge.live_calls import LiveCall, LiveCalls
from ivr_bridge.bridge.parked_agents import ParkedAgents
from ivr_bridge.bridge.streams import Streams
from ivr_bridge.bridge.switchboard import Switchboard
from ivr_bridge.bridge.termination import LEAVINGS, Termination
from ivr_bridge.bridge.voicemail_file import VoicemailFile
from ivr_bridge.flows.model import Language
from ivr_bridge.flows.moves import DialEnded
from ivr_bridge.settings import Settings
from ivr_bridge.telemetry import events
from ivr_bridge.telemetry.log import Log
from ivr_bridge.twilio.call_desk import (
    Answer,
    ConnectStream,
    DialNumber,
    HangUp,
    IncomingCall,
    Recording,
    SayAndHangUp,
    Spoken,
)
from ivr_bridge.twilio.stream_token import StreamTokens

STREAM_NOTICE_S = 2.0
"""Twilio's question about what follows can overtake our own notice that the socket is gone."""
LAST_WORDS_S = 15.0
LAST_STATUS_S = 1.0
"""Twilio's status callback of the last call comes after the answer that ended it; somebody must be there."""
ANSWERS_KEPT = 1000
CLOSE_WAIT_S = 2.0
"""For conversations that are being closed when the process ends."""
COMPLETED = frozenset({"completed", "busy", "failed", "no-answer", "canceled"})
SPOKEN_TO = frozenset({"completed", "answered"})
"""The caller was put through to a person and they have talked."""


@dataclass(frozen=True, slots=True)
class DeskNeeds:
    """What app.py hands in."""

    settings: Settings
    ivr: Callable[[], Ivr]
    """The configuration that a new call gets."""
    tokens: StreamTokens
    switchboard: Switchboard
    log: Log
    wall: Callable[[], datetime] = utc_now


class Desk:
    """The `CallDesk` of twilio/: one for the process."""

    def __init__(self, needs: DeskNeeds) -> None:
        self._needs = needs
        self._settings = needs.settings
        self._voicemails = VoicemailFile(needs.settings.var_dir / "voicemails.jsonl")
        self.calls = LiveCalls(needs.settings.max_calls)
        self.parked = ParkedAgents(needs.settings.max_parked_agents)
        self.draining = False
        self._streams = Streams(
            tokens=needs.tokens,
            switchboard=needs.switchboard,
            calls=self.calls,
            parked=self.parked,
            settings=needs.settings,
            in_background=self._in_background,
        )
        self._answered: dict[str, Answer] = {}
        """What followed the last streams: Twilio repeats a request, and the answer is the same."""
        self._repeats: dict[str, Answer] = {}
        """By idempotency token: of two diallings of one call, only this tells a repetition from the second."""
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
            return self._instead(live.ivr, live.language)
        log = self._needs.log.bind(call_sid=call.call_sid)
        if live is None:
            live = new_call(self._needs.ivr(), call, log, begun_at, self._needs.wall)
            if self.draining:
                return self._refuse(live, Termination.DRAINING)
            if not self.calls.admit(live):
                return self._refuse(live, Termination.BUSY)
        elif self.draining:
            return self._refuse(live, Termination.DRAINED)
        else:
            live.journey.begin_anew()
            live.admit_again()
        answer = await self._expect_stream(live)
        spent_ms = (asyncio.get_running_loop().time() - begun_at) * 1000
        log.emit(events.CALL_ANSWERED, ms=spent_ms, pii={"caller": call.caller, "called": call.called})
        return answer

    async def _expect_stream(self, live: LiveCall) -> ConnectStream:
        """A stream is on its way, and an agent if the flow may want one."""
        self.calls.await_stream(live)
        choose_agent(live)
        if live.journey.may_need_agent:
            wanted = live.order
            self.parked.park(live.call_sid, lambda: self._needs.switchboard.dial(live, wanted), live.log)
        return await self._ticket(live)

    async def _ticket(self, live: LiveCall) -> ConnectStream:
        """The stream of an admitted call and its token, minted once however many ask at a time."""
        async with live.answering:
            if live.answer is None:
                token = await self._needs.tokens.mint(live.call_sid, live.asked.account_sid)
                live.answer = ConnectStream(token, self._spoken(live, "not_available"))
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
        return SayAndHangUp(self._spoken(live, prompt))

    @staticmethod
    def _spoken(live: LiveCall, prompt: str) -> Spoken:
        return Spoken(live.ivr.prompts.text(prompt, live.language), live.language)

    def _apology(self) -> SayAndHangUp:
        """For a call that is not known here."""
        ivr = self._needs.ivr()
        return SayAndHangUp(Spoken(ivr.prompts.text("sorry", ivr.config.language), ivr.config.language))

    def run_stream(self, leg: CallerLeg) -> Coroutine[Any, Any, None]:
        """Run the call of a stream that has started, if its token is right; returns when the stream is over."""
        live = self.calls.find(leg.started.call_sid)
        return self._streams.run(leg, live, live.log if live is not None else self._needs.log)

    # What follows a stream

    async def stream_ended(self, call: IncomingCall) -> Answer:
        """Answer the `action` of `<Connect>`: nothing more to hear, or the apology that could not be played."""
        token = call.idempotency_token
        if token and (again := self._repeats.get(token)) is not None:
            return again
        answer = await self._what_follows(call)
        if token:
            self._repeats[token] = answer
            if len(self._repeats) > ANSWERS_KEPT:
                del self._repeats[next(iter(self._repeats))]
        return answer

    async def _what_follows(self, call: IncomingCall) -> Answer:
        live = self.calls.find(call.call_sid)
        completed = call.status in COMPLETED
        if live is None:
            self._needs.log.bind(call_sid=call.call_sid).emit(events.STREAM_END_ANSWERED, next_step="unknown call")
            if completed or call.dial_status in SPOKEN_TO:
                return HangUp()
            return self._answered.get(call.call_sid) or self._apology()
        if live.state is CallState.STREAMING:
            await self._stream_must_be_gone(live)
        if live.state is CallState.AWAY:
            return await self._came_back(live, call, completed=completed)
        if live.state is CallState.ADMITTED and call.dial_status and not completed:
            return await self._ticket(live)
        if not completed and live.stream_termination in LEAVINGS:
            return self._hand_over(live)
        termination = live.final(completed)
        unheard = termination.prompt is not None or termination.result != "completed"
        speak = unheard and not live.prompt_played and not completed and call.dial_status not in SPOKEN_TO
        live.log.emit(events.STREAM_END_ANSWERED, next_step="say and hang up" if speak else "hang up")
        self._over(live, termination)
        return self._remember(
            live, SayAndHangUp(self._spoken(live, termination.prompt or "sorry")) if speak else HangUp()
        )

    def _remember(self, live: LiveCall, answer: Answer) -> Answer:
        self._answered[live.call_sid] = answer
        if len(self._answered) > ANSWERS_KEPT:
            del self._answered[next(iter(self._answered))]
        return answer

    def _hand_over(self, live: LiveCall) -> Answer:
        """Twilio goes on: with a person, the recorder, or the vendor."""
        answer = handing_over.leave(live.journey, lambda prompt: self._spoken(live, prompt))
        live.step(CallStep.HANDED_OVER)
        self.calls.await_return(live, self._settings.max_call_s)
        live.log.emit(events.CALL_HANDED_OVER, where=handing_over.name(answer))
        return self._remember(live, answer)

    async def _came_back(self, live: LiveCall, call: IncomingCall, *, completed: bool) -> Answer:
        """A `<Dial>` has ended; or Twilio repeats its question of before, and gets the same answer."""
        if not call.dial_status and not completed:
            return self._answered.get(live.call_sid) or HangUp()
        spoken = call.dial_status in SPOKEN_TO
        if completed or spoken or live.journey.leaving is None:
            termination = live.stream_termination or Termination.STREAM_UNEXPLAINED
            gave_up = live.journey.leaving is not None and completed and not spoken
            self._over(live, Termination.CALLER_HUNG_UP if gave_up else termination)
            return self._remember(live, HangUp())
        live.journey.came_back()
        actions = live.journey.step(DialEnded(spoken=False))
        answer = handing_over.without_stream(live.journey, actions, lambda prompt: self._spoken(live, prompt))
        if answer is not None:
            live.log.emit(events.CALL_HANDED_OVER, where=handing_over.name(answer))
            live.stream_termination = handing_over.TERMINATIONS[type(answer)]
            self.calls.await_return(live, self._settings.max_call_s)
            if isinstance(answer, HangUp | SayAndHangUp):
                self._over(live, live.stream_termination)
            return self._remember(live, answer)
        live.journey.pending = actions
        live.admit_again()
        return await self._expect_stream(live)

    async def voicemail_taken(self, call: IncomingCall, recording: Recording) -> Answer:
        """Keep the line before Twilio gets its answer, also of a call that is not known any more."""
        live = self.calls.find(call.call_sid)
        log = live.log if live is not None else self._needs.log.bind(call_sid=call.call_sid)
        if await self._voicemails.keep(call, recording):
            log.emit(
                events.VOICEMAIL_TAKEN,
                recording_sid=recording.sid,
                duration_s=recording.duration_s,
                pii={"caller": call.caller},
            )
        if live is not None and live.state is CallState.AWAY:
            self._over(live, Termination.VOICEMAIL_LEFT)
        return HangUp()

    async def _stream_must_be_gone(self, live: LiveCall) -> None:
        try:
            async with asyncio.timeout(STREAM_NOTICE_S):
                await live.stream_gone()
        except TimeoutError:
            if live.call is not None:
                live.call.stream_over(Termination.STREAM_ENDED)
                await live.stream_gone()

    async def fallback(self, call: IncomingCall, error_code: str, error_url: str) -> Answer:
        """Twilio could not use an answer of ours: a person, or an apology; this call gets no stream any more."""
        live = self.calls.find(call.call_sid)
        ivr = live.ivr if live is not None else self._needs.ivr()
        answer = self._instead(ivr, live.language if live is not None else ivr.config.language)
        log = self._needs.log.bind(call_sid=call.call_sid)
        log.emit(
            events.FALLBACK_ANSWERED,
            error_code=error_code,
            error_url=error_url.partition("?")[0],
            answer="dial" if isinstance(answer, DialNumber) else "say",
        )
        self._answered.pop(call.call_sid, None)
        if live is not None and live.state is not CallState.STREAMING:
            self._over(live, live.final(by_status=False))
        return answer

    def _instead(self, ivr: Ivr, language: Language) -> Answer:
        """What a caller gets for whom there is no stream: a person, or an apology."""
        number = self._settings.fallback_number
        if number:
            return DialNumber(number, Spoken(ivr.prompts.text("connecting", language), language))
        return SayAndHangUp(Spoken(ivr.prompts.text("sorry", language), language))

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
        await live.stream_gone()
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
        self.draining = self._streams.draining = True
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
                elif live.state is CallState.AWAY:
                    self._over(live, live.final(by_status=False))
        try:
            async with asyncio.timeout(LAST_WORDS_S):
                await self.calls.all_over()
        except TimeoutError:
            return
        if had_calls:
            await asyncio.sleep(LAST_STATUS_S)

    async def close(self) -> None:
        """Let go of everything: calls that are left end as DRAINED."""
        self.draining = self._streams.draining = True
        left = self.calls.all()
        for live in left:
            if live.call is not None:
                live.call.stream_over(Termination.DRAINED)
        for live in left:
            if live.call is not None:
                await live.stream_gone()
            never_left = live.state is CallState.AWAITED and live.stream_termination in LEAVINGS
            self._over(live, Termination.DRAINED if never_left else live.stream_termination or Termination.DRAINED)
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
