"""Files of erased people that lie in another `var/` than the one where that was done: their own server deletes them."""

import asyncio
import hashlib
from collections.abc import Iterable
from pathlib import Path

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from ivr_bridge.records.database import Database
from ivr_bridge.records.erased_files import remove_file
from ivr_bridge.records.tables import owed_files

AT_ONCE = 1000


async def owe(database: Database, connection: AsyncConnection, files: Iterable[tuple[str, str]]) -> None:
    """Note, in a transaction that goes on, what a home has to delete: (home, file relative to its `var/`)."""
    insert = (sqlite.insert if database.is_sqlite else postgresql.insert)(owed_files)
    for home, name in files:
        values = {"id": hashlib.sha256(f"{home}:{name}".encode()).hexdigest(), "home": home, "name": name}
        await connection.execute(insert.values(values).on_conflict_do_nothing())


async def delete_owed(database: Database, var_dir: Path, home: str) -> list[str]:
    """Delete what this home owes; the rest is done when it is asked again.

    Args:
        database: with its tables.
        var_dir: of this home.
        home: its id.

    Returns:
        What was deleted, relative to `var/`; not what was gone already.

    Raises:
        DatabaseFailed: it does not answer.
        OSError: a file cannot be deleted; those before it are.
    """
    wanted = select(owed_files.c.id, owed_files.c.name).where(owed_files.c.home == home).limit(AT_ONCE)
    removed: list[str] = []
    for row in await database.rows(wanted):
        removed += await asyncio.to_thread(remove_file, var_dir, row["name"])
        async with database.writing() as connection:
            await connection.execute(delete(owed_files).where(owed_files.c.id == row["id"]))
    return removed
