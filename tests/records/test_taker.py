"""From the journal to the database: in order, each once, whatever happens in between."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from ivr_bridge.records import taker as module
from ivr_bridge.records.database import Database, DatabaseFailed, database_url
from ivr_bridge.records.erasure import erase
from ivr_bridge.records.journal import Journal
from ivr_bridge.records.segments import FIRST, Place, claim
from ivr_bridge.records.tables import journals, turns
from ivr_bridge.records.taker import Taker, take_left_behind
from ivr_bridge.telemetry.log import Log


def turn(position: Any, **more: Any) -> dict[str, Any]:
    return {"table": "turns", "put": {"id": f"CA1:{position}", "position": position, **more}}


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(database_url(None, tmp_path / "var"))
    await database.upgrade()
    yield database
    await database.close()


@pytest.fixture
def var(tmp_path: Path) -> Path:
    return tmp_path / "var"


async def opened(var: Path) -> Journal:
    return await Journal.open(var / "journal")


async def positions(database: Database) -> list[int]:
    return [row["position"] for row in await database.rows(select(turns.c.position).order_by(turns.c.position))]


async def test_all_of_it_in_order_a_part_at_a_time(
    var: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LINES_AT_ONCE", 7)
    journal = await opened(var)
    taker = Taker(journal, database, var, Log())
    await taker.find_place()
    taken, take = [], database.take

    async def note(journal_id: str, lines: Any, behind: Place) -> list[str]:
        taken.extend(line["put"]["position"] for line in lines)
        return await take(journal_id, lines, behind)

    monkeypatch.setattr(database, "take", note)
    for position in range(40):
        journal.append(turn(position))
    await journal.settled()
    await taker.take_all()
    assert taken == list(range(40)) == await positions(database)
    assert taker.taken == journal.end == await database.taken(journal.journal_id)
    await taker.take_all()
    assert len(taken) == 40, "each once"
    await journal.close()


async def test_the_next_process_goes_on_where_the_database_is(var: Path, database: Database) -> None:
    journal = await opened(var)
    for position in range(5):
        journal.append(turn(position))
    await journal.close()
    await database.take(journal.journal_id, [], Place(1, 3))
    again = await opened(var)
    taker = Taker(again, database, var, Log())
    await taker.find_place()
    await taker.take_all()
    assert await positions(database) == [3, 4]
    await again.close()


async def test_a_journal_that_is_shorter_than_the_database_remembers(var: Path, database: Database) -> None:
    """A snapshot of the disk was brought back: lines are taken again, and no new one is passed over."""
    journal = await opened(var)
    await journal.keep(turn(1))
    await journal.close()
    await database.take(journal.journal_id, [], Place(4, 100))
    again = await opened(var)
    taker = Taker(again, database, var, Log())
    await again.keep(turn(2))
    await taker.find_place()
    assert taker.taken == FIRST
    await taker.take_all()
    assert await positions(database) == [1, 2]
    assert await database.taken(again.journal_id) == again.end
    await again.close()


@pytest.mark.parametrize("lines_at_once", [1, 2, 500])
async def test_a_line_that_no_database_takes_is_put_aside(
    var: Path, database: Database, monkeypatch: pytest.MonkeyPatch, lines_at_once: int
) -> None:
    monkeypatch.setattr(module, "LINES_AT_ONCE", lines_at_once)
    journal = await opened(var)
    for position in range(20):
        journal.append(turn(position, at="no instant" if position in (3, 11, 19) else None))
    await journal.settled()
    journal._segments.append([b"{spoiled\n", b"[1]\n", b"5\n"])
    journal.append(turn(20))
    await journal.settled()
    with capture_logs() as logs:
        taker = Taker(journal, database, var, Log())
        await taker.find_place()
        await taker.take_all()
    assert await positions(database) == [n for n in range(21) if n not in (3, 11, 19)]
    assert [line["table"] for line in logs if line["event"] == "record.refused"] == ["turns"] * 3 + ["None"]
    assert "no instant" not in str(logs), "the reason, and no value"
    kept = (var / "journal" / "refused.jsonl").read_text().splitlines()
    assert ["CA1:3" in kept[0], "CA1:11" in kept[1], "CA1:19" in kept[2]] == [True] * 3
    assert len(kept) == 3
    await journal.close()


async def test_files_of_the_erased_go_when_their_line_comes(var: Path, database: Database) -> None:
    journal = await opened(var)
    voicemail = {"id": "RE1", "call_sid": "CA1", "caller": "+15550100001", "file": "voicemails/RE1.wav"}
    await journal.keep({"table": "voicemails", "at": "2026-03-01T08:00:00+00:00", "put": voicemail})
    await erase(database, "+15550100001")
    (var / "voicemails").mkdir()
    (var / "voicemails" / "RE1.wav").write_bytes(b"words")
    taker = Taker(journal, database, var, Log())
    await taker.find_place()
    await taker.take_all()
    assert list((var / "voicemails").iterdir()) == []
    await journal.close()


async def test_what_dead_processes_have_left_is_taken_and_removed(var: Path, database: Database) -> None:
    left = [claim(var / "journal") for _ in range(3)]
    for number, segments in enumerate(left):
        segments.append([b'{"table": "turns", "put": {"id": "%d", "position": %d}}\n' % (number, number)])
    alive = left.pop()
    for segments in left:
        segments.close()
    assert await take_left_behind(var / "journal", database, var, Log()) == 2
    assert await positions(database) == [0, 1]
    assert [path.name for path in (var / "journal").iterdir()] == [alive.journal_id]
    assert await database.rows(select(journals)) == []
    alive.close()
    assert await take_left_behind(var / "nowhere", database, var, Log()) == 0


async def test_what_was_left_stays_when_the_database_fails(var: Path, tmp_path: Path) -> None:
    segments = claim(var / "journal")
    segments.append([b'{"table": "turns", "put": {"id": "1", "position": 1}}\n'])
    segments.close()
    nowhere = Database("postgresql+asyncpg://u:p@127.0.0.1:9/n")
    with pytest.raises(DatabaseFailed):
        await take_left_behind(var / "journal", nowhere, var, Log())
    await nowhere.close()
    again = await asyncio.to_thread(claim, var / "journal")
    assert again.end == Place(1, 1)
    again.close()
