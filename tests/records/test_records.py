"""Told in a moment, kept whatever happens, and one day in the database: each once and in order."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from ivr_bridge.errors import LocalProtocolError
from ivr_bridge.records import records as module
from ivr_bridge.records.database import Database, DatabaseFailed, database_url
from ivr_bridge.records.home import home_of
from ivr_bridge.records.journal import JournalFull
from ivr_bridge.records.records import Records, open_records
from ivr_bridge.records.tables import callbacks, calls, conversations, recordings, turns, voicemails
from ivr_bridge.telemetry.log import Log
from tests.support.postgres import PostgresServer


async def begun(url: str, var: Path) -> Records:
    records = await open_records(Database(url), var, Log(), first_again_s=0.01)
    records.start()
    return records


async def test_a_row_that_names_a_file_says_where_it_lies(records: Records, var: Path) -> None:
    records.put("recordings", id="RC1", file="recordings/RC1.wav")
    records.put("conversations", conversation_id="conv_1", audio="conversations/conv_1.mp3")
    await records.promise("voicemails", id="VM1", recording_url="https://api.example/RE1")
    await records.promise("voicemails", id="VM2", file="voicemails/VM2.wav")
    async with asyncio.timeout(30):
        await records.settled()
    home = home_of(var)
    assert home is not None
    found = {table: await records.database.rows(select(table)) for table in (recordings, conversations, voicemails)}
    assert [row["home"] for row in found[recordings]] == [home]
    assert [(row["home"], row["audio_home"]) for row in found[conversations]] == [(None, home)]
    assert {row["id"]: row["home"] for row in found[voicemails]} == {"VM1": None, "VM2": home}


async def until(happened: Callable[[], Any]) -> None:
    async with asyncio.timeout(30):
        while not happened():
            await asyncio.sleep(0.01)


async def rows(url: str, statement: Any) -> list[dict[str, Any]]:
    database = Database(url)
    try:
        return await database.rows(statement)
    finally:
        await database.close()


@pytest.fixture
def var(tmp_path: Path) -> Path:
    return tmp_path / "var"


@pytest.fixture
async def records(url: str, var: Path) -> AsyncIterator[Records]:
    records = await begun(url, var)
    yield records
    await records.close()


def journal_text(var: Path) -> bytes:
    return b"".join(path.read_bytes() for path in (var / "journal").rglob("*") if path.is_file())


async def test_what_is_told_becomes_rows(records: Records, var: Path) -> None:
    records.put("calls", call_sid="CA1", caller="+15550100001", duration_s=1.5)
    records.put("turns", id="CA1:1", call_sid="CA1", position=1, text="hello")
    records.change("turns", {"call_sid": "CA1"}, speaker="caller")
    await records.promise("callbacks", id="CB1", number="+15550100001", state="waiting")
    await records.promise_once("callbacks", id="CB1", state="done")
    async with asyncio.timeout(30):
        await records.settled()
        await records.settled()
    assert records.state == "ok"
    assert [row["caller"] for row in await records.database.rows(select(calls))] == ["+15550100001"]
    assert [(row["text"], row["speaker"]) for row in await records.database.rows(select(turns))] == [
        ("hello", "caller")
    ]
    assert [row["state"] for row in await records.database.rows(select(callbacks))] == ["waiting"]


async def test_what_is_taken_in_does_not_stay_in_the_journal(
    records: Records, var: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TIDY_S", 0.01)
    for word in ("Ann", "Ben"):
        await records.promise("callbacks", id=word, number="+15550100001")
        await until(lambda: b"+15550100001" not in journal_text(var))
    async with asyncio.timeout(30):
        await records.settled()
    assert len(await records.database.rows(select(callbacks))) == 2


@pytest.mark.parametrize(
    ("table", "values"), [("dreams", {"id": "1"}), ("turns", {"id": "1", "colour": "red"}), ("turns", {"call": "1"})]
)
async def test_what_records_have_no_place_for_is_a_bug(records: Records, table: str, values: dict[str, Any]) -> None:
    with pytest.raises(LocalProtocolError, match=table):
        records.put(table, **values)
    with pytest.raises(LocalProtocolError):
        await records.promise(table, **values)
    with pytest.raises(LocalProtocolError):
        records.change("turns", {"colour": "red"}, text="x")


async def test_ten_minutes_without_a_database(
    postgres: PostgresServer, var: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scaled: what counts is how often it is asked in vain meanwhile. Nothing is lost, nothing comes twice."""
    monkeypatch.setattr(module, "LONGEST_AGAIN_S", 0.05)
    url = database_url(postgres.url(), var)
    records = await begun(url, var)
    records.put("turns", id="0", position=0)
    async with asyncio.timeout(30):
        await records.settled()
    with capture_logs() as logs:
        await postgres.stop()
        for position in range(1, 3001):
            records.put("turns", id=str(position), position=position, text="x" * 50)
        await records.promise("callbacks", id="CB1", state="waiting")
        await until(lambda: records.state == "delayed")
        records.put("turns", id="7", position=7, text="corrected")
        await asyncio.sleep(0.2)
        await postgres.start()
        async with asyncio.timeout(60):
            await records.settled()
    assert records.state == "ok"
    await records.close()
    found = await rows(url, select(turns).order_by(turns.c.position))
    assert [row["position"] for row in found] == list(range(3001))
    assert found[7]["text"] == "corrected", "in order"
    assert len(await rows(url, select(callbacks))) == 1
    told = [line["event"] for line in logs]
    assert told == ["records.delayed", "records.recovered"], "once each, however often it was tried"
    assert logs[0]["log_level"] == "error"
    assert logs[0]["error"]


async def test_a_database_that_comes_back_empty(var: Path, postgres: PostgresServer) -> None:
    """Somebody brought back a backup: what is still in the journal is taken in again, and so is all that follows."""
    url = database_url(postgres.url(), var)
    records = await begun(url, var)
    await records.promise("callbacks", id="CB1", state="waiting")
    async with asyncio.timeout(30):
        await records.settled()
        await postgres.empty()
        await records.promise("callbacks", id="CB2", state="waiting")
        await records.settled()
    await records.close()
    assert {row["id"] for row in await rows(url, select(callbacks))} == {"CB1", "CB2"}


async def test_a_database_that_is_down_at_the_start_stops_nobody(var: Path, postgres: PostgresServer) -> None:
    url = database_url(postgres.url(), var)
    await postgres.stop()
    records = await begun(url, var)
    await records.promise("callbacks", id="CB1", state="waiting")
    await until(lambda: records.state == "delayed")
    async with asyncio.timeout(10):
        await records.close()
    again = await begun(url, var)
    await again.promise("callbacks", id="CB2", state="waiting")
    await postgres.start()
    async with asyncio.timeout(60):
        await again.settled()
    await again.close()
    assert {row["id"] for row in await rows(url, select(callbacks))} == {"CB1", "CB2"}


async def test_two_servers_with_one_database(url: str, var: Path) -> None:
    one, other = await begun(url, var / "a"), await begun(url, var / "b")
    for position in range(200):
        one.put("turns", id=f"a{position}", position=position)
        other.put("turns", id=f"b{position}", position=position)
        other.put("calls", call_sid="CA1", duration_s=position)
        one.put("calls", call_sid="CA1", termination=f"{position}")
    async with asyncio.timeout(60):
        await one.settled()
        await other.settled()
    await one.close()
    await other.close()
    assert len(await rows(url, select(turns))) == 400
    [call] = await rows(url, select(calls))
    assert (call["duration_s"], call["termination"]) == (199, "199")


async def test_closing_takes_in_what_was_told_last(url: str, var: Path) -> None:
    records = await begun(url, var)
    for position in range(100):
        records.put("turns", id=str(position), position=position)
    await records.close()
    assert len(await rows(url, select(turns))) == 100
    assert b"table" not in journal_text(var), "nothing of it stays on the disk"
    with capture_logs() as logs:
        records.put("turns", id="late", position=0)
    assert [line["event"] for line in logs] == ["records.lost"]
    with pytest.raises(JournalFull):
        await records.promise("turns", id="later", position=0)


async def test_lost_lines_are_counted_aloud_but_not_each(var: Path) -> None:
    records = await begun(database_url(None, var), var)
    await records.close()
    with capture_logs() as logs:
        for _ in range(100):
            records.put("turns", id="late", position=0)
    assert [line["lines"] for line in logs] == [1, 2, 4, 8, 16, 32, 64]


async def test_a_mistake_of_ours_does_not_end_the_taking(var: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    records = await begun(database_url(None, var), var)
    async with asyncio.timeout(30):
        await records.settled()
    take, mistakes = records.database.take, [KeyError("x"), DatabaseFailed("gone")]

    async def faulty(*arguments: Any) -> list[str]:
        if mistakes:
            raise mistakes.pop()
        return await take(*arguments)

    monkeypatch.setattr(records.database, "take", faulty)
    with capture_logs() as logs:
        records.put("turns", id="1", position=1)
        async with asyncio.timeout(30):
            await records.settled()
    assert [line["event"] for line in logs] == ["records.delayed", "records.recovered"]
    assert len(await records.database.rows(select(turns))) == 1
    await records.close()


PROMISES = """
import asyncio, sys
from pathlib import Path
from ivr_bridge.records.database import Database
from ivr_bridge.records.records import open_records
from ivr_bridge.telemetry.log import Log, configure_logging

async def main(url, var, first):
    configure_logging(stream=sys.stderr, pretty=False)
    records = await open_records(Database(url), Path(var), Log())
    records.start()
    for number in range(first, 10**6):
        await records.promise("callbacks", id=str(number), state="waiting")
        print(number, flush=True)

asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
"""


async def test_kill_9_after_a_promise(url: str, var: Path) -> None:
    """At any moment, also while lines are taken in: what was promised is in the database after the next start."""
    promised = -1
    for wait_for in (1, 3, 40, 200):
        process = subprocess.Popen(
            [sys.executable, "-c", PROMISES, url, str(var), str(promised + 1)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        for _ in range(wait_for):
            promised = int(await asyncio.to_thread(process.stdout.readline))
        os.kill(process.pid, signal.SIGKILL)
        rest = await asyncio.to_thread(process.stdout.read)
        promised = int(rest.split()[-1]) if rest.split() else promised
        process.stdout.close()
        process.wait()
    records = await begun(url, var)
    async with asyncio.timeout(60):
        await records.settled()
        await until(lambda: records.state == "ok")
    await records.close()
    kept = {int(row["id"]) for row in await rows(url, select(callbacks))}
    assert kept >= set(range(promised + 1))
    assert len(list((var / "journal").iterdir())) == 1, "each start took over the journal of the one before"
