"""Somebody whom a `<Dial>` calls: rings, answers, may hear a whisper first, then talks to the caller."""

from __future__ import annotations

import asyncio

from ivr_bridge.simulator.phone import sounds
from ivr_bridge.simulator.phone.call_log import CallLog
from ivr_bridge.simulator.phone.call_side import CallSide
from ivr_bridge.simulator.phone.callees import Callee
from ivr_bridge.simulator.phone.faults import PhoneFaults
from ivr_bridge.simulator.phone.flow import Flow, Outcome
from ivr_bridge.simulator.phone.leg import Leg, line_between, new_call_sid
from ivr_bridge.simulator.phone.machine_detection import detect
from ivr_bridge.simulator.phone.progress import Progress
from ivr_bridge.simulator.phone.recording import RATE_HZ
from ivr_bridge.simulator.phone.report import PhoneEvent
from ivr_bridge.simulator.phone.room import Room, Seat
from ivr_bridge.simulator.phone.twiml_reader import TwimlDocument, Verb

_PASSED_ON = {"caller_speaking": "person_speaking", "digits": "person_pressed"}
"""What the other end does, in the words of the caller's account."""


class DialledLeg(Leg):
    """One number of a `<Dial>`: `ring`, then `miss` or `answer`."""

    def __init__(self, parent: CallSide, noun: Verb, document: TwimlDocument, callee: Callee, caller_id: str) -> None:
        def pass_on(event: PhoneEvent) -> None:
            if event.kind == "violation":
                parent.log.violation(event.text)
            elif event.kind in _PASSED_ON:
                parent.log.note(_PASSED_ON[event.kind], event.text)

        address = noun.text
        super().__init__(
            line_between(parent.line, caller_id, address.partition("?")[0]),
            parent.webhooks,
            callee.script,
            PhoneFaults(),
            CallLog(new_call_sid(), pass_on),
            network=parent.network,
            direction="outbound-dial",
            parent_sid=parent.sid,
        )
        self.callee = callee
        self.address = address
        """As it was dialled, with the headers of a SIP address."""
        self.ready: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        """Whether the caller may be connected; done when the whisper is."""
        self.parted: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        """Done when nothing joins it to the caller any more; whether it lives on by itself."""
        self.seat = Seat(self.sid, self.ear)
        self.is_canceled = False
        """REST wants no answer any more."""
        self.answered_ms = 0
        """How long it was answered before the caller was connected."""
        self._noun = noun
        self._document = document
        self._room: Room | None = None
        self._is_whispering = False
        self._accepts = True
        get = noun.attributes.get
        url = get("statusCallback", "")
        self._progress = Progress(
            self.webhooks,
            self.account,
            self.params,
            url=self.line.known_url(url, base=document.url) if url else "",
            method=get("statusCallbackMethod", "POST"),
            events=frozenset(get("statusCallbackEvent", "completed").split()),
        )
        dial = self._verbs["Dial"]

        async def dial_unless_whispering(inner: TwimlDocument, verb: Verb) -> Outcome:
            if not self._is_whispering:
                return await dial(inner, verb)
            self.log.violation("12200 <Dial> is not understood in a document for the called party")
            return Flow.END

        self._verbs["Dial"] = dial_unless_whispering

    async def ring(self) -> None:
        """It is dialled, and rings."""
        await self._progress.turn("queued")
        await self._progress.turn("ringing")

    async def miss(self, status: str) -> None:
        """It comes to nothing; harmless when it is over already."""
        await self._progress.turn(status)
        self.log.settle("failed", status)
        self._decide(takes_it=False)
        self._part(lives_on=False)

    def end(self) -> None:
        """REST hangs up; before the answer the `<Dial>` sees that it is canceled."""
        if self.account.started is None:
            self.is_canceled = True
        else:
            super().end()

    async def answer(self) -> None:
        """Somebody answers: whisper, wait for the caller, talk; ends when the leg is over."""
        if self.account.is_over:
            return
        try:
            await self._progress.turn("in-progress")
            document = await self.stage(self._until_parted())
            if document:
                self._part(lives_on=True)
                await self.run_documents(document)
        finally:
            self._decide(takes_it=False)
            await self._progress.turn("completed")
            self._part(lives_on=False)
            await self.finish()

    def give_up(self) -> None:
        """The caller is gone."""
        if not self.ready.done():
            self.end()
        elif not self.seat.left.done():
            self.seat.left.set_result("other_left")

    def sit_in(self, room: Room) -> None:
        """The caller is connected."""
        self._room = room
        room.sit(self.seat)

    async def _until_parted(self) -> TwimlDocument | None:
        """From the answer to the last word with the caller."""
        self._detect()
        if digits := self._noun.attributes.get("sendDigits"):
            await self.ear.play(sounds.keys(digits))
        if url := self._noun.attributes.get("url"):
            await self._whisper(url)
        self.answered_ms = self.recording.position() * 1000 // RATE_HZ if self.recording.started_at else 0
        self._decide(takes_it=self._accepts)
        if not self._accepts:
            return None
        try:
            why = await self.seat.left
        finally:
            if self._room:
                self._room.leave(self.sid, "moved")
        if why == "hung_up" and self.seat.interlude.ending:
            self.hang_up_person()
        else:
            self.log.settle("completed", "caller_left")
        return None

    def hang_up_person(self) -> None:
        """The one who was called has hung up."""
        ending = self.seat.interlude.ending
        self.standing.ending = ending
        if ending:
            self.log.settle(ending.result, ending.reason)

    async def _whisper(self, url: str) -> None:
        """The document for the called party; they are connected when it comes to its end by itself."""
        self._is_whispering, self._accepts = True, False
        answer = await self.ask(self._document, self._noun, url, "webhook_failed")
        for _ in range(5):
            answer = await self._follow(answer) if answer else None
        self._is_whispering = False

    def document_ended(self) -> None:
        """The whisper's end is the beginning of the talk."""
        if self._is_whispering:
            self._accepts = self.standing.ending is None
        else:
            super().document_ended()

    def _detect(self) -> None:
        """Machine detection goes on beside the call, and tells its own callback."""
        get = self._noun.attributes.get
        mode, url = get("machineDetection"), get("amdStatusCallback")
        if mode and url:
            verdict = detect(self.callee, mode)
            address, method = self.line.known_url(url, base=self._document.url), get("amdStatusCallbackMethod", "POST")

            async def tell() -> None:
                await asyncio.sleep(verdict.after_s if self.line.in_real_time else 0)
                self.account.answered_by = verdict.answered_by
                await self.webhooks.tell(address, self.params(**verdict.params), method=method)

            self.start_beside(tell())

    def _decide(self, *, takes_it: bool) -> None:
        """Whether the caller may be connected; the first word counts."""
        if not self.ready.done():
            self.ready.set_result(takes_it)

    def _part(self, *, lives_on: bool) -> None:
        """Let go of the caller."""
        if not self.parted.done():
            self.parted.set_result(lives_on)
