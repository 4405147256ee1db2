import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from ivr_bridge.bridge.recordings import TIDY_AGAIN_S, TIDY_EVERY_S, Recordings
from ivr_bridge.errors import StoreError
from tests.support.sounds import Studio
from tests.support.virtual_time import run_virtual


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    return Studio(tmp_path)


def box(studio: Studio) -> Recordings:
    return studio.sounds().recordings


def test_a_recording_is_listed_from_its_first_moment(studio: Studio) -> None:
    async def story() -> None:
        sound = await box(studio).open("CA1", 30)
        [row] = studio.rows.of("recordings")
        assert (row["id"], row["call_sid"], row["file"]) == (sound.name, "CA1", f"recordings/{sound.name}.wav")
        kept = datetime.fromisoformat(row["delete_after"]) - datetime.fromisoformat(row["began_at"])
        assert abs(kept - timedelta(days=30)) < timedelta(seconds=2)
        await sound.file.close()

    run_virtual(story())


def test_what_a_sudden_end_has_left_gets_its_length(studio: Studio) -> None:
    async def story() -> None:
        sound = await box(studio).open("CA1", 30)
        sound.file.append(b"\x10\x20" * 24_000)
        await sound.file.close()
        await box(studio).take_in_left_overs()
        [row] = studio.rows.of("recordings")
        assert (row["duration_s"], row["bytes"]) == (3.0, 48_000)
        assert studio.files("recordings") == [".wav"]

    run_virtual(story())


def test_what_is_due_is_deleted_now_and_every_hour(studio: Studio) -> None:
    asked: list[float] = []

    async def story() -> None:
        loop = asyncio.get_running_loop()
        recordings = box(studio)
        sounds = [await recordings.open("CA1", 1) for _ in range(3)]
        for sound in sounds:
            await sound.file.close()
        due = {0: [sounds[0].name], 1: [sounds[1].name, "RCgone"]}

        async def ask(now: datetime) -> Sequence[str]:
            assert now.tzinfo is UTC
            asked.append(loop.time())
            return due.get(len(asked) - 1, [])

        tidying = asyncio.ensure_future(recordings.keep_tidy(ask))
        await asyncio.sleep(2.5 * TIDY_EVERY_S)
        tidying.cancel()
        await asyncio.wait([tidying])
        gone = {row["id"] for row in studio.rows.of("recordings") if row.get("deleted_at")}
        assert gone == {sounds[0].name, sounds[1].name, "RCgone"}
        assert [path.stem for path in (studio.var / "recordings").glob("*.wav")] == [sounds[2].name]

    with capture_logs() as logs:
        run_virtual(story())
    assert [round(later - asked[0]) for later in asked] == [0, TIDY_EVERY_S, 2 * TIDY_EVERY_S]
    assert [line["recordings"] for line in logs if line["event"] == "recordings.deleted"] == [1, 2]


def test_a_database_that_does_not_answer_is_asked_again_soon(studio: Studio) -> None:
    asked: list[float] = []

    async def ask(_now: datetime) -> Sequence[str]:
        asked.append(asyncio.get_running_loop().time())
        if len(asked) == 1:
            raise StoreError("gone")
        return []

    async def story() -> None:
        tidying = asyncio.ensure_future(box(studio).keep_tidy(ask))
        await asyncio.sleep(TIDY_AGAIN_S * 3)
        tidying.cancel()
        await asyncio.wait([tidying])

    run_virtual(story())
    assert asked[1] - asked[0] == TIDY_AGAIN_S
    assert len(asked) == 2
