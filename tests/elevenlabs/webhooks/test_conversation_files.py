import asyncio
import io
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from ivr_bridge.elevenlabs.webhooks import conversation_files
from ivr_bridge.elevenlabs.webhooks.conversation_files import LEFT_BEHIND_S, ConversationFiles, Kept, Outcome
from tests.elevenlabs.signed_webhook import recording, transcription, webhook

MP3 = bytes(range(256)) * 40


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "var" / "conversations"


@pytest.fixture
def files(folder: Path) -> ConversationFiles:
    return ConversationFiles(folder)


async def kept(files: ConversationFiles, body: bytes) -> Kept:
    return await files.keep(io.BytesIO(body))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_file())


async def test_a_transcription_lies_there_as_it_came(files: ConversationFiles, folder: Path):
    assert await kept(files, transcription()) == Kept("conv_1.json", Outcome.NEW)
    assert (folder / "conv_1.json").read_bytes() == transcription()
    assert await files.waiting() == ["conv_1.json"]
    told = await files.read("conv_1.json")
    assert (told.told.conversation_id, told.path, told.audio) == ("conv_1", folder / "conv_1.json", None)


async def test_a_recording_lies_beside_it(files: ConversationFiles, folder: Path):
    await kept(files, transcription())
    assert await kept(files, recording(MP3)) == Kept("conv_1.post_call_audio.json", Outcome.NEW)
    assert names(folder) == ["conv_1.json", "conv_1.mp3", "conv_1.post_call_audio.json"]
    assert (folder / "conv_1.mp3").read_bytes() == MP3
    assert json.loads((folder / "conv_1.post_call_audio.json").read_bytes())["data"]["full_audio"] == ""
    assert (await files.read("conv_1.post_call_audio.json")).audio == folder / "conv_1.mp3"
    assert await files.waiting() == ["conv_1.json", "conv_1.post_call_audio.json"]


async def test_every_other_type_has_its_own_file(files: ConversationFiles, folder: Path):
    for kind in ("call_initiation_failure", "of_tomorrow"):
        assert await kept(files, webhook(kind)) == Kept(f"conv_1.{kind}.json", Outcome.NEW)
    assert names(folder) == ["conv_1.call_initiation_failure.json", "conv_1.of_tomorrow.json"]


async def test_only_the_owner_may_read(files: ConversationFiles, folder: Path):
    before = os.umask(0)
    try:
        await kept(files, transcription())
        await kept(files, recording(MP3))
        await kept(files, b"no json")
    finally:
        os.umask(before)
    modes = {path.stat().st_mode & 0o777 for path in folder.rglob("*") if path.is_file()}
    assert modes == {0o600}
    assert {path.stat().st_mode & 0o777 for path in (folder, folder / "new")} == {0o700}


@pytest.mark.parametrize("body", [transcription(), recording(MP3), webhook("of_tomorrow"), b"no json"])
async def test_the_same_again_writes_nothing(files: ConversationFiles, folder: Path, body: bytes):
    first = await kept(files, body)
    for name in await files.waiting():
        await files.worked_on(name)
    before = {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in folder.rglob("*") if path.is_file()}
    for again in (body, body.replace(b"1770000000", b"1770000900")):
        if again == body or again.startswith(b"{"):
            assert await kept(files, again) == Kept(first.name, Outcome.REPEATED)
    after = {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in folder.rglob("*") if path.is_file()}
    assert after == before
    assert await files.waiting() == []


async def test_told_otherwise_both_are_kept(files: ConversationFiles, folder: Path):
    await kept(files, transcription())
    changed = await kept(files, transcription(status="failed"))
    assert changed.outcome is Outcome.CHANGED
    assert changed.name.startswith("conv_1.changed-")
    assert (folder / "conv_1.json").read_bytes() == transcription()
    assert (folder / changed.name).read_bytes() == transcription(status="failed")
    assert await kept(files, transcription(status="failed")) == Kept(changed.name, Outcome.REPEATED)
    assert (await files.read(changed.name)).told.status == "failed"
    assert sorted(await files.waiting()) == sorted(["conv_1.json", changed.name])


async def test_another_recording_does_not_replace_the_first(files: ConversationFiles, folder: Path):
    await kept(files, recording(MP3))
    changed = await kept(files, recording(MP3[1:]))
    assert changed.outcome is Outcome.CHANGED
    assert (folder / "conv_1.mp3").read_bytes() == MP3
    audio = (await files.read(changed.name)).audio
    assert audio is not None
    assert audio.read_bytes() == MP3[1:]


async def test_a_damaged_file_is_not_taken_for_the_same(files: ConversationFiles, folder: Path):
    await kept(files, transcription())
    (folder / "conv_1.json").write_bytes(b"half of")
    changed = await kept(files, transcription())
    assert changed.outcome is Outcome.CHANGED
    assert (folder / changed.name).read_bytes() == transcription()


async def test_many_at_once_are_kept_once(files: ConversationFiles, folder: Path):
    bodies = [transcription(), transcription(conversation_id="conv_2"), recording(MP3)] * 8
    outcomes = [each.outcome for each in await asyncio.gather(*(kept(files, body) for body in bodies))]
    assert outcomes.count(Outcome.NEW) == 3
    assert outcomes.count(Outcome.REPEATED) == 21
    assert names(folder) == ["conv_1.json", "conv_1.mp3", "conv_1.post_call_audio.json", "conv_2.json"]


@pytest.mark.parametrize(
    "body", [b"", b"no json", b"[]", transcription()[:-1], recording(MP3).replace(b'"}}', b'#"}}'), b"\xff" * 999]
)
async def test_what_cannot_be_read_is_kept_aside(files: ConversationFiles, folder: Path, body: bytes):
    aside = await kept(files, body)
    assert aside.outcome is Outcome.UNREADABLE
    assert names(folder) == [aside.name]
    assert aside.name.startswith("unreadable-")
    assert (folder / aside.name).read_bytes() == body
    assert await files.waiting() == []


async def test_a_document_without_end_is_kept_aside(files: ConversationFiles, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(conversation_files, "MAX_DOCUMENT_BYTES", 1000)
    assert (await kept(files, transcription(text="x" * 1000))).outcome is Outcome.UNREADABLE
    assert (await kept(files, recording(MP3))).outcome is Outcome.NEW, "audio does not count"


@pytest.mark.parametrize("conversation_id", ["../../outside", "a/b", "..", "", None, 7])
async def test_nothing_is_written_outside(files: ConversationFiles, folder: Path, tmp_path: Path, conversation_id: Any):
    await kept(files, transcription(conversation_id=conversation_id))
    await kept(files, recording(MP3, conversation_id=conversation_id))
    everything = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(everything) == 5
    assert {path.parent for path in everything} == {folder, folder / "new"}


async def test_all_is_flushed_before_keep_returns(
    files: ConversationFiles, folder: Path, monkeypatch: pytest.MonkeyPatch
):
    await files.prepare()
    synced: list[tuple[str, list[str]]] = []
    fsync = os.fsync

    def note(descriptor: int) -> None:
        synced.append((Path(f"/proc/self/fd/{descriptor}").resolve().name, names(folder)))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    await kept(files, recording(MP3))
    flushed = [name.partition(".")[2] if name.startswith(".") else name for name, _ in synced]
    assert [name.split(".", 1)[-1] for name in flushed] == ["mp3.part", "json.part", "new", "conversations"]
    assert "conv_1.post_call_audio.json" in synced[-1][1], "the folder is flushed when its name is in it"
    assert "conv_1.mp3" in synced[-2][1]


@pytest.mark.parametrize("failing", ["fsync", "open", "link"])
async def test_a_full_disk_leaves_nothing(
    files: ConversationFiles, folder: Path, monkeypatch: pytest.MonkeyPatch, failing: str
):
    await files.prepare()

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, failing, full)
        for body in (transcription(), recording(MP3), b"no json"):
            with pytest.raises(OSError, match="No space"):
                await kept(files, body)
    assert [name for name in names(folder) if name != "conv_1.mp3"] == []
    assert await files.waiting() == []
    assert (await kept(files, recording(MP3))).outcome is Outcome.NEW
    assert (folder / "conv_1.mp3").read_bytes() == MP3


async def test_after_an_end_between_the_two_links_it_is_found(files: ConversationFiles, folder: Path):
    await kept(files, transcription())
    (folder / "conv_1.json").unlink()
    anew = ConversationFiles(folder)
    assert await anew.waiting() == ["conv_1.json"]
    assert (await anew.read("conv_1.json")).told.status == "done"
    assert (folder / "conv_1.json").read_bytes() == transcription()


async def test_told_again_after_such_an_end_it_is_whole(files: ConversationFiles, folder: Path):
    await kept(files, recording(MP3))
    (folder / "conv_1.post_call_audio.json").unlink()
    assert (await kept(files, recording(MP3))).outcome is Outcome.NEW
    assert await files.waiting() == ["conv_1.post_call_audio.json"]


async def test_what_was_worked_on_stays_but_does_not_wait(files: ConversationFiles, folder: Path):
    await kept(files, transcription())
    await files.worked_on("conv_1.json")
    await files.worked_on("conv_1.json")
    assert await files.waiting() == []
    assert names(folder) == ["conv_1.json"]


async def test_the_oldest_waits_first(files: ConversationFiles, folder: Path):
    for name, age_s in (("conv_b", 30), ("conv_a", 10), ("conv_c", 20)):
        await kept(files, transcription(conversation_id=name))
        os.utime(folder / f"{name}.json", (time.time() - age_s,) * 2)
    assert await files.waiting() == ["conv_b.json", "conv_c.json", "conv_a.json"]


async def test_half_written_files_of_the_dead_are_removed(files: ConversationFiles, folder: Path):
    await files.prepare()
    old, young = folder / ".aa.json.part", folder / ".bb.mp3.part"
    for path in (old, young):
        path.write_bytes(b"half")
    os.utime(old, (time.time() - LEFT_BEHIND_S - 1,) * 2)
    await files.prepare()
    assert names(folder) == [young.name]


async def test_a_folder_that_is_taken_away_is_made_again(files: ConversationFiles, folder: Path):
    await files.prepare()
    (folder / "new").rmdir()
    folder.rmdir()
    assert await files.waiting() == []
    assert (await kept(files, transcription())).outcome is Outcome.NEW


async def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path):
    (tmp_path / "file").write_text("")
    files = ConversationFiles(tmp_path / "file" / "conversations")
    with pytest.raises(OSError):
        await files.prepare()
    with pytest.raises(OSError):
        await kept(files, transcription())
