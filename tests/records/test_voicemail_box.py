from datetime import UTC, datetime, timedelta
from typing import Any

from ivr_bridge.records.database import Database
from ivr_bridge.records.segments import Place
from ivr_bridge.records.voicemail_box import VoicemailBox

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


async def fill(database: Database) -> None:
    rows: list[dict[str, Any]] = [
        {"id": "VM1", "caller": "+15550100001", "recorded_at": NOON.isoformat(), "file": "voicemails/VM1.wav"},
        {"id": "VM2a", "recorded_at": (NOON + timedelta(hours=1)).isoformat()},
        {"id": "VM2b", "recorded_at": (NOON + timedelta(hours=2)).isoformat(), "delivered_at": NOON.isoformat()},
    ]
    lines = [{"table": "voicemails", "at": NOON.isoformat(), "put": row} for row in rows]
    await database.take("j1", lines, Place(1, len(lines)))


async def test_the_newest_first(database: Database) -> None:
    await fill(database)
    box = VoicemailBox(database)
    rows = await box.rows()
    assert [row["id"] for row in rows] == ["VM2b", "VM2a", "VM1"]
    assert rows[2]["recorded_at"] == NOON
    assert rows[2]["file"] == "voicemails/VM1.wav"


async def test_by_id_or_its_beginning(database: Database) -> None:
    await fill(database)
    box = VoicemailBox(database)
    assert [row["id"] for row in await box.named("VM1")] == ["VM1"]
    assert {row["id"] for row in await box.named("VM2")} == {"VM2a", "VM2b"}
    assert await box.named("VM%") == []


async def test_what_nobody_has_taken(database: Database) -> None:
    await fill(database)
    box = VoicemailBox(database)
    assert [row["id"] for row in await box.undelivered(NOON - timedelta(days=1))] == ["VM1", "VM2a"]
    assert [row["id"] for row in await box.undelivered(NOON + timedelta(minutes=1))] == ["VM2a"]


async def test_heard_and_deleted(database: Database) -> None:
    await fill(database)
    box = VoicemailBox(database)
    await box.heard("VM1", NOON)
    [row] = await box.named("VM1")
    assert row["heard_at"] == NOON
    await box.delete("VM1")
    assert await box.named("VM1") == []
    assert len(await box.rows()) == 2
