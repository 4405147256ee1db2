from pathlib import Path

import pytest
from sqlalchemy import select

from ivr_bridge.records import owed_files as module
from ivr_bridge.records.database import Database
from ivr_bridge.records.owed_files import delete_owed, owe
from ivr_bridge.records.tables import owed_files

NAMES = ["voicemails/VM1.wav", "voicemails/VM1.json", "voicemails/VM2.wav", "conversations/conv_1.json"]


@pytest.fixture
def var(tmp_path: Path) -> Path:
    for name in (*NAMES, "conversations/conv_1.mp3"):
        path = tmp_path / "files" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    return tmp_path / "files"


async def note(database: Database, *files: tuple[str, str]) -> None:
    async with database.writing() as connection:
        await owe(database, connection, files)


def left(var: Path) -> set[str]:
    return {path.relative_to(var).as_posix() for path in var.rglob("*") if path.is_file()}


async def test_a_home_deletes_its_own_and_owes_no_more(database: Database, var: Path) -> None:
    mine = [("here", "voicemails/VM1.wav"), ("here", "conversations/conv_1.json"), ("here", "voicemails/gone.wav")]
    await note(database, *mine, ("there", "voicemails/VM2.wav"))
    await note(database, *mine)
    removed = await delete_owed(database, var, "here")
    assert sorted(removed) == sorted({*NAMES, "conversations/conv_1.mp3"} - {"voicemails/VM2.wav"})
    assert left(var) == {"voicemails/VM2.wav"}
    assert [row["home"] for row in await database.rows(select(owed_files))] == ["there"]
    assert await delete_owed(database, var, "here") == []


async def test_what_cannot_be_deleted_stays_owed(
    database: Database, var: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> list[str]:
        raise PermissionError(13, "no")

    await note(database, ("here", "voicemails/VM2.wav"))
    with monkeypatch.context() as patched:
        patched.setattr(module, "remove_file", refuse)
        with pytest.raises(PermissionError):
            await delete_owed(database, var, "here")
    assert await delete_owed(database, var, "here") == ["voicemails/VM2.wav"]
