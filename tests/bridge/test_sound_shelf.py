"""What is found at the next start, also after a real kill -9."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ivr_bridge.bridge.sound_shelf import SoundShelf
from tests.support.sounds import DiskAtOnce, length_s, mono

ABOUT = {"call_sid": "CA1", "caller": "+15550100001", "recorded_at": "2026-01-01T00:00:00+00:00"}

CUT_OFF = """
import asyncio, os, signal, sys
from pathlib import Path
from ivr_bridge.bridge.disk_thread import DiskThread
from ivr_bridge.bridge.sound_shelf import SoundShelf

async def story():
    shelf = SoundShelf(Path(sys.argv[1]), "VM", DiskThread())
    name, file = await shelf.open({"call_sid": "CA1", "caller": "+15550100001"}, 1)
    for _ in range(3):
        file.append(b"\\x10" * 8000)
        while file._writing is not None:
            await asyncio.sleep(0.001)
    file.append(b"\\x10" * 100)
    print(name, flush=True)
    sys.stdin.read()

asyncio.run(story())
"""


def shelf(tmp_path: Path, disk: DiskAtOnce | None = None) -> SoundShelf:
    return SoundShelf(tmp_path / "var" / "voicemails", "VM", disk or DiskAtOnce())


def test_names_cannot_be_guessed_and_files_are_their_owners_alone(tmp_path: Path) -> None:
    async def story() -> None:
        made = shelf(tmp_path)
        names = {(await made.open(ABOUT, 1))[0] for _ in range(20)}
        assert len(names) == 20
        assert all(name.startswith("VM") and len(name) == 26 for name in names)

    asyncio.run(story())
    folder = tmp_path / "var" / "voicemails"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


def test_what_is_being_written_is_not_left_over_and_what_is_entered_neither(tmp_path: Path) -> None:
    async def story() -> None:
        made = shelf(tmp_path)
        name, file = await made.open(ABOUT, 1)
        file.append(b"\x10" * 16_000)
        assert await shelf(tmp_path).left_over() == []
        await file.close()
        [left] = await shelf(tmp_path).left_over()
        assert (left.name, left.duration_s, dict(left.about)) == (name, 2.0, ABOUT)
        assert "+1555" not in repr(left)
        await made.entered(name)
        assert await shelf(tmp_path).left_over() == []
        assert made.path(name).is_file()
        await made.remove(name)
        assert list(made.folder.iterdir()) == []

    asyncio.run(story())


def test_after_kill_9_it_is_found_and_can_be_played(tmp_path: Path) -> None:
    folder = tmp_path / "voicemails"
    child = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", CUT_OFF, str(folder)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert child.stdout is not None
    name = child.stdout.readline().strip()
    assert asyncio.run(SoundShelf(folder, "VM", DiskAtOnce()).left_over()) == [], "its writer lives"
    os.kill(child.pid, signal.SIGKILL)
    child.communicate()
    readable = mono((folder / f"{name}.wav").read_bytes())
    assert length_s(readable) == 3.0, "the header was true before anybody looked after it"
    [left] = asyncio.run(SoundShelf(folder, "VM", DiskAtOnce()).left_over())
    assert (left.name, left.duration_s) == (name, 3.0)
    assert left.about["caller"] == "+15550100001"


def test_a_header_that_lags_behind_is_mended(tmp_path: Path) -> None:
    async def story() -> None:
        made = shelf(tmp_path)
        name, file = await made.open(ABOUT, 2)
        file.append(b"\x10\x20" * 8000)
        await file.close()
        with made.path(name).open("ab") as cut_off:
            cut_off.write(b"\x10\x20" * 4000 + b"\x10")
        [left] = await shelf(tmp_path).left_over()
        assert (left.duration_s, left.audio_bytes) == (1.5, 24_000)

    asyncio.run(story())


@pytest.mark.parametrize("note", [b"{", b"[]", b""])
def test_a_note_that_says_nothing_is_left_alone(tmp_path: Path, note: bytes) -> None:
    async def story() -> None:
        made = shelf(tmp_path)
        name, file = await made.open(ABOUT, 1)
        await file.close()
        (made.folder / f"{name}.json").write_bytes(note)
        (made.folder / "VMlonely.json").write_bytes(b"{}")
        (made.folder / "VMstrange.json").write_bytes(b"{}")
        (made.folder / "VMstrange.wav").write_bytes(
            b"RIFF is what it is not, and long enough to look at it closely......"
        )
        assert await made.left_over() == []

    asyncio.run(story())


def test_no_folder_is_nothing_left(tmp_path: Path) -> None:
    assert asyncio.run(shelf(tmp_path).left_over()) == []


def test_a_disk_that_takes_the_sound_and_not_the_note_keeps_neither(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ivr_bridge.bridge.sound_shelf._write_note", full)
    made = shelf(tmp_path)
    with pytest.raises(OSError, match="No space"):
        asyncio.run(made.open(ABOUT, 1))
    assert list(made.folder.iterdir()) == []
