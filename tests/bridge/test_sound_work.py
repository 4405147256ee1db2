"""What an earlier server left behind, with real records and a real disk thread."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from ivr_bridge.bridge import sound_work as module
from ivr_bridge.bridge.disk_thread import DiskThread
from ivr_bridge.bridge.recordings import TIDY_AGAIN_S, TIDY_EVERY_S
from ivr_bridge.bridge.sound_work import SoundWork
from ivr_bridge.bridge.sounds import Sounds
from ivr_bridge.records.caller_erasure import erase_caller
from ivr_bridge.records.database import Database, database_url
from ivr_bridge.records.recording_index import RecordingIndex
from ivr_bridge.records.records import Records, open_records
from ivr_bridge.records.tables import owed_files, recordings, voicemails
from ivr_bridge.records.voicemail_box import VoicemailBox
from ivr_bridge.settings import read_settings
from ivr_bridge.telemetry.log import Log
from ivr_bridge.tools.http_request import HttpRequests
from tests.support.call_scene import INFO
from tests.support.sounds import Rows
from tests.support.virtual_time import run_virtual


async def cut_off(var: Path) -> None:
    """Two files whose rows were never kept, of a process that is gone."""
    sounds = Sounds(var, DiskThread(), Rows(refusing=True), Log())
    message, recording = await sounds.voicemails.open(INFO), await sounds.recordings.open("CA1", 1)
    message.file.append(b"\x10" * 16_000)
    await message.file.close()
    await recording.file.close()


async def until(found: Any) -> Any:
    async with asyncio.timeout(10):
        while not (rows := await found()):
            await asyncio.sleep(0.02)
    return rows


async def test_what_was_being_recorded_is_listed_after_the_next_start(tmp_path: Path) -> None:
    var = tmp_path / "var"
    await cut_off(var)
    database = Database(database_url(None, var))
    records = await open_records(database, var, Log())
    records.start()
    work = SoundWork(read_settings({}, var_dir=var), records, HttpRequests(), Log())
    with capture_logs() as logs:
        work.start()
        try:
            await database.upgrade()
            [message] = await until(VoicemailBox(database).rows)
            [recording] = await until(RecordingIndex(database).rows)
        finally:
            await work.close()
            await records.close()
    assert (message["caller"], message["duration_s"]) == (INFO.caller, 2.0)
    assert recording["call_sid"] == "CA1"
    assert [line["event"] for line in logs if line["event"].endswith(".failed")] == []


@pytest.mark.parametrize(
    ("given", "delivers"),
    [({}, False), ({"VOICEMAIL_WEBHOOK_URL": "https://crm.example/m", "VOICEMAIL_WEBHOOK_SECRET": "s"}, True)],
)
async def test_messages_are_delivered_where_somebody_takes_them(
    tmp_path: Path, given: dict[str, str], delivers: bool
) -> None:
    records = await open_records(Database(database_url(None, tmp_path)), tmp_path, Log())
    work = SoundWork(read_settings(given, var_dir=tmp_path), records, HttpRequests(), Log())
    assert (work._delivery is not None) is delivers
    work._message_kept()
    await work.close()
    await records.close()


@asynccontextmanager
async def server(var: Path, url: str) -> AsyncIterator[tuple[SoundWork, Records]]:
    records = await open_records(Database(url), var, Log())
    records.start()
    work = SoundWork(read_settings({}, var_dir=var), records, HttpRequests(), Log())
    try:
        yield work, records
    finally:
        await work.close()
        await records.close()


async def record(work: SoundWork, records: Records, keep_days: int) -> None:
    """A recorded call with a message; a sudden end has left the recording's note."""
    records.put("calls", call_sid=INFO.call_sid, direction="inbound", caller=INFO.caller)
    sound = await work.sounds.recordings.open(INFO.call_sid, keep_days)
    await sound.file.close()
    message = await work.sounds.voicemails.open(INFO)
    message.file.append(b"\x10" * 16_000)
    assert await work.sounds.voicemails.keep(message, 2.0, Log())
    async with asyncio.timeout(10):
        await records.settled()


def sounds_in(var: Path) -> list[str]:
    return sorted(path.parent.name for path in var.rglob("*.wav"))


@pytest.fixture
def homes(tmp_path: Path) -> tuple[Path, Path, str]:
    """Two var directories, and the database that they share."""
    return tmp_path / "a", tmp_path / "b", database_url(None, tmp_path)


async def test_each_machine_deletes_what_is_due_on_it(homes: tuple[Path, Path, str]) -> None:
    a, b, url = homes
    async with server(a, url) as (of_a, records_of_a), server(b, url) as (of_b, records_of_b):
        await record(of_a, records_of_a, 0)
        await record(of_b, records_of_b, 0)
        index = RecordingIndex(records_of_a.database)
        of_a.start()
        [row] = await until(lambda: only(index, 1))
        assert row["home"] == records_of_b.home
        assert (sounds_in(a), sounds_in(b)) == (["voicemails"], ["recordings", "voicemails"])
        of_b.start()
        await until(lambda: only(index, 0))
        assert sounds_in(b) == ["voicemails"]


async def only(index: RecordingIndex, count: int) -> Any:
    """The rows when there are so many, with True for none."""
    rows = await index.rows()
    return (rows or True) if len(rows) == count else None


async def test_who_is_erased_on_one_machine_is_gone_from_the_other(homes: tuple[Path, Path, str]) -> None:
    a, b, url = homes
    async with server(b, url) as (of_b, records_of_b):
        await record(of_b, records_of_b, 30)
        names = sorted(path.relative_to(b).as_posix() for path in b.rglob("*.wav"))
        async with server(a, url) as (of_a, records_of_a):
            of_a.start()
            done = await erase_caller(records_of_a.database, a, INFO.caller, Log())
            assert (sorted(done.found.elsewhere), done.files) == (names, [])
            for table in (recordings, voicemails):
                assert await records_of_a.database.rows(select(table)) == []
        assert sounds_in(b) == ["recordings", "voicemails"]
        with capture_logs() as logs:
            of_b.start()
            await until(lambda: nothing_owed(records_of_b.database))
            async with asyncio.timeout(10):
                await records_of_b.settled()
        for table in (recordings, voicemails):
            assert await records_of_b.database.rows(select(table)) == [], "what was found by its note is not entered"
    assert list((b / "recordings").iterdir()) == list((b / "voicemails").iterdir()) == []
    traces = [path for path in b.parent.rglob("*") if path.is_file() and INFO.caller.encode() in path.read_bytes()]
    assert traces == []
    assert [line["why"] for line in logs if line["event"] == "recordings.deleted"] == ["somebody was erased"]


async def nothing_owed(database: Database) -> bool:
    return not await database.rows(select(owed_files))


def test_what_is_owed_is_asked_for_every_hour_and_soon_after_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[float] = []

    async def delete_owed(*_: object) -> list[str]:
        asked.append(asyncio.get_running_loop().time())
        if len(asked) == 2:
            raise PermissionError(13, "no")
        return []

    monkeypatch.setattr(module, "delete_owed", delete_owed)

    async def story() -> None:
        work = SoundWork.__new__(SoundWork)
        work._database, work._var_dir, work._home, work._log = Database("sqlite+aiosqlite://"), tmp_path, "h", Log()
        tidying = asyncio.ensure_future(work._keep_erased())
        await asyncio.sleep(TIDY_EVERY_S * 2.5)
        tidying.cancel()
        await asyncio.wait([tidying])
        await work._database.close()

    with capture_logs() as logs:
        run_virtual(story())
    waits = [later - earlier for earlier, later in pairwise(asked)]
    assert waits == [TIDY_EVERY_S, TIDY_AGAIN_S, TIDY_EVERY_S]
    assert [line["event"] for line in logs] == ["recording.failed"]
