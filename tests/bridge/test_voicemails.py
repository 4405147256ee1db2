import asyncio
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from ivr_bridge.bridge.sound_file import SoundFile
from ivr_bridge.bridge.voicemails import Voicemails
from ivr_bridge.telemetry.log import Log
from tests.support.call_scene import INFO
from tests.support.sounds import Studio
from tests.support.virtual_time import run_virtual


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    return Studio(tmp_path)


def box(studio: Studio) -> Voicemails:
    return studio.sounds().voicemails


def test_whose_message_it_is_stands_on_the_disk_before_a_word_is_said(studio: Studio) -> None:
    async def story() -> None:
        voicemails = box(studio)
        message = await voicemails.open(INFO)
        assert studio.files() == [".json", ".wav"]
        assert (message.about["caller"], message.about["call_sid"]) == (INFO.caller, INFO.call_sid)
        assert INFO.caller.encode() in (studio.var / "voicemails" / f"{message.name}.json").read_bytes()
        voicemails.drop(message)
        await voicemails.close()
        assert studio.files() == []

    run_virtual(story())


def test_it_is_finished_when_nobody_waits_for_it(studio: Studio) -> None:
    async def story() -> None:
        voicemails = box(studio)
        message = await voicemails.open(INFO)
        message.file.append(b"\x10" * 8000)
        voicemails.keep(message, 1.0, Log())
        await voicemails.close()
        assert [row["duration_s"] for row in studio.rows.of("voicemails")] == [1.0]

    run_virtual(story())


def test_what_a_sudden_end_has_left_is_listed_once_and_told(studio: Studio) -> None:
    async def cut_off() -> None:
        voicemails = box(studio)
        for length_s in (0.5, 3.0):
            message = await voicemails.open(INFO)
            message.file.append(b"\x10" * round(8000 * length_s))
            await message.file.close()

    async def start() -> None:
        voicemails = box(studio)
        await voicemails.take_in_left_overs()
        await voicemails.take_in_left_overs()

    run_virtual(cut_off())
    with capture_logs() as logs:
        run_virtual(start())
    [row] = studio.rows.of("voicemails")
    assert (row["caller"], row["duration_s"], row["call_sid"]) == (INFO.caller, 3.0, INFO.call_sid)
    assert studio.files() == [".wav"], "half a second is no message"
    assert [(line["event"], line["call_sid"]) for line in logs] == [("voicemail.taken", INFO.call_sid)]
    assert studio.kept == [1]


def test_without_a_row_it_is_left_over_and_the_next_start_tries_again(studio: Studio) -> None:
    async def story() -> None:
        voicemails = box(studio)
        message = await voicemails.open(INFO)
        message.file.append(b"\x10" * 16_000)
        studio.rows.refusing = True
        assert not await voicemails.keep(message, 2.0, Log())
        await box(studio).take_in_left_overs()
        assert studio.rows.of("voicemails") == []
        studio.rows.refusing = False
        await box(studio).take_in_left_overs()
        assert len(studio.rows.of("voicemails")) == 1

    run_virtual(story())


def test_who_is_cancelled_while_the_file_is_made_leaves_none(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    make = SoundFile.open

    async def slowly(*args: Any) -> SoundFile:
        await asyncio.sleep(1)
        return await make(*args)

    monkeypatch.setattr(SoundFile, "open", slowly)

    async def story() -> None:
        voicemails = box(studio)
        waiting = asyncio.ensure_future(voicemails.open(INFO))
        await asyncio.sleep(0.5)
        waiting.cancel()
        await asyncio.wait([waiting])
        await voicemails.close()
        assert studio.files() == []

    run_virtual(story())
