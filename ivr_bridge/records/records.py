"""Journal and database joined: what happens is told here and never waits; the database takes it in when it can."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ivr_bridge.errors import LocalProtocolError
from ivr_bridge.records.database import Database
from ivr_bridge.records.erasures import FILES
from ivr_bridge.records.home import make_home
from ivr_bridge.records.journal import Journal
from ivr_bridge.records.tables import metadata
from ivr_bridge.records.taker import Taker, take_left_behind
from ivr_bridge.telemetry import events
from ivr_bridge.telemetry.log import Log

FIRST_AGAIN_S = 0.5
LONGEST_AGAIN_S = 15.0
TIDY_S = 1.0
"""After so long without a line the journal's files are emptied."""
LAST_TAKE_S = 3.0

JOURNAL_FOLDER = "journal"


class Records:
    """One for the process. `put` and `change` for what happens, `promise` for what somebody was told.

    Args:
        journal: open; it is closed here.
        database: its tables need not be there yet; it is closed here.
        var_dir: where the journals and the files that rows name lie.
        home: its id; every row that names a file gets it.
        log: of the server.
        first_again_s: how long after the first failure of the database; twice as long after each other one.
    """

    def __init__(
        self,
        journal: Journal,
        database: Database,
        var_dir: Path,
        log: Log,
        *,
        home: str,
        first_again_s: float = FIRST_AGAIN_S,
    ) -> None:
        self._journal = journal
        self.database = database
        self.home = home
        self._var_dir = var_dir
        self._log = log
        self._first_again_s = first_again_s
        self._taker = Taker(journal, database, var_dir, log)
        self._failing_since: float | None = None
        self._took = asyncio.Event()
        self._closing = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to take lines in; first those that an earlier process has left."""
        self._task = asyncio.create_task(self._take_on(), name="take records in")

    @property
    def state(self) -> str:
        """For /readyz: `ok`, or `delayed` while the database takes nothing and lines wait on the disk."""
        return "ok" if self._failing_since is None and self._journal.failure is None else "delayed"

    def put(self, table: str, **values: Any) -> None:
        """A row, or new values of one that is there, by its key. Never waits.

        Raises:
            LocalProtocolError: no such table or column.
        """
        self._append(_line(table, self._with_home(table, values)))

    def change(self, table: str, where: Mapping[str, Any], **values: Any) -> None:
        """New values for every row that fits. Never waits.

        Raises:
            LocalProtocolError: no such table or column.
        """
        self._append(_line(table, self._with_home(table, values), where))

    async def promise(self, table: str, **values: Any) -> None:
        """As `put`, but comes back when it stands on the disk: whatever happens now, it is not lost.

        Raises:
            JournalFull: it cannot be written; promise nothing.
            LocalProtocolError: no such table or column.
        """
        await self._journal.keep(_line(table, self._with_home(table, values)))

    async def promise_once(self, table: str, **values: Any) -> None:
        """As `promise`; a row that is there already is left as it is.

        Raises:
            JournalFull: it cannot be written; promise nothing.
            LocalProtocolError: no such table or column.
        """
        await self._journal.keep({**_line(table, self._with_home(table, values)), "once": True})

    async def settled(self) -> None:
        """Until everything that was told before this stands in the database, however long that takes.

        Raises:
            JournalFull: it cannot even be written to the disk.
        """
        await self._journal.settled()
        wanted = self._journal.end
        self._journal.nudge()
        while self._taker.taken < wanted:
            self._took.clear()
            await self._took.wait()

    async def close(self) -> None:
        """Write what waits to the disk and let go; what the database has not taken is taken at the next start."""
        await self._journal.finish()
        self._closing = True
        self._journal.nudge()
        if self._task is not None:
            if self._failing_since is None:
                await asyncio.wait({self._task}, timeout=LAST_TAKE_S)
            self._task.cancel()
            await asyncio.wait({self._task})
        await self._journal.close()
        await self.database.close()

    def _with_home(self, table: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """A row that names a file says where it lies."""
        homes = {home: self.home for file, home in FILES.get(table, {}).items() if values.get(file)}
        return {**values, **homes}

    def _append(self, line: dict[str, Any]) -> None:
        if not self._journal.append(line) and self._journal.lost.bit_count() == 1:  # 1, 2, 4, 8 ... lines
            self._log.emit(events.RECORDS_LOST, lines=self._journal.lost, error=str(self._journal.failure or ""))

    async def _take_on(self) -> None:
        again_s, ready, others_taken = self._first_again_s, False, False
        while True:
            closing = self._closing
            try:
                if not ready:
                    await self.database.upgrade()
                    await self._taker.find_place()
                    ready = True
                await self._taker.take_all()
                if not others_taken:
                    await take_left_behind(self._var_dir / JOURNAL_FOLDER, self.database, self._var_dir, self._log)
                    others_taken = True
            except Exception as error:  # noqa: BLE001 - a task border: logged, and tried again
                ready = False  # it may come back as it was yesterday
                await self._failed(error, again_s)
                await asyncio.sleep(again_s)
                again_s = min(again_s * 2, LONGEST_AGAIN_S)
                continue
            again_s = self._first_again_s
            self._recovered()
            self._took.set()
            if closing:
                with suppress(OSError):
                    await self._journal.forget(self._taker.taken, at_once=True)
                return
            await self._idle()

    async def _idle(self) -> None:
        """Until there are lines; when there are none for a while, those that are taken in are deleted."""
        some = self._taker.taken.line > 0
        if not await self._journal.wait(at_most_s=TIDY_S if some else None):
            with suppress(OSError):
                await self._journal.forget(self._taker.taken, at_once=True)
            await self._journal.wait(at_most_s=None)

    async def _failed(self, error: Exception, again_s: float) -> None:
        if self._failing_since is None:
            self._failing_since, waiting = asyncio.get_running_loop().time(), 0
            with suppress(OSError):
                waiting = await self._journal.backlog_bytes(self._taker.taken)
            self._log.emit(events.RECORDS_DELAYED, error=_said(error), again_s=again_s, waiting_bytes=waiting)

    def _recovered(self) -> None:
        if self._failing_since is not None:
            delayed_s = asyncio.get_running_loop().time() - self._failing_since
            self._failing_since = None
            self._log.emit(events.RECORDS_RECOVERED, delayed_s=delayed_s)


async def open_records(database: Database, var_dir: Path, log: Log, *, first_again_s: float = FIRST_AGAIN_S) -> Records:
    """Records with a journal in `var/journal`; call `start` next. The database is not asked yet.

    Raises:
        ConfigError: `var/home_id` cannot be used.
        OSError: the journal's folder cannot be used.
    """
    home = await asyncio.to_thread(make_home, var_dir)
    journal = await Journal.open(var_dir / JOURNAL_FOLDER)
    return Records(journal, database, var_dir, log, home=home, first_again_s=first_again_s)


def _line(table: str, values: Mapping[str, Any], where: Mapping[str, Any] | None = None) -> dict[str, Any]:
    known = metadata.tables.get(table)
    if known is None or {*values, *(where or ())} - set(known.c.keys()):
        raise LocalProtocolError(f"records have no {table}.{', '.join(sorted(values))}")
    line = {"table": table, "at": datetime.now(UTC).isoformat()}
    return {**line, "put": dict(values)} if where is None else {**line, "where": dict(where), "set": values}


def _said(error: Exception) -> str:
    return str(error) or repr(error)
