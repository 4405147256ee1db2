"""What stands in the records of dials and callbacks: promised on the disk, claimed in the database.

Of several servers on one database each reads the same rows; a row is worked on by whoever claims it.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from ivr_bridge.bridge.dial import Dial
from ivr_bridge.records.tables import callbacks, dials

MOST_ROWS = 200

Row = dict[str, Any]


class Rows(Protocol):
    """What a `Database` does here. Each raises DatabaseFailed when it does not answer."""

    async def rows(self, statement: Any) -> list[Row]:
        """What a SELECT gives."""
        ...

    async def claim(self, table: Any, where: Mapping[str, Any], **values: Any) -> bool:
        """New values for the rows that fit, at once; whether there were any."""
        ...


class Writer(Protocol):
    """What `Records` do here."""

    def change(self, table: str, where: Mapping[str, Any], **values: Any) -> None:
        """New values for every row that fits; never waits."""
        ...

    async def promise(self, table: str, **values: Any) -> None:
        """A row; on the disk when it returns. Raises JournalFull."""
        ...

    async def promise_once(self, table: str, **values: Any) -> None:
        """As `promise`; a row that is there already is left as it is."""
        ...

    async def settled(self) -> None:
        """Until everything that was told stands in the database."""
        ...


class DialBook:
    """One for the process."""

    def __init__(self, writer: Writer, database: Rows) -> None:
        self._writer = writer
        self._database = database

    async def settled(self) -> None:
        """Until the database has all that was written before."""
        await self._writer.settled()

    # Dials

    async def add(self, dial: Dial) -> None:
        """A dial that must not be lost. Raises JournalFull."""
        await self._writer.promise("dials", **dial.row())

    def change(self, dial: Dial, **values: Any) -> None:
        """Write down what has become of it."""
        for name, value in values.items():
            setattr(dial, name, value)
        self._writer.change("dials", {"id": dial.id}, **values)

    async def find(self, dial_id: str) -> Dial | None:
        """A dial by its id."""
        rows = await self._database.rows(dials.select().where(dials.c.id == dial_id))
        return Dial.of(rows[0]) if rows else None

    async def next_waiting(self, most: int = 1) -> list[Dial]:
        """The dials that wait longest."""
        wanted = dials.select().where(dials.c.state == "waiting").order_by(dials.c.asked_at).limit(most)
        return [Dial.of(row) for row in await self._database.rows(wanted)]

    async def claim_dial(self, dial: Dial, now: datetime) -> bool:
        """Take a waiting dial: it is unknown from now on. False: somebody else has it."""
        taken = await self._database.claim(dials, {"id": dial.id, "state": "waiting"}, state="unknown", tried_at=now)
        if taken:
            dial.state, dial.tried_at = "unknown", now
        return taken

    async def give_back(self, dial: Dial) -> bool:
        """An unknown dial of which Twilio has no call waits again. False: it is not as it was."""
        where = {"id": dial.id, "state": "unknown", "tried_at": dial.tried_at}
        return await self._database.claim(dials, where, state="waiting")

    async def open_dials(self, tried_before: datetime) -> list[Dial]:
        """Those that were made, or may have been, before then and are not over."""
        still = dials.c.state.in_(("unknown", "created", "answered"))
        wanted = dials.select().where(still, dials.c.tried_at <= tried_before).order_by(dials.c.tried_at)
        return [Dial.of(row) for row in await self._database.rows(wanted.limit(MOST_ROWS))]

    async def known_calls(self, to: str) -> set[str]:
        """The calls to this number that belong to a dial already."""
        wanted = dials.select().where(dials.c.to_number == to, dials.c.call_sid.is_not(None))
        return {row["call_sid"] for row in await self._database.rows(wanted)}

    # Callbacks

    async def promise_callback(self, **row: Any) -> None:
        """A callback that must not be lost, nor doubled by a repeated request. Raises JournalFull."""
        await self._writer.promise_once("callbacks", **row)

    def change_callback(self, where: Mapping[str, Any], **values: Any) -> None:
        """New values for a callback that is as `where` says."""
        self._writer.change("callbacks", where, **values)

    async def callback(self, callback_id: str) -> Row | None:
        """A callback by its id."""
        rows = await self._database.rows(callbacks.select().where(callbacks.c.id == callback_id))
        return rows[0] if rows else None

    async def all_callbacks(self, state: str | None, most: int) -> list[Row]:
        """The newest callbacks, of one state or of all."""
        wanted = callbacks.select().order_by(callbacks.c.asked_at.desc()).limit(most)
        return await self._database.rows(wanted.where(callbacks.c.state == state) if state is not None else wanted)

    async def due_callbacks(self, tried_before: datetime) -> list[Row]:
        """Those that wait and were not tried since then, the oldest first."""
        rested = callbacks.c.last_at.is_(None) | (callbacks.c.last_at <= tried_before)
        wanted = callbacks.select().where(callbacks.c.state == "waiting", rested).order_by(callbacks.c.asked_at)
        return await self._database.rows(wanted.limit(MOST_ROWS))

    async def lost_callbacks(self, tried_before: datetime) -> list[Row]:
        """Those that were taken to be dialled before then, and still are."""
        old = callbacks.c.last_at <= tried_before
        return await self._database.rows(
            callbacks.select().where(callbacks.c.state == "dialling", old).limit(MOST_ROWS)
        )

    async def claim_callback(self, row: Row, **values: Any) -> bool:
        """New values for a callback, if it is still as it was read."""
        where = {name: row[name] for name in ("id", "state", "attempts")}
        return await self._database.claim(callbacks, where, **values)
