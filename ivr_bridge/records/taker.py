"""Takes a journal's lines into the database, in order, each once; what an erased person's lines spoke of is deleted."""

import asyncio
from pathlib import Path
from typing import Any

from ivr_bridge.records.database import Database, RecordRefused
from ivr_bridge.records.erased_files import remove_file
from ivr_bridge.records.journal import Journal
from ivr_bridge.records.segments import FIRST, Place, left_behind
from ivr_bridge.telemetry import events
from ivr_bridge.telemetry.log import Log

LINES_AT_ONCE = 500


class Taker:
    """Of one journal. `taken` is how far it is.

    Args:
        journal: whose lines.
        database: where they go; its tables are there.
        var_dir: where the files lie that rows name.
        log: of the server.
    """

    def __init__(self, journal: Journal, database: Database, var_dir: Path, log: Log) -> None:
        self._journal = journal
        self._database = database
        self._var_dir = var_dir
        self._log = log
        self.taken = FIRST

    async def find_place(self) -> None:
        """Ask the database how far it is. A journal that is shorter than that is not the one it knows: it begins anew.

        Raises:
            DatabaseFailed: it does not answer.
        """
        taken = await self._database.taken(self._journal.journal_id)
        self.taken = taken if taken <= self._journal.opened_at else FIRST

    async def take_all(self) -> None:
        """Take in what there is, and forget it.

        Raises:
            DatabaseFailed: the rest has to wait.
            OSError: the journal cannot be read.
        """
        most = LINES_AT_ONCE
        while True:
            lines, behind = await self._journal.read(self.taken, most)
            if behind == self.taken:
                return
            try:
                if None in lines:
                    raise RecordRefused("no JSON: the disk has spoiled it")
                files = await self._database.take(self._journal.journal_id, [*map(_known, lines)], behind)
            except RecordRefused as error:
                if len(lines) > 1:
                    most = len(lines) // 2
                    continue
                await self._put_aside(lines[0], behind, error)
                files = []
            for name in files:
                await asyncio.to_thread(remove_file, self._var_dir, name)
            most = LINES_AT_ONCE
            self.taken = behind
            await self._journal.forget(behind)

    async def _put_aside(self, line: Any, behind: Place, error: RecordRefused) -> None:
        if line is not None:
            await self._journal.put_aside(line)
        await self._database.take(self._journal.journal_id, (), behind)
        table = line.get("table") if isinstance(line, dict) else None
        self._log.emit(events.RECORD_REFUSED, table=str(table), error=str(error))


async def take_left_behind(root: Path, database: Database, var_dir: Path, log: Log) -> int:
    """Take in, and remove, every journal whose process is gone; how many there were.

    Raises:
        DatabaseFailed: the rest has to wait.
        OSError: the folder, or a journal in it, cannot be read.
    """
    count = 0
    for segments in await asyncio.to_thread(lambda: list(left_behind(root))):
        journal = Journal(segments)
        done = False
        try:
            taker = Taker(journal, database, var_dir, log)
            await taker.find_place()
            await taker.take_all()
            done = True
            count += 1
        finally:
            await journal.close(remove=done)
        await database.forget_journal(journal.journal_id)
    return count


def _known(line: Any) -> dict[str, Any]:
    """A line that is no object says nothing to us."""
    return line if isinstance(line, dict) else {}
