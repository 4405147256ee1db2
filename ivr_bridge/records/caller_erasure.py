"""All of a person, wherever it lies: the database, files under `var/`, and journals that are not taken in yet."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from ivr_bridge.records.caller_traces import conversations_naming, cut_lines, files_of
from ivr_bridge.records.database import Database
from ivr_bridge.records.erased_files import remove_file
from ivr_bridge.records.erasure import Erased, erase
from ivr_bridge.records.home import home_of
from ivr_bridge.records.records import JOURNAL_FOLDER
from ivr_bridge.records.taker import take_left_behind
from ivr_bridge.telemetry.log import Log

PATIENCE_S = 20.0
"""A running server empties its journal within half of that."""
LOOK_EVERY_S = 0.1


@dataclass(slots=True)
class CallerErased:
    """What was done."""

    found: Erased
    files: list[str]
    """Deleted, relative to `var/`; what lies in another one is `found.elsewhere`."""
    lines: int
    """Cut out of files of many."""
    journals_left: int
    """Journals of running servers that still hold lines of before: their database does not take them in."""


async def erase_caller(
    database: Database, var_dir: Path, number: str, log: Log, *, patience_s: float = PATIENCE_S
) -> CallerErased:
    """Erase whoever has this number; a running server brings nothing back.

    Args:
        database: with its tables.
        var_dir: `var/`.
        number: as Twilio writes it.
        log: for lines that nobody takes.
        patience_s: how long a running server's journal is waited for.

    Raises:
        ConfigError: `var/home_id` cannot be used; nothing was erased.
        DatabaseFailed: nothing was erased.
        OSError: the rows are gone, and a file could not be deleted: do it again.
    """
    root = var_dir / JOURNAL_FOLDER
    home = await asyncio.to_thread(home_of, var_dir)
    await take_left_behind(root, database, var_dir, log)
    conversation_ids = await asyncio.to_thread(conversations_naming, var_dir, number)
    found = await erase(database, number, conversation_ids, home)
    theirs = sorted({*found.conversation_ids, *conversation_ids})
    found.conversation_ids = theirs
    files = await asyncio.to_thread(_remove, var_dir, number, found)
    lines = await asyncio.to_thread(cut_lines, var_dir, number, found.call_sids)
    return CallerErased(found, files, lines, await _journals_left(root, patience_s))


def _remove(var_dir: Path, number: str, found: Erased) -> list[str]:
    names = [*found.files, *files_of(var_dir, number, found.call_sids, found.conversation_ids)]
    removed = {file for name in names for file in remove_file(var_dir, name)}
    return sorted(removed)


async def _journals_left(root: Path, patience_s: float) -> int:
    """How many journals still have files that were there before."""
    files = await asyncio.to_thread(lambda: [path for path in root.glob("*/*.jsonl") if path.stat().st_size])
    until = asyncio.get_running_loop().time() + patience_s
    while files and asyncio.get_running_loop().time() < until:
        await asyncio.sleep(LOOK_EVERY_S)
        files = [path for path in files if path.exists()]
    return len({path.parent for path in files})
