import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from ivr_bridge.audio.wav import MULAW_HEADER_BYTES, read_wav
from ivr_bridge.bridge.sound_file import SoundFile
from tests.support.sounds import DiskAtOnce, length_s, mono, raw_sides

FULL = OSError(28, "No space left on device")


def run(story: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(story)


def test_it_grows_and_is_whole_at_every_moment(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"

    async def story() -> None:
        file = await SoundFile.open(path, 1, DiskAtOnce())
        assert mono(path.read_bytes()) == b""
        for second in range(1, 6):
            assert file.append(b"\x10" * 8000)
            await asyncio.sleep(0)
            assert length_s(mono(path.read_bytes())) == second
        assert file.append(b"\x20" * 100)
        await file.close()
        assert file.duration_s == pytest.approx(5.0125)

    run(story())
    assert path.read_bytes()[MULAW_HEADER_BYTES:] == b"\x10" * 40_000 + b"\x20" * 100
    assert path.stat().st_mode & 0o777 == 0o600


def test_two_channels(tmp_path: Path) -> None:
    async def story() -> None:
        file = await SoundFile.open(tmp_path / "a.wav", 2, DiskAtOnce())
        file.append(b"\x01\x02" * 20_000)
        await file.close()
        assert file.duration_s == 2.5

    run(story())
    assert raw_sides((tmp_path / "a.wav").read_bytes()) == (b"\x01" * 20_000, b"\x02" * 20_000)


def test_nothing_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"mine")
    with pytest.raises(FileExistsError):
        run(SoundFile.open(tmp_path / "a.wav", 1, DiskAtOnce()))
    assert (tmp_path / "a.wav").read_bytes() == b"mine"


@pytest.mark.parametrize("keep_s", [0.0, 0.5, 2.0, 2.9, 99.0])
def test_its_end_is_cut_off(tmp_path: Path, keep_s: float) -> None:
    async def story() -> None:
        file = await SoundFile.open(tmp_path / "a.wav", 1, DiskAtOnce())
        for _ in range(150):
            file.append(b"\x10" * 160)
        await file.close(keep_s)
        assert file.duration_s == min(keep_s, 3.0)

    run(story())
    assert length_s(mono((tmp_path / "a.wav").read_bytes())) == min(keep_s, 3.0)


def test_a_disk_that_fails_is_told_and_what_was_written_can_be_read(tmp_path: Path) -> None:
    async def story() -> None:
        disk = DiskAtOnce()
        file = await SoundFile.open(tmp_path / "a.wav", 1, disk)
        assert file.append(b"\x10" * 8000)
        await asyncio.sleep(0)
        disk.failing = FULL
        file.append(b"\x10" * 8000)
        await asyncio.sleep(0)
        assert file.failure is FULL
        assert not file.append(b"\x10" * 160)
        disk.failing = None
        with pytest.raises(OSError, match="No space"):
            await file.close()

    run(story())
    assert length_s(mono((tmp_path / "a.wav").read_bytes())) == 1.0


def test_a_disk_that_does_not_keep_up_is_given_up_and_memory_is_bounded(tmp_path: Path) -> None:
    async def story() -> None:
        disk = DiskAtOnce()
        file = await SoundFile.open(tmp_path / "a.wav", 1, disk)
        disk.hanging = True
        taken = 0
        while file.append(b"\x10" * 160):
            taken += 160
            assert taken < 8000 * 10
            assert len(file._waiting) <= 8000 * 8 + 160
        assert isinstance(file.failure, TimeoutError)

    run(story())


def test_discarded_it_is_gone(tmp_path: Path) -> None:
    async def story() -> None:
        file = await SoundFile.open(tmp_path / "a.wav", 1, DiskAtOnce())
        file.append(b"\x10" * 9000)
        await asyncio.sleep(0)
        await file.discard()

    run(story())
    assert list(tmp_path.iterdir()) == []


def test_any_player_finds_its_way_in_the_header(tmp_path: Path) -> None:
    async def story() -> None:
        file = await SoundFile.open(tmp_path / "a.wav", 1, DiskAtOnce())
        file.append(bytes(range(256)))
        await file.close()

    run(story())
    _, rate_hz = read_wav((tmp_path / "a.wav").read_bytes())
    assert rate_hz == 8000
