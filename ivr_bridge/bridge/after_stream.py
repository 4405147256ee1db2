"""What follows a stream: the end, a person, the recorder, or another stream."""

import asyncio
from collections.abc import Callable
from functools import partial

from ivr_bridge.bridge import handing_over
from ivr_bridge.bridge.call_state import CallState, CallStep
from ivr_bridge.bridge.ivr import Ivr
from ivr_bridge.bridge.live_calls import LiveCall, LiveCalls
from ivr_bridge.bridge.stream_tickets import StreamTickets
from ivr_bridge.bridge.termination import LEAVINGS, LOST_STREAMS, Termination
from ivr_bridge.bridge.transfer_outcome import TransferOutcome, outcome_of_dial
from ivr_bridge.bridge.transfer_under_way import TransferUnderWay
from ivr_bridge.bridge.twilio_voicemails import TwilioVoicemails
from ivr_bridge.bridge.warm_transfers import WarmTransfers
from ivr_bridge.bridge.whereabouts import Whereabouts
from ivr_bridge.flows.moves import DialEnded, Transfer
from ivr_bridge.telemetry import events
from ivr_bridge.telemetry.log import Log
from ivr_bridge.twilio.call_desk import Answer, DialNumber, HangUp, IncomingCall, Recording, SayAndHangUp

STREAM_NOTICE_S = 2.0
"""Twilio's question about what follows can overtake our own notice that the socket is gone."""
ANSWERS_KEPT = 1000
COMPLETED = frozenset({"completed", "busy", "failed", "no-answer", "canceled"})
SPOKEN_TO = frozenset({"completed", "answered"})
"""The caller was put through to a person and they have talked."""


class AfterStream:
    """One for the process.

    Args:
        calls: now running.
        whereabouts: of calls that another worker holds, or held.
        tickets: of the streams that are due.
        ivr: the configuration that a new call gets; its words are those for a call that is not known here.
        voicemails: where messages are kept.
        warm: makes warm transfers; None: they are made cold.
        broken_s: caller and person who are connected for less have not talked.
        max_call_s: how long a call may be away.
        log: of the server.
    """

    def __init__(
        self,
        *,
        calls: LiveCalls,
        whereabouts: Whereabouts,
        tickets: StreamTickets,
        ivr: Callable[[], Ivr],
        voicemails: TwilioVoicemails,
        warm: WarmTransfers | None,
        broken_s: float,
        max_call_s: float,
        log: Log,
    ) -> None:
        self._calls = calls
        self._whereabouts = whereabouts
        self._tickets = tickets
        self._ivr = ivr
        self._voicemails = voicemails
        self._warm = warm
        self._broken_s = broken_s
        self._max_call_s = max_call_s
        self._log = log
        self._answered: dict[str, Answer] = {}
        """What followed the last streams: Twilio repeats a request, and the answer is the same."""
        self._repeats: dict[str, Answer] = {}
        """By idempotency token: of two diallings of one call, only this tells a repetition from the second."""

    def forget(self, call_sid: str) -> None:
        """What followed a stream of this call does not count any more."""
        self._answered.pop(call_sid, None)

    async def stream_ended(self, call: IncomingCall) -> Answer:
        """Answer the `action` of `<Connect>`: nothing more to hear, or the apology that could not be played."""
        token = call.idempotency_token
        if token and (again := self._repeats.get(token)) is not None:
            return again
        live = await self._whereabouts.find(call.call_sid)
        if live is not None and live.elsewhere and live.state is CallState.STREAMING:
            live = await self._whereabouts.settled(live)
        answer = await self._what_follows(call, live)
        if live is not None and live.elsewhere:
            await self._whereabouts.write_back(live)
        elif live is not None:
            self._whereabouts.tell(live)
        if token:
            self._repeats[token] = answer
            if len(self._repeats) > ANSWERS_KEPT:
                del self._repeats[next(iter(self._repeats))]
        return answer

    async def _what_follows(self, call: IncomingCall, live: LiveCall | None) -> Answer:
        completed = call.status in COMPLETED
        if live is None:
            self._log.bind(call_sid=call.call_sid).emit(events.STREAM_END_ANSWERED, next_step="unknown call")
            if completed or call.dial_status in SPOKEN_TO:
                return HangUp()
            return self._answered.get(call.call_sid) or self._apology()
        if live.state is CallState.STREAMING:
            await self._stream_must_be_gone(live)
        if live.state is CallState.AWAY:
            return await self._came_back(live, call, completed=completed)
        if live.state is CallState.ADMITTED and call.dial_status and not completed:
            return await self._tickets.ticket(live)
        if not completed and live.stream_termination is Termination.SENDING_DIGITS:
            return await self._tickets.send_digits(live)
        if not completed and live.stream_termination in LEAVINGS:
            if not call.dial_status:
                return self._hand_over(live)
            live.step(CallStep.HANDED_OVER)  # by a worker that was gone before it could say so
            return await self._came_back(live, call, completed=False)
        if not completed and not call.dial_status and (again := await self._retry(live)) is not None:
            return again
        termination = live.final(completed)
        unheard = termination.prompt is not None or termination.result != "completed"
        speak = unheard and not live.prompt_played and not completed and call.dial_status not in SPOKEN_TO
        live.log.emit(events.STREAM_END_ANSWERED, next_step="say and hang up" if speak else "hang up")
        self._tickets.call_over(live, termination)
        return self._remember(live, SayAndHangUp(live.spoken(termination.prompt or "sorry")) if speak else HangUp())

    async def _retry(self, live: LiveCall) -> Answer | None:
        """Another stream, when the last one was lost or could not be made good; None: the call has to end."""
        came_to_nothing = live.awaits_stream and live.reconnects
        lost = live.stream_termination in LOST_STREAMS or came_to_nothing
        if not lost or live.journey.state.waiting == "over":  # then the flow has nothing more to say
            return None
        return await self._tickets.retry(live)

    def _remember(self, live: LiveCall, answer: Answer) -> Answer:
        self._answered[live.call_sid] = answer
        if len(self._answered) > ANSWERS_KEPT:
            del self._answered[next(iter(self._answered))]
        return answer

    def _hand_over(self, live: LiveCall) -> Answer:
        """Twilio goes on: with a person, the recorder, or the vendor."""
        answer = self._put_through(live, handing_over.leave(live.journey, live.spoken))
        live.step(CallStep.HANDED_OVER)
        self._calls.await_return(live, self._max_call_s)
        live.log.emit(events.CALL_HANDED_OVER, where=handing_over.name(answer))
        return self._remember(live, answer)

    def _put_through(self, live: LiveCall, answer: Answer) -> Answer:
        """Where the answer calls a person, a transfer begins: a warm one, if that is wanted and can be done."""
        transfer = live.journey.leaving
        if not isinstance(answer, DialNumber) or not isinstance(transfer, Transfer):
            return answer
        warm = self._warm if transfer.mode == "warm" else None
        if transfer.mode == "warm" and warm is None:
            live.log.emit(events.TRANSFER_DOWNGRADED, flow=live.journey.state.flow, node=transfer.node)
        live.transfer = self._under_way(live, transfer)
        return warm.begin(live, transfer, answer.spoken) if warm is not None else answer

    async def _came_back(self, live: LiveCall, call: IncomingCall, *, completed: bool) -> Answer:
        """A `<Dial>` has ended; or Twilio repeats its question of before, and gets the same answer."""
        outcome = await self._outcome(live, call, completed=completed)
        if live.state is not CallState.AWAY or (outcome is None and not completed):
            return self._answered.get(live.call_sid) or HangUp()
        if outcome is not None:
            self._transfer_ended(live, outcome)
        if completed or outcome is None or (outcome.spoken and live.journey.talk_ends_call):
            termination = live.stream_termination or Termination.STREAM_UNEXPLAINED
            gave_up = completed and live.journey.leaving is not None and not (outcome is not None and outcome.reached)
            live.journey.came_back()
            self._tickets.call_over(live, Termination.CALLER_HUNG_UP if gave_up else termination)
            return self._remember(live, HangUp())
        return await self._go_on(live, outcome)

    def _transfer_ended(self, live: LiveCall, outcome: TransferOutcome) -> None:
        under_way, live.transfer = live.transfer, None
        if under_way is None and isinstance(transfer := live.journey.leaving, Transfer):
            under_way = self._under_way(live, transfer, begun=False)
        if under_way is not None:
            under_way.ended(outcome)

    def _under_way(self, live: LiveCall, transfer: Transfer, *, begun: bool = True) -> TransferUnderWay:
        warm = self._warm if transfer.mode == "warm" else None
        let_go = partial(warm.let_go, live.call_sid) if warm is not None else None
        return TransferUnderWay(transfer, account=live.account, log=live.log, let_go=let_go, begun=begun)

    async def _outcome(self, live: LiveCall, call: IncomingCall, *, completed: bool) -> TransferOutcome | None:
        """Of the transfer that has ended; None: none has."""
        if not isinstance(live.journey.leaving, Transfer):
            # The vendor's own route knows no transfer of ours; whatever it has dialled ends the call.
            ends = call.dial_status and live.journey.leaving is None
            return TransferOutcome("answered") if ends else None
        if self._warm is not None and live.journey.leaving.mode == "warm":
            return await self._warm.ended(call, completed=completed)
        return outcome_of_dial(call, self._broken_s) if call.dial_status or completed else None

    async def _go_on(self, live: LiveCall, outcome: TransferOutcome) -> Answer:
        """The caller is back: where the flow goes on, without a stream or with a new one."""
        live.journey.came_back()
        actions = live.journey.step(DialEnded(outcome.spoken, outcome.outcome))
        answer = handing_over.without_stream(live.journey, actions, live.spoken)
        if answer is not None:
            answer = self._put_through(live, answer)
            live.log.emit(events.CALL_HANDED_OVER, where=handing_over.name(answer))
            live.stream_termination = handing_over.TERMINATIONS[type(answer)]
            self._calls.await_return(live, self._max_call_s)
            if isinstance(answer, HangUp | SayAndHangUp):
                self._tickets.call_over(live, live.stream_termination)
            return self._remember(live, answer)
        live.admit_again()
        live.journey.pending = actions
        live.journey.news = outcome.news
        return await self._tickets.expect_stream(live)

    async def voicemail_taken(self, call: IncomingCall, recording: Recording) -> Answer:
        """Keep the line before Twilio gets its answer, also of a call that is not known any more."""
        live = await self._whereabouts.find(call.call_sid)
        log = live.log if live is not None else self._log.bind(call_sid=call.call_sid)
        if await self._voicemails.keep(call, recording):
            log.emit(
                events.VOICEMAIL_TAKEN,
                recording_sid=recording.sid,
                duration_s=recording.duration_s,
                pii={"caller": call.caller},
            )
        if live is not None and live.state is CallState.AWAY:
            self._tickets.call_over(live, Termination.VOICEMAIL_LEFT)
            if live.elsewhere:
                await self._whereabouts.write_back(live)
        return HangUp()

    async def _stream_must_be_gone(self, live: LiveCall) -> None:
        try:
            async with asyncio.timeout(STREAM_NOTICE_S):
                await live.stream_gone()
        except TimeoutError:
            if live.call is not None:
                live.call.stream_over(Termination.STREAM_ENDED)
                await live.stream_gone()

    def _apology(self) -> SayAndHangUp:
        """For a call that is not known here."""
        ivr = self._ivr()
        return SayAndHangUp(ivr.spoken("sorry", ivr.config.language))
