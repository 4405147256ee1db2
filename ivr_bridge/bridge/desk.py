"""What the webhooks ask of the bridge: admit a call, what to answer, what follows a stream."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ivr_bridge.bridge.admission import new_call
from ivr_bridge.bridge.after_stream import COMPLETED, AfterStream
from ivr_bridge.bridge.call_memory import CallMemory
from ivr_bridge.bridge.call_state import CallState
from ivr_bridge.bridge.ivr import Ivr
from ivr_bridge.bridge.journey import utc_now
from ivr_bridge.bridge.kept_agents import KeptAgents
from ivr_bridge.bridge.legs import CallerLeg
from ivr_bridge.bridge.live_calls import LiveCall, LiveCalls
from ivr_bridge.bridge.parked_agents import ParkedAgents
from ivr_bridge.bridge.sound_rows import RowKeeper
from ivr_bridge.bridge.sounds import Sounds
from ivr_bridge.bridge.stream_tickets import StreamTickets
from ivr_bridge.bridge.streams import Streams
from ivr_bridge.bridge.switchboard import CallbackTaker, Switchboard
from ivr_bridge.bridge.termination import LEAVINGS, Termination
from ivr_bridge.bridge.twilio_voicemails import TwilioVoicemails
from ivr_bridge.bridge.warm_transfers import WarmNeeds, WarmTransfers
from ivr_bridge.bridge.whereabouts import Whereabouts
from ivr_bridge.flows.model import Language
from ivr_bridge.settings import Settings
from ivr_bridge.store.memory_store import MemoryStore
from ivr_bridge.store.store import Store
from ivr_bridge.telemetry import events
from ivr_bridge.telemetry.log import Log
from ivr_bridge.twilio.call_desk import (
    Answer,
    DialNumber,
    HangUp,
    IncomingCall,
    Recording,
    SayAndHangUp,
)
from ivr_bridge.twilio.stream_token import StreamTokens

LAST_WORDS_S = 15.0
LAST_STATUS_S = 1.0
"""Twilio's status callback of the last call comes after the answer that ended it; somebody must be there."""
CLOSE_WAIT_S = 2.0
"""For conversations that are being closed when the process ends."""


@dataclass(frozen=True, slots=True)
class DeskNeeds:
    """What app.py hands in."""

    settings: Settings
    ivr: Callable[[], Ivr]
    """The configuration that a new call gets."""
    tokens: StreamTokens
    switchboard: Switchboard
    rows: RowKeeper
    """Where messages are listed that Twilio recorded."""
    log: Log
    warm: WarmNeeds | None = None
    """None: warm transfers are made cold."""
    wall: Callable[[], datetime] = utc_now
    store: Store | None = None
    """What several workers share of their calls; None: this one is alone."""
    sounds: Sounds | None = None
    """Where messages and recordings go; None: nothing is recorded here."""


class Desk:
    """The `CallDesk` of twilio/: one for the process."""

    def __init__(self, needs: DeskNeeds) -> None:
        self._needs = needs
        self._settings = needs.settings
        self.calls = LiveCalls(needs.settings.max_calls)
        self.parked = ParkedAgents(needs.settings.max_parked_agents)
        self.kept = KeptAgents(needs.settings.keep_agent_s, self._in_background)
        self.calls.when_over.append(self._let_agents_go)
        worker, max_call_s = needs.settings.worker_id or secrets.token_hex(4), needs.settings.max_call_s
        self._whereabouts = Whereabouts(
            self.calls,
            CallMemory(needs.store if needs.store is not None else MemoryStore(), worker, max_call_s),
            ivr=needs.ivr,
            wall=needs.wall,
            max_call_s=max_call_s,
            log=needs.log,
        )
        self.draining = False
        self._offer_callback: Callable[[LiveCall], Answer | None] = lambda _live: None
        """What a caller may be offered who finds every line taken."""
        self._streams = Streams(
            tokens=needs.tokens,
            switchboard=needs.switchboard,
            calls=self.calls,
            parked=self.parked,
            kept=self.kept,
            whereabouts=self._whereabouts,
            settings=needs.settings,
            in_background=self._in_background,
            sounds=needs.sounds,
        )
        self._tickets = StreamTickets(
            calls=self.calls,
            parked=self.parked,
            kept=self.kept,
            worker=worker,
            retries=needs.settings.stream_retries,
            tokens=needs.tokens,
            switchboard=needs.switchboard,
            in_background=self._in_background,
        )
        broken_s = needs.settings.transfer_broken_s
        self._warm = (
            WarmTransfers(needs.warm, broken_s=broken_s, in_background=self._in_background, log=needs.log)
            if needs.warm is not None
            else None
        )
        self._after = AfterStream(
            calls=self.calls,
            whereabouts=self._whereabouts,
            tickets=self._tickets,
            ivr=needs.ivr,
            voicemails=TwilioVoicemails(needs.rows),
            warm=self._warm,
            broken_s=broken_s,
            max_call_s=max_call_s,
            log=needs.log,
        )
        self._background: set[asyncio.Task[None]] = set()

    def take_callbacks(self, callbacks: CallbackTaker, offer: Callable[[LiveCall], Answer | None] | None) -> None:
        """Who keeps promises to call back; and what a caller is offered who finds every line taken."""
        self._needs.switchboard.callbacks = callbacks
        if offer is not None:
            self._offer_callback = offer

    # The voice webhook

    async def answer_voice(self, call: IncomingCall) -> Answer:
        """Admit a call and say what it gets; nothing remote is waited for.

        Asked again, the answer is the same, to the byte, while its token can be used; with a stream of that call
        alive it is the fallback; after that it is a new admission.
        """
        begun_at = asyncio.get_running_loop().time()
        live = await self._whereabouts.find(call.call_sid)
        if live is not None and live.state is CallState.ADMITTED:
            live.log.emit(events.CALL_REPEATED, same=True)
            return await self._tickets.ticket(live)
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
            self._whereabouts.follow(live)
        elif self.draining and not live.elsewhere:
            return self._refuse(live, Termination.DRAINED)
        else:
            live.journey.begin_anew()
            live.admit_again()
        answer = await self._tickets.expect_stream(live)
        if live.elsewhere:
            await self._whereabouts.write_back(live)
        spent_ms = (asyncio.get_running_loop().time() - begun_at) * 1000
        pii = {"caller": call.caller, "called": call.called}
        log.emit(events.CALL_ANSWERED, ms=spent_ms, direction=call.direction, pii=pii)
        return answer

    def _refuse(self, live: LiveCall, termination: Termination) -> Answer:
        prompt = termination.prompt or "not_available"
        live.log.emit(
            events.CALL_REFUSED,
            reason=termination.code,
            prompt=prompt,
            live_calls=len(self.calls),
            direction=live.asked.direction,
            pii={"caller": live.asked.caller, "called": live.asked.called},
        )
        self._tickets.refused(live, termination)
        if termination is Termination.BUSY and (offer := self._offer_callback(live)) is not None:
            return offer
        return SayAndHangUp(live.spoken(prompt))

    def run_stream(self, leg: CallerLeg) -> Coroutine[Any, Any, None]:
        """Run the call of a stream that has started, if its token is right; returns when the stream is over."""
        live = self.calls.find(leg.started.call_sid)
        log = live.log if live is not None else self._needs.log.bind(call_sid=leg.started.call_sid)
        return self._streams.run(leg, log)

    # What follows

    async def stream_ended(self, call: IncomingCall) -> Answer:
        """Answer the `action` of `<Connect>` or `<Dial>`."""
        return await self._after.stream_ended(call)

    async def voicemail_taken(self, call: IncomingCall, recording: Recording) -> Answer:
        """Keep the line before Twilio gets its answer, also of a call that is not known any more."""
        return await self._after.voicemail_taken(call, recording)

    async def whisper(self, call: IncomingCall, token: str) -> Answer:
        """The person of a warm transfer has answered."""
        return await self._warm.whisper(call, token) if self._warm is not None else HangUp()

    async def whisper_answered(self, call: IncomingCall, token: str, digits: str) -> Answer:
        """That person has pressed a key, or none."""
        return await self._warm.answered(call, token, digits) if self._warm is not None else HangUp()

    def transfer_status_changed(self, token: str, call_sid: str, status: str) -> None:
        """Twilio's notice about the call to that person."""
        self._needs.log.emit(events.TRANSFER_STATUS_CHANGED, person_call_sid=call_sid, status=status)
        if self._warm is not None:
            self._warm.status_changed(token, status)

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
        self._after.forget(call.call_sid)
        if live is not None and live.state is not CallState.STREAMING:
            self._tickets.call_over(live, live.final(by_status=False))
        return answer

    def _instead(self, ivr: Ivr, language: Language) -> Answer:
        """What a caller gets for whom there is no stream: a person, or an apology."""
        number = self._settings.fallback_number
        if number:
            return DialNumber(number, ivr.spoken("connecting", language))
        return SayAndHangUp(ivr.spoken("sorry", language))

    def status_changed(self, call_sid: str, status: str, duration_s: int | None) -> None:
        """Enter Twilio's status callback; unordered and repeated ones change nothing."""
        live = self.calls.find(call_sid)
        log = live.log if live is not None else self._needs.log.bind(call_sid=call_sid)
        log.emit(events.CALL_STATUS_CHANGED, status=status, duration_s=duration_s)
        if status not in COMPLETED:
            return
        if live is None:
            self._in_background(self._whereabouts.over_elsewhere(call_sid))
            return
        if live.state is CallState.STREAMING and live.call is not None:
            live.call.stream_over(Termination.STREAM_ENDED)
            self._in_background(self._over_when_gone(live))
        else:
            self._tickets.call_over(live, live.final(by_status=True))

    async def _over_when_gone(self, live: LiveCall) -> None:
        await live.stream_gone()
        self._tickets.call_over(live, live.final(by_status=True))

    def stream_status_changed(self, call_sid: str, stream_sid: str, status: str, error: str) -> None:
        """Enter Twilio's notice about a stream: the only one that names a 319xx error."""
        live = self.calls.find(call_sid)
        log = live.log if live is not None else self._needs.log.bind(call_sid=call_sid)
        log.emit(events.STREAM_STATUS_CHANGED, stream_sid=stream_sid, status=status, error=error)

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
                    self._tickets.call_over(live, Termination.DRAINED)
                elif live.state is CallState.AWAY:
                    self._tickets.call_over(live, live.final(by_status=False))
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
            self._tickets.call_over(
                live, Termination.DRAINED if never_left else live.stream_termination or Termination.DRAINED
            )
        await self.parked.close()
        await self._whereabouts.close()
        if self._background:
            _, late = await asyncio.wait(set(self._background), timeout=CLOSE_WAIT_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _let_agents_go(self, live: LiveCall, why: Termination) -> None:
        self.parked.discard(live.call_sid, why.code)
        self.kept.let_go(live.call_sid, f"the call is over: {why.code}")

    def _in_background(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
