"""What an earlier server left behind, with real records and a real disk thread."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from ivr_bridge.bridge.disk_thread import DiskThread
from ivr_bridge.bridge.sound_work import SoundWork
from ivr_bridge.bridge.sounds import Sounds
from ivr_bridge.records.database import Database, database_url
from ivr_bridge.records.recording_index import RecordingIndex
from ivr_bridge.records.records import open_records
from ivr_bridge.records.voicemail_box import VoicemailBox
from ivr_bridge.settings import read_settings
from ivr_bridge.telemetry.log import Log
from ivr_bridge.tools.http_request import HttpRequests
from tests.support.call_scene import INFO
from tests.support.sounds import Rows


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
