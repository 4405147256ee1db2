"""Calls as they were, for people who ask: the newest first, or one with all that belongs to it."""

from datetime import datetime
from typing import Any

from sqlalchemy import Table, func, select

from ivr_bridge.records.database import Database
from ivr_bridge.records.tables import (
    callbacks,
    calls,
    conversations,
    dials,
    recordings,
    rungs,
    tool_calls,
    transfers,
    turns,
    voicemails,
)

_ORDER: dict[str, tuple[Table, str]] = {
    "turns": (turns, "at"),
    "tool_calls": (tool_calls, "at"),
    "rungs": (rungs, "at"),
    "transfers": (transfers, "at"),
    "voicemails": (voicemails, "recorded_at"),
    "callbacks": (callbacks, "asked_at"),
    "dials": (dials, "asked_at"),
    "recordings": (recordings, "began_at"),
    "conversations": (conversations, "told_at"),
}
_OF_NOBODY = ("call_sid",)


async def list_calls(
    database: Database, *, since: datetime | None = None, caller: str | None = None, most: int = 100
) -> list[dict[str, Any]]:
    """The newest calls, each with `turns` and `tools`: how many there were.

    Raises:
        DatabaseFailed: it does not answer.
    """
    columns = [column for column in calls.c if column.name != "account"]
    counted = [
        select(func.count()).where(table.c.call_sid == calls.c.call_sid).scalar_subquery().label(name)
        for name, table in (("turns", turns), ("tools", tool_calls))
    ]
    wanted = select(*columns, *counted).order_by(calls.c.began_at.desc(), calls.c.call_sid).limit(most)
    if since is not None:
        wanted = wanted.where(calls.c.began_at >= since)
    if caller is not None:
        wanted = wanted.where(calls.c.caller == caller)
    return await database.rows(wanted)


async def one_call(database: Database, call_sid: str) -> dict[str, Any] | None:
    """One call with everything of it, each in its order; None when there is no such call.

    Raises:
        DatabaseFailed: it does not answer.
    """
    found = await database.rows(select(calls).where(calls.c.call_sid == call_sid))
    if not found:
        return None
    call = found[0]
    for name, (table, moment) in _ORDER.items():
        order = [table.c[moment], *([table.c.position] if "position" in table.c else [])]
        rows = await database.rows(select(table).where(table.c.call_sid == call_sid).order_by(*order))
        call[name] = [{key: value for key, value in row.items() if key not in _OF_NOBODY} for row in rows]
    return call
