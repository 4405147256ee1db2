"""Where a call is: here, at another worker, nowhere any more; and how it comes here when that worker is gone.

While a stream lives, the worker that has it knows best. Between two streams the store does: Twilio may ask any worker
what comes next, and that one decides by the image of the call. A call that another living worker holds is a guest here:
it is decided about and written back, but has no slot, no timer and no agent; its next stream is sent to its holder.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from ivr_bridge.bridge.account import CallAccount
from ivr_bridge.bridge.admission import choose_agent
from ivr_bridge.bridge.call_image import CallImage
from ivr_bridge.bridge.call_memory import CallMemory
from ivr_bridge.bridge.call_state import CallState, CallStep
from ivr_bridge.bridge.fallback import Ladder
from ivr_bridge.bridge.ivr import Ivr
from ivr_bridge.bridge.journey import Journey
from ivr_bridge.bridge.live_calls import Holder, LiveCall, LiveCalls
from ivr_bridge.bridge.termination import Termination
from ivr_bridge.bridge.transcript import Transcript
from ivr_bridge.telemetry import events
from ivr_bridge.telemetry.log import Log

LOOK_EVERY_S = 1.0
"""So often a call that waits here is looked up: another worker may have been asked about it."""
AWAY_LOOKS = 5
"""Of calls that are away, only every fifth time."""
SETTLED_WITHIN_S = 2.0
"""A holder whose stream has just ended needs a moment to say so."""
_BY_CODE = {termination.code: termination for termination in Termination}


class Whereabouts:
    """One for the process.

    Args:
        calls: held here.
        memory: what the store knows of all calls.
        ivr: the configuration that a new call gets, and one that is taken over.
        wall: tells the time.
        max_call_s: how long a call may be away.
        log: of the server.
    """

    def __init__(
        self,
        calls: LiveCalls,
        memory: CallMemory,
        *,
        ivr: Callable[[], Ivr],
        wall: Callable[[], datetime],
        max_call_s: float,
        log: Log,
    ) -> None:
        self._calls = calls
        self._memory = memory
        self._ivr = ivr
        self._wall = wall
        self._max_call_s = max_call_s
        self._log = log
        self._looking: asyncio.Task[None] | None = None
        calls.when_over.append(self._forget)

    def follow(self, live: LiveCall) -> None:
        """Keep the store's image of a call that is held here true from now on."""

        def changed() -> None:
            self._memory.note(live)

        live.journey.changed = live.transcript.changed = changed
        self._memory.note(live)
        if self._looking is None:
            self._looking = asyncio.get_running_loop().create_task(self._look(), name="whereabouts")

    def tell(self, live: LiveCall) -> None:
        """Its state has changed: another worker may be asked about it in the next moment."""
        self._memory.note(live, at_once=True)

    async def find(self, call_sid: str) -> LiveCall | None:
        """The call as it stands now: held here, taken over, or a guest; None when nobody knows it."""
        live = self._calls.find(call_sid)
        if live is not None:
            if live.state is not CallState.STREAMING:
                await self._look_up(live)
            return self._calls.find(call_sid)
        image = await self._memory.read(call_sid)
        live = self._calls.find(call_sid)  # of two that ask at once, one takes it over
        if live is not None or image is None or image.state is CallState.OVER:
            return live
        if self._memory.is_ours(image):
            return None  # it is over, and the store is about to hear of it
        if await self._memory.lives(image):
            return self._revived(image, elsewhere=Holder(image.worker, image.run))
        return self._calls.find(call_sid) or self._taken_over(image)

    async def settled(self, guest: LiveCall) -> LiveCall | None:
        """A guest whose stream is over, as Twilio says, whether its holder has noticed by now or not."""
        until = asyncio.get_running_loop().time() + SETTLED_WITHIN_S
        found: LiveCall | None = guest
        while found is not None and found.elsewhere and found.state is CallState.STREAMING:
            if asyncio.get_running_loop().time() >= until:
                found.step(CallStep.STREAM_ENDED)
                found.stream_termination = Termination.STREAM_ENDED
                break
            await asyncio.sleep(LOOK_EVERY_S / 10)
            found = await self.find(guest.call_sid)
        return found

    async def write_back(self, guest: LiveCall) -> None:
        """What was decided about a guest is there for its holder before Twilio hears of it."""
        await self._memory.write(guest)

    async def come_here(self, call_sid: str) -> LiveCall | None:
        """The call of a stream that has started here with a good token, ready for it; None when there is no such call.

        The token says that Twilio was told to open this stream: an older one that still seems to live does not.
        """
        live = self._calls.find(call_sid)
        if live is None:
            image = await self._memory.read(call_sid)
            live = self._calls.find(call_sid)
            known = image is not None and image.state is not CallState.OVER and not self._memory.is_ours(image)
            if live is None and image is not None and known:
                live = self._taken_over(image)
        elif live.state is not CallState.ADMITTED:
            await self._look_up(live)
            if live.state is CallState.STREAMING and live.call is not None:
                live.call.stream_over(Termination.STREAM_ENDED)
                await live.stream_gone()
        if live is None or live.state not in (CallState.ADMITTED, CallState.AWAITED, CallState.AWAY):
            return None
        if live.state is not CallState.ADMITTED:
            live.admit_again()
            choose_agent(live)
        return live

    async def over_elsewhere(self, call_sid: str) -> None:
        """Twilio says that a call is completed which is not held here: its holder learns of it."""
        image = await self._memory.read(call_sid)
        if image is None or image.state is CallState.OVER or self._memory.is_ours(image):
            return
        if not await self._memory.lives(image):
            await self._memory.forget(call_sid)
            return
        guest = self._revived(image, elsewhere=Holder(image.worker, image.run))
        self._calls.end(guest, guest.final(by_status=True))
        await self.write_back(guest)

    async def close(self) -> None:
        """Write what is left to be written, and look no more."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait([self._looking])
        await self._memory.close()

    # Held here

    def _forget(self, live: LiveCall, _: Termination) -> None:
        live.journey.changed = live.transcript.changed = None
        self.tell(live)

    async def _look(self) -> None:
        looks = 0
        while True:
            await self._memory.beat_if_due()
            await asyncio.sleep(LOOK_EVERY_S)
            looks += 1
            for live in self._calls.all():
                if live.state is CallState.AWAY and looks % AWAY_LOOKS:
                    continue
                if live.state is not CallState.STREAMING:
                    await self._look_up(live)

    async def _look_up(self, live: LiveCall) -> None:
        """See whether another worker has brought it further, or has it."""
        image = await self._memory.read(live.call_sid)
        if image is None or image.revision <= live.revision or live.state in (CallState.STREAMING, CallState.OVER):
            return
        live.revision = image.revision
        if live.transfer is not None and not live.transfer.is_of(image.transfer):
            live.transfer.ended_elsewhere()
            live.transfer = None
        if not self._memory.is_ours(image):
            live.taken_over = True
            self._calls.end(live, Termination.TAKEN_OVER)
        elif image.state is CallState.OVER:
            self._calls.end(live, _BY_CODE.get(image.ended_as, Termination.STREAM_UNEXPLAINED))
        else:
            self._bring_further(live, image)

    def _bring_further(self, live: LiveCall, image: CallImage) -> None:
        if image.state is CallState.ADMITTED and live.state is not CallState.ADMITTED:
            live.admit_again()
            self._calls.await_stream(live)
        elif image.state is CallState.AWAY:
            if live.state is CallState.AWAITED:
                live.step(CallStep.HANDED_OVER)
            self._calls.await_return(live, self._max_call_s)
        _enter(live, image)
        choose_agent(live)

    # Held elsewhere

    def _taken_over(self, image: CallImage) -> LiveCall | None:
        """Held here from now on, if there is room; the conversation is lost, what was said in it is not."""
        live = self._revived(image)
        if live.state in (CallState.STREAMING, CallState.ADMITTED):
            live.state = CallState.AWAITED
            if live.journey.leaving is None:
                live.stream_termination = Termination.STREAM_LOST
            else:
                transferred = image.transfer is not None
                live.stream_termination = Termination.TRANSFERRED if transferred else Termination.VOICEMAIL_LEFT
        if not self._calls.admit(live):
            return None
        live.log.emit(events.CALL_TAKEN_OVER, worker=image.worker, streams=image.streams)
        if live.state is CallState.AWAY:
            self._calls.await_return(live, self._max_call_s)
        else:
            self._calls.await_next_word(live)
        self.follow(live)
        return live

    def _revived(self, image: CallImage, *, elsewhere: Holder | None = None) -> LiveCall:
        ivr, log = self._ivr(), self._log.bind(call_sid=image.asked.call_sid)
        place = image.flow
        flow = ivr.book.flows.get(place.flow)
        if flow is None or place.node not in flow.nodes:  # its configuration is another one by now
            name = ivr.book.flow_for(image.asked.called)
            place = replace(ivr.engine.begin(name, place.language, place.variables), disclosure="")
        journey = Journey(ivr.engine, place.flow, place.language, place.variables, log, wall=self._wall)
        journey.state = place
        age_s = (self._wall() - image.begun.astimezone(UTC)).total_seconds()
        live = LiveCall(
            image.asked,
            ivr,
            journey,
            {
                name: Ladder.at(ivr.book.flows[name].ladder, n)
                for name, n in image.rungs.items()
                if name in ivr.book.flows
            },
            log,
            CallAccount(asyncio.get_running_loop().time() - age_s, streams=image.streams),
            transcript=Transcript(image.transcript, left_out=image.left_out),
            state=image.state,
            begun=image.begun,
            elsewhere=elsewhere,
            revision=image.revision,
        )
        live.order = replace(live.order, language=image.agent_language)
        live.account.conversation_id = image.conversation_id
        _enter(live, image)
        journey.state = place
        return live


def _enter(live: LiveCall, image: CallImage) -> None:
    """What the image says of a call between two streams."""
    journey = live.journey
    # What the image hides (sensitive digits) is still known where the call has been all the time.
    journey.state = replace(image.flow, variables={**journey.state.variables, **image.flow.variables})
    journey.leaving = image.transfer or image.voicemail
    journey.said_on_leaving = image.said_on_leaving
    journey.vendors_twiml = image.vendors_twiml
    journey.news = image.news
    live.stream_termination = _BY_CODE.get(image.ended_as)
    live.reconnects = image.reconnects
