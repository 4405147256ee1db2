"""The journal as a call sees it: nothing waits, what is promised is on the disk, a full disk is told."""

import asyncio
import os
import time
from pathlib import Path
from typing import Any

import pytest

from ivr_bridge.records import journal as module
from ivr_bridge.records import segments as segments_module
from ivr_bridge.records.journal import Journal, JournalFull
from ivr_bridge.records.segments import FIRST, Place


async def read(journal: Journal) -> list[Any]:
    return [line["n"] for line in (await journal.read(FIRST, 10**6))[0]]


@pytest.fixture
def no_space(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """While it holds something the disk is full."""
    full: list[bool] = []
    write = os.write

    def write_if_room(descriptor: int, data: bytes) -> int:
        if full:
            raise OSError(28, "No space left on device")
        return write(descriptor, data)

    monkeypatch.setattr(segments_module.os, "write", write_if_room)
    monkeypatch.setattr(module, "AGAIN_S", 0.01)
    return full


async def test_lines_keep_their_order_and_are_gathered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = await Journal.open(tmp_path)
    batches, append = [], journal._segments.append
    monkeypatch.setattr(journal._segments, "append", lambda lines: (batches.append(len(lines)), append(lines)))
    for number in range(1000):
        assert journal.append({"n": number})
    assert journal.end == FIRST, "append waits for nothing"
    await journal.keep({"n": 1000})
    assert await read(journal) == list(range(1001))
    assert sum(batches) == 1001
    assert len(batches) <= 2, "one flush for all of them"
    await journal.close()


async def test_keep_comes_back_after_the_flush(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = await Journal.open(tmp_path)
    fsync, flushed = os.fsync, []

    def slow(descriptor: int) -> None:
        time.sleep(0.05)
        fsync(descriptor)
        flushed.append(descriptor)

    monkeypatch.setattr(segments_module.os, "fsync", slow)
    await journal.keep({"n": 1})
    assert flushed
    assert journal.end == Place(1, 1)
    await asyncio.gather(*(journal.keep({"n": number}) for number in range(2, 50)))
    assert len(flushed) < 20, "those who wait at the same time share a flush"
    assert sorted(await read(journal)) == list(range(1, 50))
    await journal.close()


async def test_cancelling_keep_writes_all_the_same(tmp_path: Path) -> None:
    journal = await Journal.open(tmp_path)
    task = asyncio.create_task(journal.keep({"n": 1}))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await journal.settled()
    assert await read(journal) == [1]
    await journal.close()


async def test_what_has_no_json_is_written_near_enough(tmp_path: Path) -> None:
    journal = await Journal.open(tmp_path)
    await journal.keep({"n": 1, "half": "a\ud800b", "path": Path("x"), "huge": 2**70})
    [line], _ = await journal.read(FIRST, 9)
    assert line["half"] == "a?b"
    assert line["path"] == "x"
    await journal.close()


async def test_a_full_disk_is_told_to_whom_it_concerns_and_passes(tmp_path: Path, no_space: list[bool]) -> None:
    journal = await Journal.open(tmp_path)
    no_space.append(True)
    assert journal.append({"n": 1}), "a call does not care"
    with pytest.raises(JournalFull, match="No space left"):
        await journal.keep({"n": 2})
    assert journal.failure is not None
    assert await read(journal) == []
    no_space.clear()
    await journal.keep({"n": 3})
    assert journal.failure is None
    assert await read(journal) == [1, 2, 3], "in order; the second was not promised, and is there all the same"
    await journal.close()


async def test_memory_has_an_end(tmp_path: Path, no_space: list[bool], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_WAITING_LINES", 5)
    journal = await Journal.open(tmp_path)
    no_space.append(True)
    assert [journal.append({"n": number}) for number in range(7)] == [True] * 5 + [False] * 2
    assert journal.lost == 2
    with pytest.raises(JournalFull):
        await journal.keep({"n": 8})
    no_space.clear()
    await journal.settled()
    assert await read(journal) == list(range(5))
    await journal.close()


async def test_closing_writes_what_waits_and_then_nothing_more(tmp_path: Path) -> None:
    journal = await Journal.open(tmp_path)
    for number in range(10):
        journal.append({"n": number})
    await journal.finish()
    assert await read(journal) == list(range(10)), "it can still be read"
    assert not journal.append({"n": 10})
    with pytest.raises(JournalFull):
        await journal.keep({"n": 11})
    await journal.settled()
    await journal.close()
    again = await Journal.open(tmp_path)
    assert again.journal_id == journal.journal_id
    assert again.opened_at == Place(1, 10)
    assert await read(again) == list(range(10))
    await again.close(remove=True)
    assert list(tmp_path.iterdir()) == []


async def test_closing_with_a_full_disk_leaves_nobody_waiting(tmp_path: Path, no_space: list[bool]) -> None:
    journal = await Journal.open(tmp_path)
    no_space.append(True)
    waiting = [asyncio.create_task(journal.keep({"n": number})) for number in range(3)]
    await asyncio.sleep(0.03)
    journal.append({"n": 9})
    async with asyncio.timeout(10):
        await journal.close()
        told = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(one) for one in told] == [JournalFull] * 3
        with pytest.raises(JournalFull):
            await journal.settled()


async def test_whoever_waits_is_woken_by_lines_and_nudges(tmp_path: Path) -> None:
    journal = await Journal.open(tmp_path)
    assert not await journal.wait(at_most_s=0.01)
    journal.append({"n": 1})
    async with asyncio.timeout(10):
        assert await journal.wait(at_most_s=None)
        assert await read(journal) == [1]
        journal.nudge()
        assert await journal.wait(at_most_s=None)
    assert not await journal.wait(at_most_s=0.01)
    await journal.close()


async def test_a_folder_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        await Journal.open(tmp_path / "file")
