"""Nothing of a person stays in `var/` or the database: searched for byte by byte, with a server that goes on."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from ivr_bridge.records.caller_erasure import erase_caller
from ivr_bridge.records.database import Database, database_url
from ivr_bridge.records.journal import Journal
from ivr_bridge.records.records import Records, open_records
from ivr_bridge.records.segments import claim
from ivr_bridge.records.tables import turns
from ivr_bridge.telemetry.log import Log
from tests.support.recorded_calls import ANN, ANNS, BEN, BENS, fill

WORDS = (ANN.encode(), b"This is Ann", b"Ann wants")


@pytest.fixture
def var(tmp_path: Path) -> Path:
    var = tmp_path / "var"
    fill(var)
    return var


def traces(var: Path) -> set[str]:
    files = [path for path in var.rglob("*") if path.is_file()]
    return {path.relative_to(var).as_posix() for path in files if any(word in path.read_bytes() for word in WORDS)}


async def test_every_trace_is_gone_and_others_stay(var: Path) -> None:
    assert {"records.sqlite3", "voicemails/VMAnn.wav", "conversations/conv_Ann.json"} <= traces(var)
    (var / "voicemails.jsonl.taken").write_text(f'{{"caller": "{ANN}"}}\n')
    left = claim(var / "journal")
    left.append([b'{"table":"calls","put":{"call_sid":"CA9","caller":"%s"}}\n' % ANN.encode()])
    left.close()
    database = Database(database_url(None, var))
    done = await erase_caller(database, var, ANN, Log())
    await database.close()
    assert traces(var) == set()
    assert done.files == [
        "conversations/conv_Ann.json",
        "conversations/conv_Ann.mp3",
        "voicemails/VMAnn.wav",
    ]
    assert done.found.call_sids == ["CA9", ANNS]
    assert done.found.conversation_ids == ["conv_Ann"]
    assert (done.lines, done.journals_left) == (1, 0)
    assert (var / "voicemails" / "VMBen.wav").is_file()
    assert any(BEN.encode() in path.read_bytes() for path in var.glob("records.sqlite3*"))


async def beside(var: Path) -> Records:
    records = await open_records(Database(database_url(None, var)), var, Log(), first_again_s=0.01)
    records.start()
    await records.settled()
    return records


async def test_a_running_server_brings_nothing_back(var: Path) -> None:
    """Lines that it has told and not written yet, and those of the same call that it tells afterwards."""
    server = await beside(var)
    server.put("calls", call_sid="CA5", caller=ANN, began_at=datetime.now(UTC))
    server.put("turns", id="CA5:1", call_sid="CA5", position=1, text="This is Ann")
    database = Database(database_url(None, var))
    async with asyncio.timeout(60):
        done = await erase_caller(database, var, ANN, Log())
        assert done.journals_left == 0
        server.put("turns", id="CA5:2", call_sid="CA5", position=2, text="This is Ann again")
        server.put("turns", id=f"{ANNS}:9", call_sid=ANNS, position=9, text="This is Ann again")
        server.put("turns", id=f"{BENS}:9", call_sid=BENS, position=9, text="This is Ben again")
        await server.settled()
    rows = await database.rows(select(turns.c.text).order_by(turns.c.id))
    await database.close()
    await server.close()
    assert [row["text"] for row in rows] == ["Hello", "This is Ben", "This is Ben again"]
    assert traces(var) == set()


async def test_a_server_whose_database_is_away_is_told(var: Path) -> None:
    stuck = await Journal.open(var / "journal")
    await stuck.keep({"table": "turns", "put": {"id": "1", "text": "This is Ann"}})
    database = Database(database_url(None, var))
    done = await erase_caller(database, var, ANN, Log(), patience_s=0.2)
    await database.close()
    await stuck.close()
    assert done.journals_left == 1


async def test_of_nobody(var: Path) -> None:
    database = Database(database_url(None, var))
    done = await erase_caller(database, var, "+15550177777", Log())
    await database.close()
    assert (done.found.rows, done.files, done.lines) == ({}, [], 0)
