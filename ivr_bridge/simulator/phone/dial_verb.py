"""`<Dial>`: others are called, and the caller is put through to the first who answers, or into a conference."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ivr_bridge.simulator.phone import recorder, sounds
from ivr_bridge.simulator.phone.call_side import CallSide
from ivr_bridge.simulator.phone.conference_verb import dial_conference
from ivr_bridge.simulator.phone.dial_course import DialCourse, dial_course
from ivr_bridge.simulator.phone.flow import Flow, Outcome
from ivr_bridge.simulator.phone.network_leg import Interlude
from ivr_bridge.simulator.phone.network_verbs import number_of
from ivr_bridge.simulator.phone.record_verb import notice_at
from ivr_bridge.simulator.phone.recordings import TakenRecording
from ivr_bridge.simulator.phone.room import Room, Seat
from ivr_bridge.simulator.phone.twiml_reader import TwimlDocument, Verb

if TYPE_CHECKING:
    from ivr_bridge.simulator.phone.dialled_leg import DialledLeg

DIAL_TIMEOUT_S, TIME_LIMIT_S = 30, 14_400
_PAUSE_MS = 3600_000
LET_GO_S = 2.0


@dataclass(slots=True)
class Dialled:
    """What came of it."""

    status: str
    sid: str = ""
    talked_s: float = 0.0
    is_bridged: bool = False
    lives_on: bool = False
    """The called party was sent elsewhere by REST."""
    recording: TakenRecording | None = None

    def params(self, recording_url: str) -> dict[str, str]:
        """What the action is told.

        Source: https://www.twilio.com/docs/voice/twiml/dial#action
        """
        more = {"DialCallStatus": self.status, "DialBridged": str(self.is_bridged).lower()}
        if self.sid:
            more["DialCallSid"] = self.sid
        if self.status == "completed" and not self.lives_on:
            more["DialCallDuration"] = str(max(1, round(self.talked_s)))
        if recording_url:
            more["RecordingUrl"] = recording_url
        return more


class DialVerb:
    """Carries it out for one call."""

    def __init__(self, side: CallSide) -> None:
        self._side = side
        self.by_name: dict[str, Callable[[TwimlDocument, Verb], Awaitable[Outcome]]] = {"Dial": self._dial}

    async def _dial(self, document: TwimlDocument, verb: Verb) -> Outcome:
        """Dial, then ask the action.

        Source: https://www.twilio.com/docs/voice/twiml/dial
        """
        side = self._side
        if verb.children and verb.children[0].name == "Conference":
            more = await dial_conference(side, document, verb)
        else:
            came = await self._numbers(document, verb)
            side.log.dial_statuses.append(came.status)
            after = f" after {came.talked_s:.0f} s" if came.talked_s else ""
            side.log.note("dial_ended", f"{came.status}{after}")
            more = came.params(side.network.recordings.url(came.recording) if came.recording else "")
        has_hung_up = side.account.is_over
        if not (action := verb.attributes.get("action")):
            return Flow.END if has_hung_up else Flow.NEXT_VERB
        following = await side.ask(document, verb, action, "action_failed", **more)
        return Flow.END if has_hung_up or not following else following

    async def _numbers(self, document: TwimlDocument, verb: Verb) -> Dialled:
        """Call all of them at once, or (sequential) one after the other until somebody takes the call."""
        nouns = verb.children or (Verb("Number", {}, verb.text),)
        groups = [[noun] for noun in nouns] if verb.attributes.get("sequential") == "true" else [list(nouns)]
        came = Dialled("failed")
        for group in groups:
            came = await self._group(document, verb, group)
            if came.is_bridged or self._side.account.is_over:
                break
        return came

    async def _group(self, document: TwimlDocument, verb: Verb, nouns: Sequence[Verb]) -> Dialled:
        """Call these at once; see `dial_course`."""
        from ivr_bridge.simulator.phone.dialled_leg import DialledLeg  # noqa: PLC0415 - a leg that dials is a leg

        side, log = self._side, self._side.log
        callees = [side.network.callees.take(noun.text) for noun in nouns]
        course = dial_course(callees, number_of(verb, "timeout", DIAL_TIMEOUT_S))
        caller_id = verb.attributes.get("callerId", side.account.caller)
        if problem := self._caller_problem(caller_id, nouns):
            log.violation(problem)
            return Dialled("failed")
        named = zip(nouns, callees, strict=True)
        legs = [DialledLeg(side, noun, document, callee, caller_id) for noun, callee in named]
        for leg in legs:
            log.dialled.append(leg.address)
            log.note("dialled", leg.address)
        try:
            recording = await self._record(document, verb, "ringing")
            came = await self._ring(legs, course)
            if came is None and course.winner is not None:
                recording = recording or await self._record(document, verb, "answer")
                came = await self._talk(verb, legs[course.winner])
            came = came or Dialled(course.status, legs[-1].sid)
        finally:
            for leg in legs:
                await _let_go(leg)
        if recording:
            await recorder.stop(side.network.recordings, side.webhooks, recording)
            came.recording = recording
        return came

    def _caller_problem(self, caller_id: str, nouns: Sequence[Verb]) -> str:
        """Why the network would not show this number to whom it calls; empty when it would."""
        account, numbers = self._side.account, self._side.network.numbers
        is_allowed = not numbers or caller_id in {account.caller, account.called, *numbers}
        if is_allowed or all(noun.name == "Sip" for noun in nouns):
            return ""
        return f"13214 callerId {caller_id!r} is no number of this account"

    async def _ring(self, legs: Sequence[DialledLeg], course: DialCourse) -> Dialled | None:
        """Until somebody answers (None), nobody did, or the caller gave up."""
        side = self._side
        for leg in legs:
            await leg.ring()
        ring_ms = round(course.rings_s * 1000)
        winner = None if course.winner is None else legs[course.winner]
        if ring_ms:
            side.log.note("ringing", (winner or legs[0]).address)
            heard = await side.ear.play(
                sounds.ringing(ring_ms),
                length_ms=ring_ms,
                until=lambda _: any(leg.is_canceled for leg in legs),
            )
            if heard.ending:
                side.hang_up(heard.ending)
                return Dialled("no-answer", (winner or legs[-1]).sid)
        for leg, attempt in zip(legs, course.attempts, strict=True):
            if leg is not winner:
                await leg.miss(attempt.status)
        if winner is not None and winner.is_canceled:
            await winner.miss("canceled")
            return Dialled("canceled", winner.sid)
        return None

    async def _talk(self, verb: Verb, leg: DialledLeg) -> Dialled:
        """The called party's whisper, then both hear each other until one leaves."""
        side = self._side
        side.start_beside(leg.answer())
        is_accepted = await self._whispered(verb, leg)
        if not is_accepted or side.account.is_over:
            return Dialled("no-answer" if is_accepted else side.network.refused_dial_status, leg.sid)
        side.account.turn("in-progress")
        limit_ms = number_of(verb, "timeLimit", TIME_LIMIT_S) * 1000
        hangs_up_on_star = verb.attributes.get("hangupOnStar") == "true"

        def is_enough(now: Interlude) -> bool:
            return now.elapsed_ms >= limit_ms or (hangs_up_on_star and "*" in now.keys)

        room = Room(in_real_time=side.line.in_real_time)
        seat = Seat(side.sid, side.ear, until=is_enough)
        room.sit(seat)
        leg.sit_in(room)
        leg.seat.left.add_done_callback(lambda _: room.leave(side.sid, "other_left"))
        try:
            await seat.left
        finally:
            room.leave(side.sid, "moved")
            room.leave(leg.sid, "other_left")
        if seat.interlude.ending:
            side.hang_up(seat.interlude.ending)
        lives_on = await asyncio.shield(leg.parted)
        talked_s = (leg.answered_ms + leg.seat.interlude.elapsed_ms) / 1000
        return Dialled("completed", leg.sid, talked_s, is_bridged=True, lives_on=lives_on)

    async def _whispered(self, verb: Verb, leg: DialledLeg) -> bool:
        """Whether the called party takes the call; meanwhile the caller hears ringing (answerOnBridge) or nothing."""
        side = self._side
        is_ringing = verb.attributes.get("answerOnBridge") == "true"
        if not side.line.in_real_time:
            is_accepted = await leg.ready
            length_ms = leg.answered_ms
            heard = await side.ear.play(sounds.ringing(length_ms) if is_ringing else b"", length_ms=length_ms)
        else:
            await asyncio.sleep(0)
            if leg.ready.done():
                return leg.ready.result()
            tone = sounds.ringing(60_000) if is_ringing else b""
            heard = await side.ear.play(tone, until=lambda _: leg.ready.done(), length_ms=_PAUSE_MS)
            is_accepted = leg.ready.done() and leg.ready.result()
        if heard.ending:
            side.hang_up(heard.ending)
        return is_accepted

    async def _record(self, document: TwimlDocument, verb: Verb, moment: str) -> TakenRecording | None:
        """A recording, if the verb wants one from this moment on."""
        wish = verb.attributes.get("record", "do-not-record")
        wish = {"true": "record-from-answer", "false": "do-not-record"}.get(wish, wish)
        if not wish.startswith(f"record-from-{moment}"):
            return None
        return await recorder.record_call(
            self._side,
            "DialVerb",
            channels=2 if wish.endswith("dual") else 1,
            track=verb.attributes.get("recordingTrack", "both"),
            notice=notice_at(self._side, document, verb),
        )


async def _let_go(leg: DialledLeg) -> None:
    """The caller is gone, or never was put through: a leg that is still there ends, unless it lives on by itself."""
    if leg.account.started is None:
        await leg.miss("canceled")
    elif not leg.parted.done():
        leg.give_up()
        await asyncio.wait({leg.parted}, timeout=LET_GO_S)
