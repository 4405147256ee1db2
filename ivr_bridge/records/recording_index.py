"""The recordings of calls, as the database lists them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select

from ivr_bridge.records.database import Database
from ivr_bridge.records.tables import recordings

DUE_AT_ONCE = 1000


class RecordingIndex:
    """Reads and changes rows of `recordings`; their files are the caller's matter.

    Args:
        database: its tables are there.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def rows(self, *, call_sid: str | None = None, before: datetime | None = None) -> list[dict[str, Any]]:
        """Those that are not deleted, of one call, or of before an instant; the newest first. Raises DatabaseFailed."""
        wanted = select(recordings).where(recordings.c.deleted_at.is_(None))
        if call_sid is not None:
            wanted = wanted.where(recordings.c.call_sid == call_sid)
        if before is not None:
            wanted = wanted.where(recordings.c.began_at < before)
        return await self._database.rows(wanted.order_by(recordings.c.began_at.desc(), recordings.c.id))

    async def due(self, home: str, now: datetime) -> Sequence[str]:
        """The ids of those whose day has come, of files in the `var/` of this home. Raises DatabaseFailed."""
        wanted = select(recordings.c.id).where(
            recordings.c.home == home, recordings.c.deleted_at.is_(None), recordings.c.delete_after <= now
        )
        return [str(row["id"]) for row in await self._database.rows(wanted.limit(DUE_AT_ONCE))]

    async def deleted(self, name: str, at: datetime) -> None:
        """Its file is gone. Raises DatabaseFailed."""
        await self._database.claim(recordings, {"id": name}, deleted_at=at)
