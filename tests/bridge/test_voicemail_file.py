"""One line for each message, on the disk before anybody is told."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest

from ivr_bridge.bridge import voicemail_file
from ivr_bridge.bridge.voicemail_file import VoicemailFile
from ivr_bridge.twilio.call_desk import Recording
from tests.support.front_desk import incoming, sid


def recording(number: int = 1, url: str = "https://api.example/RE1") -> Recording:
    return Recording(f"RE{number}", url, 17)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "var" / "voicemails.jsonl"


def lines(path: Path) -> list[dict[str, Any]]:
    text = path.read_text()
    assert text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


async def test_what_stands_in_a_line(path: Path) -> None:
    assert await VoicemailFile(path).keep(incoming(), recording())
    [line] = lines(path)
    assert line.pop("recorded_at").endswith("+00:00")
    assert line == {
        "call_sid": sid(),
        "caller": "+15550100001",
        "called": "+15550100002",
        "recording_sid": "RE1",
        "recording_url": "https://api.example/RE1",
        "duration_s": 17,
    }


async def test_only_the_owner_may_read_it(path: Path) -> None:
    before = os.umask(0)
    try:
        await VoicemailFile(path).keep(incoming(), recording())
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o600


async def test_it_is_on_the_disk_before_keep_returns(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced = []
    fsync = os.fsync

    def note(descriptor: int) -> None:
        synced.append(lines(path))
        fsync(descriptor)

    monkeypatch.setattr(voicemail_file.os, "fsync", note)
    await VoicemailFile(path).keep(incoming(), recording())
    assert [len(found) for found in synced] == [1]


async def test_a_message_told_again_is_not_written_twice(path: Path) -> None:
    file = VoicemailFile(path)
    assert await file.keep(incoming(), recording(1))
    assert not await file.keep(incoming(), recording(1))
    assert await file.keep(incoming(), recording(2))
    assert [line["recording_sid"] for line in lines(path)] == ["RE1", "RE2"]


async def test_one_told_twice_at_once_is_not_either(path: Path) -> None:
    file = VoicemailFile(path)
    kept = await asyncio.gather(*(file.keep(incoming(), recording(1)) for _ in range(5)))
    assert sorted(kept) == [False] * 4 + [True]
    assert len(lines(path)) == 1


async def test_without_a_sid_its_address_tells_it_apart(path: Path) -> None:
    file = VoicemailFile(path)
    first, second = Recording("", "https://api.example/RE1", 3), Recording("", "https://api.example/RE2", 3)
    assert await file.keep(incoming(), first)
    assert not await file.keep(incoming(), first)
    assert await file.keep(incoming(), second)
    assert len(lines(path)) == 2


async def test_many_at_once_are_whole_lines(path: Path) -> None:
    file = VoicemailFile(path)
    await asyncio.gather(*(file.keep(incoming(sid(n)), recording(n, "https://h/" + "x" * 5000)) for n in range(40)))
    assert sorted(line["call_sid"] for line in lines(path)) == sorted(sid(n) for n in range(40))


async def test_lines_of_before_stay(path: Path) -> None:
    await VoicemailFile(path).keep(incoming(sid(1)), recording(1))
    await VoicemailFile(path).keep(incoming(sid(2)), recording(2))
    assert [line["call_sid"] for line in lines(path)] == [sid(1), sid(2)]


async def test_what_is_remembered_is_bounded(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voicemail_file, "SIDS_REMEMBERED", 3)
    file = VoicemailFile(path)
    for n in range(5):
        await file.keep(incoming(), recording(n))
    assert len(file._sids) == 3
    assert not await file.keep(incoming(), recording(4)), "the newest are"


async def test_a_line_that_could_not_be_written_counts_as_none(path: Path) -> None:
    path.mkdir(parents=True)
    file = VoicemailFile(path)
    with pytest.raises(OSError, match="directory"):
        await file.keep(incoming(), recording())
    path.rmdir()
    assert await file.keep(incoming(), recording()), "Twilio tells of it again, and then it is written"


async def test_a_line_that_was_written_in_part_is_not_taken_for_kept(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write
    monkeypatch.setattr(voicemail_file.os, "write", lambda descriptor, data: write(descriptor, data[:20]))
    try:
        await VoicemailFile(path).keep(incoming(), recording())
    except OSError:
        return
    assert lines(path)[0]["recording_sid"] == "RE1", "either it is whole, or it is told"


async def test_any_text_of_a_caller_is_one_line(path: Path) -> None:
    odd = incoming("CA\n\"'\u2028")
    await VoicemailFile(path).keep(odd, Recording("RE\n1", "\U0001f600\n", None))
    assert len(path.read_bytes().splitlines()) == 1
