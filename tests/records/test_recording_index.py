from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from ivr_bridge.records.database import Database
from ivr_bridge.records.recording_index import RecordingIndex
from ivr_bridge.records.segments import Place

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


async def fill(database: Database, homes: Sequence[str] = ("here",)) -> None:
    lines = [
        {
            "table": "recordings",
            "at": NOON.isoformat(),
            "put": {
                "id": f"RC{i}",
                "call_sid": f"CA{i % 2}",
                "home": homes[i % len(homes)],
                "began_at": (NOON + timedelta(days=i)).isoformat(),
                "delete_after": (NOON + timedelta(days=i + 30)).isoformat(),
            },
        }
        for i in range(4)
    ]
    await database.take("j1", lines, Place(1, len(lines)))


async def test_those_of_a_call_and_those_of_before(database: Database) -> None:
    await fill(database)
    index = RecordingIndex(database)
    assert [row["id"] for row in await index.rows()] == ["RC3", "RC2", "RC1", "RC0"]
    assert [row["id"] for row in await index.rows(call_sid="CA1")] == ["RC3", "RC1"]
    assert [row["id"] for row in await index.rows(before=NOON + timedelta(days=1))] == ["RC0"]


async def test_what_is_due_is_due_until_it_is_deleted(database: Database) -> None:
    await fill(database)
    index = RecordingIndex(database)
    assert await index.due("here", NOON) == []
    assert sorted(await index.due("here", NOON + timedelta(days=31))) == ["RC0", "RC1"]
    await index.deleted("RC0", NOON)
    assert await index.due("here", NOON + timedelta(days=31)) == ["RC1"]
    assert [row["id"] for row in await index.rows()] == ["RC3", "RC2", "RC1"]


async def test_each_home_is_told_of_its_own(database: Database) -> None:
    await fill(database, ("here", "there"))
    index = RecordingIndex(database)
    assert sorted(await index.due("here", NOON + timedelta(days=99))) == ["RC0", "RC2"]
    assert sorted(await index.due("there", NOON + timedelta(days=99))) == ["RC1", "RC3"]
    assert await index.due("nowhere", NOON + timedelta(days=99)) == []
