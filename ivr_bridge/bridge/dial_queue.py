"""Who is called next: dials in the order in which they were asked for, callbacks when there is room, one after another.

At most `OUTBOUND_CPS` calls are begun in a second. What was told to nobody yet stands in the records, so a process that
was killed leaves nothing behind but rows that the next one takes up.
"""

import asyncio

from ivr_bridge.bridge.callbacks import Callbacks
from ivr_bridge.bridge.dial import Dial
from ivr_bridge.bridge.dial_book import DialBook
from ivr_bridge.bridge.outbound import LOOKED_FOR_S, Outbound
from ivr_bridge.errors import BridgeError
from ivr_bridge.records.database import DatabaseFailed
from ivr_bridge.records.journal import JournalFull
from ivr_bridge.settings import Settings
from ivr_bridge.telemetry import events
from ivr_bridge.telemetry.log import Log

IDLE_S = 5.0
"""Between two looks while nothing is told."""
NO_ROOM_S = 1.0
FIND_OUT_EVERY_S = 15.0
FIRST_AGAIN_S, LONGEST_AGAIN_S = 1.0, 30.0
"""After the database has not answered."""


class DialQueue:
    """One for the process: `run` is its task.

    Args:
        outbound: makes the calls.
        callbacks: who is to be called back.
        book: where dials stand.
        settings: how fast, and how much room is kept.
        log: of the server.
    """

    def __init__(self, outbound: Outbound, callbacks: Callbacks, book: DialBook, settings: Settings, log: Log) -> None:
        self._outbound = outbound
        self._callbacks = callbacks
        self._book = book
        self._settings = settings
        self._log = log
        self._woken = asyncio.Event()
        self._placing: set[asyncio.Task[None]] = set()
        self._free_at = 0.0
        """When Twilio may be asked for another call."""
        self._find_out_at = 0.0
        self._again_s = FIRST_AGAIN_S
        outbound.came = callbacks.came = self.wake

    def wake(self) -> None:
        """Somebody is to be called, or there may be room: look at once."""
        self._woken.set()

    async def run(self) -> None:
        """Until it is cancelled; what is being made then is looked for at the next start."""
        try:
            while True:
                await self._wait(await self._turn_bounded())
        finally:
            for task in self._placing:
                task.cancel()
            await asyncio.gather(*self._placing, return_exceptions=True)

    async def _turn_bounded(self) -> float:
        try:
            pause_s = await self._turn()
        except (DatabaseFailed, JournalFull) as error:
            pause_s = self._again_s
            if pause_s == FIRST_AGAIN_S:
                self._log.emit(events.OUTBOUND_STALLED, error=str(error), again_s=pause_s)
            self._again_s = min(pause_s * 2, LONGEST_AGAIN_S)
            return pause_s
        self._again_s = FIRST_AGAIN_S
        return pause_s

    async def _turn(self) -> float:
        """One look, and at most one call; how long there is nothing to do."""
        now = asyncio.get_running_loop().time()
        if self._woken.is_set():
            self._woken.clear()
            await self._book.settled()
        if now >= self._find_out_at:
            self._find_out_at = now + FIND_OUT_EVERY_S
            await self._outbound.find_out()
            await self._callbacks.recover(self._outbound.moment(-LOOKED_FOR_S))
        if now < self._free_at:
            return self._free_at - now
        if not self._outbound.has_room(keep_free=0):
            return NO_ROOM_S
        dial = await self._next()
        if dial is None:
            return IDLE_S
        self._free_at = now + 1 / self._settings.outbound_cps
        task = asyncio.create_task(self._place(dial), name="make a call")
        self._placing.add(task)
        task.add_done_callback(self._placing.discard)
        return 1 / self._settings.outbound_cps

    async def _next(self) -> Dial | None:
        for dial in await self._book.next_waiting():
            if await self._book.claim_dial(dial, self._outbound.moment()):
                return dial
        if self._outbound.has_room(keep_free=self._settings.outbound_reserve):
            row = await self._callbacks.due()
            if row is not None:
                return await self._callbacks.begin(row)
        return None

    async def _place(self, dial: Dial) -> None:
        try:
            pause_s = await self._outbound.place(dial)
        except BridgeError as error:  # such as an answer that is no call: it stays unknown, and is looked for
            self._log.emit(events.DIAL_UNKNOWN, dial_id=dial.id, error=error.code)
            return
        if pause_s:
            self._free_at = max(self._free_at, asyncio.get_running_loop().time() + pause_s)

    async def _wait(self, pause_s: float) -> None:
        """So long, or until it is woken; what Twilio's pace forbids is not hurried."""
        now = asyncio.get_running_loop().time()
        held_s = max(0.0, min(pause_s, self._free_at - now))
        if held_s:
            await asyncio.sleep(held_s)
        try:
            async with asyncio.timeout(max(0.0, pause_s - held_s)):
                await self._woken.wait()
        except TimeoutError:
            return
