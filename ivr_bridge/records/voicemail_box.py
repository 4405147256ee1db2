"""The messages that callers left, as the database lists them: for the command line, and for delivery."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select

from ivr_bridge.records.database import Database
from ivr_bridge.records.tables import voicemails

ROWS_AT_ONCE = 100


class VoicemailBox:
    """Reads and changes rows of `voicemails`; their files are the caller's matter.

    Args:
        database: its tables are there.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def rows(self) -> list[dict[str, Any]]:
        """All of them, the newest first. Raises DatabaseFailed."""
        return await self._database.rows(select(voicemails).order_by(voicemails.c.recorded_at.desc(), voicemails.c.id))

    async def named(self, beginning: str) -> list[dict[str, Any]]:
        """Those whose id begins like this: one, if it is an id. Raises DatabaseFailed."""
        wanted = select(voicemails).where(voicemails.c.id.startswith(beginning, autoescape=True)).limit(ROWS_AT_ONCE)
        rows = await self._database.rows(wanted)
        return [row for row in rows if row["id"] == beginning] or rows

    async def undelivered(self, since: datetime) -> list[Mapping[str, Any]]:
        """What nobody has taken yet and was recorded after `since`, the oldest first. Raises DatabaseFailed."""
        wanted = (
            select(voicemails)
            .where(voicemails.c.delivered_at.is_(None), voicemails.c.recorded_at >= since)
            .order_by(voicemails.c.recorded_at)
            .limit(ROWS_AT_ONCE)
        )
        return list(await self._database.rows(wanted))

    async def heard(self, name: str, at: datetime) -> None:
        """Somebody has listened to it. Raises DatabaseFailed."""
        await self._database.claim(voicemails, {"id": name}, heard_at=at)

    async def delete(self, name: str) -> None:
        """It is listed no more. Raises DatabaseFailed."""
        async with self._database.writing() as connection:
            await connection.execute(delete(voicemails).where(voicemails.c.id == name))
