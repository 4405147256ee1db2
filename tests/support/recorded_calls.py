"""A database with calls of two people in it, as a server leaves it."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ivr_bridge.records.database import Database, database_url
from ivr_bridge.records.records import open_records
from ivr_bridge.telemetry.log import Log

ANN, BEN, HOUSE = "+15550100001", "+15550100099", "+15550100002"
ANNS, BENS = "CA" + "a" * 32, "CA" + "b" * 32
NOW = datetime.now(UTC)


def rows_of(call_sid: str, caller: str, began_at: datetime, name: str) -> list[tuple[str, dict[str, Any]]]:
    """Something in each table."""
    of = {"call_sid": call_sid}
    return [
        ("calls", {**of, "direction": "inbound", "caller": caller, "called": HOUSE, "flow": "main", "language": "en",
                   "began_at": began_at, "ended_at": began_at + timedelta(seconds=61), "duration_s": 61.0,
                   "termination": "caller_hung_up", "account": {"turns": 2}}),
        ("turns", {**of, "id": f"{call_sid}:1", "position": 1, "speaker": "agent", "text": "Hello", "at": began_at}),
        ("turns", {**of, "id": f"{call_sid}:2", "position": 2, "speaker": "caller", "text": f"This is {name}",
                   "at": began_at}),
        ("tool_calls", {**of, "id": f"{call_sid}:t", "tool": "book", "ok": True, "ms": 3.0, "at": began_at}),
        ("rungs", {**of, "id": f"{call_sid}:r", "rung": "retry", "cause": "lost", "at": began_at}),
        ("transfers", {**of, "id": f"{call_sid}:x", "kind": "cold", "to_number": "+15550100003", "outcome": "busy",
                       "at": began_at}),
        ("voicemails", {**of, "id": f"VM{name}", "caller": caller, "called": HOUSE, "recorded_at": began_at,
                        "file": f"voicemails/VM{name}.wav"}),
        ("callbacks", {**of, "id": f"CB{name}", "number": caller, "asked_at": began_at, "state": "waiting"}),
        ("dials", {"id": f"DI{name}", "to_number": caller, "asked_at": began_at, "state": "waiting",
                   "variables": {"name": name}}),
        ("conversations", {**of, "conversation_id": f"conv_{name}", "summary": f"{name} wants a table",
                           "file": f"conversations/conv_{name}.json", "told_at": began_at}),
    ]  # fmt: skip


async def _fill(var_dir: Path, url: str) -> None:
    records = await open_records(Database(url), var_dir, Log())
    records.start()
    for row in (
        *rows_of(ANNS, ANN, NOW - timedelta(hours=1), "Ann"),
        *rows_of(BENS, BEN, NOW - timedelta(days=3), "Ben"),
    ):
        records.put(row[0], **row[1])
    async with asyncio.timeout(30):
        await records.settled()
    await records.close()


def fill(var_dir: Path, url: str | None = None) -> None:
    """Two calls, and the files that they name."""
    asyncio.run(_fill(var_dir, url or database_url(None, var_dir)))
    for name in ("Ann", "Ben"):
        for file in (f"voicemails/VM{name}.wav", f"conversations/conv_{name}.json", f"conversations/conv_{name}.mp3"):
            path = var_dir / file
            path.parent.mkdir(exist_ok=True)
            path.write_text(f'{{"data": {{"conversation_id": "conv_{name}", "text": "This is {name}"}}}}')
