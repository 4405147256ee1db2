"""Callers who were promised to be called back.

A callback is known by the call that asked for it, so a request that Twilio repeats promises nothing twice. It is on the
disk before anybody says that it is promised.

    waiting -> dialling -> done
       ^          |------> failed: as often as CALLBACK_ATTEMPTS allows
       '----------'        nobody answered: later
    waiting -> cancelled
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from ivr_bridge.bridge.dial import Dial
from ivr_bridge.bridge.dial_book import DialBook, Row
from ivr_bridge.bridge.ivr import Ivr
from ivr_bridge.flows.calling_back import is_number
from ivr_bridge.flows.model import Flow, HoursNode, Language
from ivr_bridge.records.journal import JournalFull
from ivr_bridge.settings import Settings
from ivr_bridge.telemetry import events
from ivr_bridge.telemetry.log import Log
from ivr_bridge.twilio.call_desk import IncomingCall

AGAIN = frozenset({"waiting", "failed", "cancelled"})
"""States in which an operator may have a callback called now."""


class Callbacks:
    """One for the process.

    Args:
        book: where they stand.
        settings: how often, how long between.
        ivr: the flows and calendars of now.
        log: of the server.
        wall: tells the time, with a zone.
        came: called when there may be somebody to call.
    """

    def __init__(
        self,
        book: DialBook,
        settings: Settings,
        ivr: Callable[[], Ivr],
        log: Log,
        *,
        wall: Callable[[], datetime],
        came: Callable[[], None] = lambda: None,
    ) -> None:
        self._book = book
        self._settings = settings
        self._ivr = ivr
        self._log = log
        self._wall = wall
        self._now: set[str] = set()
        """Those that an operator wants called next, whatever the hour."""
        self.came = came

    async def promise(self, call: IncomingCall, number: str, flow: str, language: Language) -> bool:
        """Keep that a caller is to be called back; False when it cannot be kept, so that nothing is promised.

        Args:
            call: that asked for it; one call has one callback.
            number: E.164.
            flow: where the call back begins.
            language: of the caller.
        """
        log = self._log.bind(call_sid=call.call_sid)
        if not is_number(number):
            log.emit(events.CALLBACK_REFUSED, error="no number")
            return False
        try:
            await self._book.promise_callback(
                id=call.call_sid,
                call_sid=call.call_sid,
                number=number,
                flow=flow,
                language=language,
                asked_at=self._wall(),
                state="waiting",
                attempts=0,
            )
        except JournalFull as error:
            log.emit(events.CALLBACK_REFUSED, error=str(error))
            return False
        self._book.change_callback({"id": call.call_sid, "state": "waiting"}, number=number, flow=flow)
        log.emit(events.CALLBACK_PROMISED, callback_id=call.call_sid, flow=flow, pii={"number": number})
        self.came()
        return True

    async def due(self) -> Row | None:
        """The one that has waited longest and may be called now. Raises DatabaseFailed."""
        now = self._wall()
        rows = await self._book.due_callbacks(now - timedelta(seconds=self._settings.callback_pause_s))
        asked_for = [row for row in rows if row["id"] in self._now]
        return next((row for row in (*asked_for, *rows) if row in asked_for or self._is_open(row["flow"], now)), None)

    async def begin(self, row: Row) -> Dial | None:
        """Take one to be dialled; None when somebody else has it, or it was cancelled. Raises DatabaseFailed."""
        self._now.discard(row["id"])
        now, attempt = self._wall(), (row["attempts"] or 0) + 1
        if not await self._book.claim_callback(row, state="dialling", attempts=attempt, last_at=now, last_error=None):
            return None
        flow = self.flow(row["flow"])
        dial = Dial(
            id=dial_id(row["id"], attempt),
            to=row["number"] or "",
            flow=row["flow"] or "",
            asked_at=now,
            variables={"callback": "yes"},
            machine_detection=flow is not None and flow.outbound is not None,
            callback_id=row["id"],
            state="unknown",
            tried_at=now,
        )
        await self._book.add(dial)
        self._log.emit(events.CALLBACK_DIALLED, callback_id=row["id"], dial_id=dial.id, attempt=attempt)
        return dial

    def ended(self, dial: Dial) -> None:
        """An attempt is over: done, later, or given up."""
        if dial.callback_id is None:
            return
        attempt = attempt_of(dial.id)
        if dial.state == "done":
            state, error = "done", None
        else:
            state = "waiting" if attempt < self._settings.callback_attempts else "failed"
            error = dial.last_error
        where = {"id": dial.callback_id, "state": "dialling", "attempts": attempt}
        self._book.change_callback(where, state=state, last_at=self._wall(), last_error=error)
        self._log.emit(events.CALLBACK_ENDED, callback_id=dial.callback_id, state=state, attempts=attempt, error=error)

    async def recover(self, before: datetime) -> None:
        """Those that an earlier process took and then never dialled wait again. Raises DatabaseFailed."""
        for row in await self._book.lost_callbacks(before):
            dial = await self._book.find(dial_id(row["id"], row["attempts"] or 0))
            if dial is None:
                await self._book.claim_callback(row, state="waiting", attempts=(row["attempts"] or 1) - 1, last_at=None)
            elif dial.over:
                self.ended(dial)

    # What an operator asks

    async def listed(self, state: str | None = None, most: int = 100) -> list[Row]:
        """The newest first. Raises DatabaseFailed."""
        return await self._book.all_callbacks(state, most)

    async def cancel(self, callback_id: str) -> str | None:
        """Take one back; the state that it is in then, None when there is none. Raises DatabaseFailed."""
        row = await self._book.callback(callback_id)
        if row is not None and row["state"] == "waiting" and await self._book.claim_callback(row, state="cancelled"):
            self._log.emit(events.CALLBACK_CANCELLED, callback_id=callback_id)
            return "cancelled"
        return await self._state(callback_id)

    async def call_now(self, callback_id: str) -> str | None:
        """Have one called next, at whatever hour; its state then, None when there is none. Raises DatabaseFailed.

        A state of `waiting` says that it will be; `dialling` and `done`, that there is nothing to be done.
        """
        row = await self._book.callback(callback_id)
        if row is None or row["state"] not in AGAIN:
            return None if row is None else str(row["state"])
        self._now.add(callback_id)
        await self._book.claim_callback(row, state="waiting", attempts=0, last_at=None)
        self.came()
        return await self._state(callback_id)

    async def _state(self, callback_id: str) -> str | None:
        row = await self._book.callback(callback_id)
        return None if row is None else str(row["state"])

    def flow(self, name: str) -> Flow | None:
        """A flow as it is configured now."""
        return self._ivr().book.flows.get(name)

    def _is_open(self, name: str, now: datetime) -> bool:
        ivr, flow = self._ivr(), self.flow(name)
        calendar = ivr.book.calendars.get(hours_of(flow) or "") if flow is not None else None
        return calendar is None or calendar.state(now) == "open"


def dial_id(callback_id: str, attempt: int) -> str:
    """Of one attempt at a callback."""
    return f"{callback_id}.{attempt}"


def attempt_of(dial_id: str) -> int:
    """Which attempt a dial is."""
    number = dial_id.rpartition(".")[2]
    return int(number) if number.isdecimal() else 0


def hours_of(flow: Flow) -> str | None:
    """The calendar by which callers of a flow are called back; None: any hour will do."""
    if flow.outbound is not None and flow.outbound.hours is not None:
        return flow.outbound.hours
    return next((node.hours for node in flow.nodes.values() if isinstance(node, HoursNode)), None)
