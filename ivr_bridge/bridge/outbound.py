"""Calls that we make: asked for, made at Twilio, answered into a flow, and what becomes of them.

A create at Twilio is never blindly repeated. Where Twilio surely made no call, the dial waits again; where nobody can
tell, it stays `unknown`, and the account's calls are looked at before anything else is done (`find_out`).
"""

import asyncio
import secrets
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from ivr_bridge.bridge.call_state import CallState
from ivr_bridge.bridge.callbacks import Callbacks
from ivr_bridge.bridge.dial import UNANSWERED, Dial
from ivr_bridge.bridge.dial_book import DialBook
from ivr_bridge.bridge.live_calls import LiveCalls
from ivr_bridge.errors import LocalProtocolError, VendorBusy, VendorError, VendorRejected
from ivr_bridge.flows.flow_faults import NOTHING_FOR_MACHINES
from ivr_bridge.flows.model import Flow
from ivr_bridge.flows.moves import MachineAnswered
from ivr_bridge.records.database import DatabaseFailed
from ivr_bridge.settings import Settings
from ivr_bridge.telemetry import events
from ivr_bridge.telemetry.log import Log
from ivr_bridge.twilio.call_desk import Answer, HangUp, IncomingCall
from ivr_bridge.twilio.calls import (
    LIVE_STATUSES,
    NewCall,
    create_call,
    fetch_call,
    newest_calls,
    surely_not_made,
)
from ivr_bridge.twilio.rest import TwilioRest

OUTBOUND_PATH = "/twilio/outbound"
BUSY_AGAIN_S, REFUSED_AGAIN_S = 5.0, 10.0
"""Before anything more is asked of Twilio: after 429, and after a connection that it did not take."""
CLOCKS_APART_S = 60.0
"""Twilio's clock and ours."""
LOOKED_FOR_S = 90.0
"""A call that Twilio does not show after so long was never made. Longer than any attempt to make one."""
WORD_DUE_S = 30.0
"""After the ringing is over, Twilio has told of its end; then it is asked."""
CLOSE_WAIT_S = 2.0
NEW_KEPT = 1000
MACHINES = frozenset({"machine_end_beep", "machine_end_silence", "machine_end_other"})
FAX = "fax"


class VoiceDesk(Protocol):
    """What the `Desk` does here."""

    calls: LiveCalls
    draining: bool

    async def answer_voice(self, call: IncomingCall) -> Answer:
        """Admit a call."""
        ...


class Outbound:
    """One for the process: the `OutboundDesk` of twilio/.

    Args:
        settings: the caller ID, how long it rings.
        rest: of the account; None: nobody is ever called.
        book: where dials stand.
        callbacks: what a dial may be an attempt at.
        desk: takes the calls that are answered.
        base_url: as Twilio reaches us, now.
        log: of the server.
        wall: tells the time, with a zone.
    """

    def __init__(
        self,
        settings: Settings,
        rest: TwilioRest | None,
        book: DialBook,
        callbacks: Callbacks,
        desk: VoiceDesk,
        *,
        base_url: Callable[[], str],
        log: Log,
        wall: Callable[[], datetime],
    ) -> None:
        self._settings = settings
        self._rest = rest
        self._book = book
        self._callbacks = callbacks
        self._desk = desk
        self._base_url = base_url
        self._log = log
        self._wall = wall
        self._dials: dict[str, Dial] = {}
        """Those of this process that are not over."""
        self._new: dict[str, Dial] = {}
        """As they were asked for: the database gets them a moment later."""
        self._background: set[asyncio.Task[None]] = set()
        self.came: Callable[[], None] = lambda: None

    async def ask(self, to: str, flow: str, variables: Mapping[str, str], *, machine: bool, by: str) -> Dial:
        """Have somebody called; on the disk when it returns.

        Args:
            to: E.164.
            flow: its name.
            variables: for its templates.
            machine: whether Twilio listens for an answering machine.
            by: who asks, for the log.

        Raises:
            JournalFull: it cannot be kept; nobody is called.
        """
        dial = Dial("DL" + secrets.token_hex(16), to, flow, self._wall(), variables, machine)
        await self._book.add(dial)
        self._new[dial.id] = dial
        if len(self._new) > NEW_KEPT:
            del self._new[next(iter(self._new))]
        self._log.emit(events.DIAL_ASKED, dial_id=dial.id, flow=flow, by=by, pii={"to": to})
        self.came()
        return dial

    async def find(self, dial_id: str) -> Dial | None:
        """A dial as it is now. Raises DatabaseFailed."""
        return self._dials.get(dial_id) or await self._book.find(dial_id) or self._new.get(dial_id)

    def moment(self, from_now_s: float = 0.0) -> datetime:
        """So many seconds from now, or before."""
        return self._wall() + timedelta(seconds=from_now_s)

    def has_room(self, *, keep_free: int) -> bool:
        """Whether one more call may be made, so that `keep_free` slots stay for callers."""
        calls = self._desk.calls
        return not self._desk.draining and len(calls) + calls.reserved < max(1, self._settings.max_calls - keep_free)

    @property
    def _twilio(self) -> TwilioRest:
        if self._rest is None:
            raise LocalProtocolError("nobody can be called without credentials")
        return self._rest

    # Making the call

    async def place(self, dial: Dial) -> float:
        """Make the call of a dial that was claimed.

        Returns:
            How long nothing should be asked of Twilio, in seconds.
        """
        self._dials[dial.id] = dial
        self._hold_slot(dial)
        dial.being_made = True
        begun_at = asyncio.get_running_loop().time()
        try:
            made = await create_call(self._twilio, self._new_call(dial))
        except VendorError as error:
            return self._not_made(dial, error)
        finally:
            dial.being_made = False
        ms = (asyncio.get_running_loop().time() - begun_at) * 1000
        self._log.emit(events.DIAL_CREATED, dial_id=dial.id, made_call_sid=made.sid, ms=ms)
        self._learn(dial, made.sid)
        return 0.0

    def _new_call(self, dial: Dial) -> NewCall:
        url = f"{self._base_url()}{OUTBOUND_PATH}/{dial.id}"
        return NewCall(
            to=dial.to,
            caller_id=self._settings.outbound_caller_id or "",
            url=url,
            status_url=f"{url}/status",
            machine_url=f"{url}/machine" if dial.machine_detection else None,
            ring_s=self._settings.outbound_ring_s,
            limit_s=int(self._settings.max_call_s) + 60,
        )

    def _not_made(self, dial: Dial, error: VendorError) -> float:
        code = error.vendor_code or error.code
        if dial.call_sid is not None:  # a webhook of this very call was faster than the answer that failed
            return 0.0
        if not surely_not_made(error):
            self._log.emit(events.DIAL_UNKNOWN, dial_id=dial.id, error=code)
            self._book.change(dial, last_error=code)
            return 0.0
        if isinstance(error, VendorRejected):
            self._end(dial, "failed", error=code)
            return 0.0
        again_s = error.retry_after_s or (BUSY_AGAIN_S if isinstance(error, VendorBusy) else REFUSED_AGAIN_S)
        self._log.emit(events.DIAL_DELAYED, dial_id=dial.id, error=code, again_s=again_s)
        self._forget(dial)
        self._book.change(dial, state="waiting", last_error=code)
        return again_s

    def _learn(self, dial: Dial, call_sid: str) -> None:
        """Which call it is; nothing that was told of it already is taken back."""
        if dial.call_sid is None:
            state = "created" if dial.state == "unknown" else dial.state
            self._book.change(dial, call_sid=call_sid, state=state, last_error=None)

    # What Twilio tells

    async def answered(self, dial_id: str, call: IncomingCall) -> Answer:
        """Somebody, or something, has answered: the call begins in its flow. Raises DatabaseFailed."""
        dial = await self.find(dial_id)
        if dial is None or dial.over:
            self._log.bind(call_sid=call.call_sid).emit(events.DIAL_FOUND, dial_id=dial_id, found="nobody asked for it")
            return HangUp()
        self._dials[dial.id] = dial
        self._free_slot(dial)
        self._book.change(dial, call_sid=call.call_sid, state="answered")
        return await self._desk.answer_voice(replace(call, flow=dial.flow, variables=dial.variables))

    def status_changed(self, dial_id: str, call_sid: str, status: str) -> None:
        """A notice about the call: best effort, unordered, may repeat."""
        self._in_background(self._settle(dial_id, call_sid, status))

    async def _settle(self, dial_id: str, call_sid: str, status: str) -> None:
        try:
            dial = await self.find(dial_id)
        except DatabaseFailed as error:
            self._log.emit(events.OUTBOUND_STALLED, error=str(error), again_s=WORD_DUE_S)
            return  # Twilio is asked later
        if dial is not None:
            self.settle(dial, call_sid, status)

    def settle(self, dial: Dial, call_sid: str, status: str) -> None:
        """Enter what Twilio says of a dial's call; what is over stays as it is."""
        if dial.over:
            return
        self._learn(dial, call_sid)
        if status in UNANSWERED:
            self._end(dial, "failed", status=status, error=status)
        elif status not in LIVE_STATUSES:
            refused = self._is_machine_hung_up(dial)
            self._end(dial, "failed" if refused else "done", status=status, error="machine" if refused else None)

    def machine_detected(self, dial_id: str, call_sid: str, answered_by: str) -> None:
        """Twilio knows who has answered. A machine gets the flow's message, or nothing; anybody else goes on."""
        dial, live = self._dials.get(dial_id), self._desk.calls.find(call_sid)
        machine = answered_by in MACHINES or answered_by == FAX
        prompt = None
        if live is not None and machine and answered_by != FAX:
            prompt = self._message(live.ivr.book.flows.get(live.asked.flow or ""))
        then = "go on" if not machine else "hang up" if prompt is None else "message"
        log = self._log.bind(call_sid=call_sid)
        log.emit(events.MACHINE_DETECTED, dial_id=dial_id, answered_by=answered_by, then=then)
        if dial is not None:
            self._book.change(dial, answered_by=answered_by)
        if not machine or live is None:
            return
        if live.call is not None:
            live.call.machine_answered(prompt)
        elif live.state is CallState.ADMITTED:  # its stream is still to come, and begins with this
            live.journey.pending = live.journey.step(MachineAnswered(prompt))

    def _is_machine_hung_up(self, dial: Dial) -> bool:
        """Whether a machine took the call and was told nothing."""
        if dial.answered_by == FAX:
            return True
        if dial.answered_by not in MACHINES:
            return False
        return self._message(self._callbacks.flow(dial.flow)) is None

    @staticmethod
    def _message(flow: Flow | None) -> str | None:
        rule = flow.outbound if flow is not None else None
        return rule.machine if rule is not None and rule.machine != NOTHING_FOR_MACHINES else None

    # What nobody told

    async def find_out(self) -> None:
        """Ask Twilio about every dial that should have been heard of by now. Raises DatabaseFailed."""
        now = self._wall()
        for read in await self._book.open_dials(now):
            dial = self._dials.get(read.id, read)
            tried_at = dial.tried_at or now
            try:
                if dial.state == "unknown":
                    await self._look_for(dial, now - tried_at)
                elif dial.call_sid is not None and self._is_overdue(dial, now - tried_at):
                    await self._ask_about(dial, dial.call_sid)
            except VendorError:
                return  # another time

    def _is_overdue(self, dial: Dial, age: timedelta) -> bool:
        if age < timedelta(seconds=self._settings.outbound_ring_s + WORD_DUE_S):
            return False
        return self._desk.calls.find(dial.call_sid or "") is None

    async def _ask_about(self, dial: Dial, call_sid: str) -> None:
        found = await fetch_call(self._twilio, call_sid)
        if found is None:
            self._end(dial, "failed", error="gone")
        elif found.status not in LIVE_STATUSES:
            self.settle(dial, call_sid, found.status)

    async def _look_for(self, dial: Dial, age: timedelta) -> None:
        """Whether Twilio has made the call of an unknown dial."""
        if dial.being_made or dial.tried_at is None:
            return
        known = await self._book.known_calls(dial.to)
        known |= {each.call_sid for each in self._dials.values() if each.call_sid is not None}
        since = dial.tried_at - timedelta(seconds=CLOCKS_APART_S)
        for call in await newest_calls(self._twilio, to=dial.to, caller_id=self._settings.outbound_caller_id or ""):
            created_at = call.created_at
            if call.sid in known or created_at is None or created_at < since:
                continue
            if dial.call_sid is None and dial.state == "unknown":  # nobody has told meanwhile
                self._log.emit(events.DIAL_FOUND, dial_id=dial.id, found=call.sid)
                self._dials[dial.id] = dial
                self.settle(dial, call.sid, call.status)
            return
        if age >= timedelta(seconds=LOOKED_FOR_S) and dial.state == "unknown":
            self._log.emit(events.DIAL_FOUND, dial_id=dial.id, found="no call")
            self._forget(dial)
            if await self._book.give_back(dial):
                self.came()

    # The end

    def _end(self, dial: Dial, state: str, *, status: str = "", error: str | None = None) -> None:
        self._forget(dial)
        self._book.change(dial, state=state, last_error=error)
        self._log.emit(
            events.DIAL_ENDED, dial_id=dial.id, state=state, status=status, answered_by=dial.answered_by, error=error
        )
        self._callbacks.ended(dial)
        self.came()

    def _forget(self, dial: Dial) -> None:
        self._free_slot(dial)
        self._dials.pop(dial.id, None)

    def _hold_slot(self, dial: Dial) -> None:
        if not dial.holds_slot:
            dial.holds_slot = True
            self._desk.calls.reserved += 1

    def _free_slot(self, dial: Dial) -> None:
        if dial.holds_slot:
            dial.holds_slot = False
            self._desk.calls.reserved -= 1

    async def close(self) -> None:
        """Finish what was begun, bounded in time."""
        if self._background:
            _, late = await asyncio.wait(set(self._background), timeout=CLOSE_WAIT_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
