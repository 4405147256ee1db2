"""Erases a person from the records: what names them, what they said, what they left; numbers for statistics stay."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Table, delete, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from ivr_bridge.records.database import Database
from ivr_bridge.records.erasures import FILES, NUMBERS, OF_CONVERSATION, hash_of
from ivr_bridge.records.owed_files import owe
from ivr_bridge.records.tables import (
    callbacks,
    calls,
    conversations,
    dials,
    erasures,
    metadata,
    recordings,
    transfers,
    turns,
    voicemails,
)

REMEMBERED = timedelta(days=30)
"""A line that was told before an erasure and comes later than this does not."""


@dataclass(slots=True)
class Erased:
    """What was found of a person; `rows` by table, files relative to `var/`."""

    rows: dict[str, int] = field(default_factory=dict)
    call_sids: list[str] = field(default_factory=list)
    conversation_ids: list[str] = field(default_factory=list)
    """The vendor has these too."""
    files: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)
    """Those of `files` that lie in the `var/` of another home, which owes it now to delete them."""


async def erase(
    database: Database, number: str, more_conversations: Sequence[str] = (), home: str | None = None
) -> Erased:
    """Erase whoever has this number, in one transaction; files are the caller's to delete, or their home's.

    Args:
        database: with its tables.
        number: as it stands in the records.
        more_conversations: ids that are known from elsewhere to be theirs.
        home: whose files the caller reaches; None: it has no `var/`.

    Raises:
        DatabaseFailed: nothing was erased.
    """
    now = datetime.now(UTC)
    async with database.writing(alone=True) as connection:
        erased = Erased(call_sids=await _calls_of(connection, number))
        theirs = conversations.c.call_sid.in_(erased.call_sids) | (conversations.c.caller == number)
        theirs |= conversations.c.conversation_id.in_(more_conversations)
        erased.conversation_ids = await _column(connection, conversations.c.conversation_id, theirs)
        files = await _files(connection, number, erased, theirs)
        elsewhere = [(at, name) for name, at in files if at not in (None, home)]
        await owe(database, connection, elsewhere)
        erased.files, erased.elsewhere = [name for name, _ in files], [name for _, name in elsewhere]
        for table in (turns, voicemails, callbacks, dials, recordings):
            gone = await connection.execute(delete(table).where(_of(table, number, erased.call_sids)))
            _count(erased, table, gone.rowcount)
        of_theirs = calls.c.call_sid.in_(erased.call_sids)
        for name in NUMBERS["calls"]:
            await connection.execute(update(calls).where(of_theirs, calls.c[name] == number).values({name: None}))
        await connection.execute(update(calls).where(of_theirs).values(erased_at=now))
        _count(erased, calls, len(erased.call_sids))
        emptied = await connection.execute(
            update(transfers).where(transfers.c.to_number == number).values(to_number=None)
        )
        _count(erased, transfers, emptied.rowcount)
        nothing: dict[str, Any] = dict.fromkeys(OF_CONVERSATION)
        await connection.execute(update(conversations).where(theirs).values(**nothing, erased_at=now))
        _count(erased, conversations, len(erased.conversation_ids))
        await _remember(database, connection, number, now)
    await database.tidy()
    return erased


def _of(table: Table, number: str, call_sids: Sequence[str]) -> Any:
    """Which rows are theirs: by the number, or by the call."""
    named = [table.c[name] == number for name in NUMBERS.get(table.name, ())]
    return or_(table.c.call_sid.in_(call_sids), *named)


async def _calls_of(connection: AsyncConnection, number: str) -> list[str]:
    found = set()
    for name, columns in NUMBERS.items():
        table = metadata.tables[name]
        if name == "transfers":  # the number of whom they were put through to
            continue
        for column in columns:
            where = table.c[column] == number
            if column == "called":  # else it is a number of the house
                where &= table.c.direction.startswith("outbound")
            found.update(await _column(connection, table.c.call_sid, where))
    return sorted(call_sid for call_sid in found if call_sid)


async def _column(connection: AsyncConnection, column: Any, where: Any) -> list[str]:
    return sorted(value for value in (await connection.execute(select(column).where(where))).scalars() if value)


async def _files(connection: AsyncConnection, number: str, erased: Erased, theirs: Any) -> list[tuple[str, str | None]]:
    """Each with its home."""
    files: list[tuple[str, str | None]] = []
    for name, columns in FILES.items():
        table = metadata.tables[name]
        where = theirs if table is conversations else _of(table, number, erased.call_sids)
        for column, home in columns.items():
            found = await connection.execute(select(table.c[column], table.c[home]).where(where))
            files += sorted(((name, at) for name, at in found if name), key=lambda each: each[0])
    return files


async def _remember(database: Database, connection: AsyncConnection, number: str, now: datetime) -> None:
    await connection.execute(delete(erasures).where(erasures.c.erased_at < now - REMEMBERED))
    insert = (sqlite.insert if database.is_sqlite else postgresql.insert)(erasures)
    values = {"id": hash_of(number), "erased_at": now}
    await connection.execute(insert.values(values).on_conflict_do_update(index_elements=["id"], set_=values))


def _count(erased: Erased, table: Table, count: int) -> None:
    if count:
        erased.rows[str(table.name)] = count
