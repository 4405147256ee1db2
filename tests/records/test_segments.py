"""A journal's files, without an event loop: order, flushing, half a line, whose they are, what is forgotten."""

import json
import os
import random
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ivr_bridge.records import segments as module
from ivr_bridge.records.segments import FIRST, Place, Segments, claim, left_behind


def encoded(*numbers: int) -> list[bytes]:
    return [json.dumps({"n": number}).encode() + b"\n" for number in numbers]


def numbers(lines: list[Any]) -> list[Any]:
    return [line and line["n"] for line in lines]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "var" / "journal"


def test_what_is_appended_is_read_in_order_from_any_place(root: Path) -> None:
    segments = claim(root)
    segments.append(encoded(1, 2, 3))
    segments.append(encoded(4))
    assert segments.end == Place(1, 4)
    assert segments.read(FIRST, 10) == ([{"n": 1}, {"n": 2}, {"n": 3}, {"n": 4}], Place(1, 4))
    assert numbers(segments.read(Place(1, 1), 2)[0]) == [2, 3]
    assert segments.read(Place(1, 1), 2)[1] == Place(1, 3)
    assert segments.read(Place(1, 4), 2) == ([], Place(1, 4))
    segments.close()


def test_only_the_owner_may_read_it(root: Path) -> None:
    before = os.umask(0)
    try:
        segments = claim(root)
        segments.append(encoded(1))
        segments.put_aside({"n": 2})
    finally:
        os.umask(before)
    for path in (root, *root.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    segments.close()


def test_it_is_flushed_before_anybody_is_told_or_may_read_it(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    segments = claim(root)
    segments.append(encoded(1))
    fsync, seen = os.fsync, []

    def note(descriptor: int) -> None:
        [path] = segments.folder.iterdir()
        seen.append((path.read_bytes(), segments.read(FIRST, 9)[0]))
        fsync(descriptor)

    monkeypatch.setattr(module.os, "fsync", note)
    segments.append(encoded(2))
    assert seen == [(b"".join(encoded(1, 2)), [{"n": 1}])], "on its way to the disk, and not to be read yet"
    assert numbers(segments.read(FIRST, 9)[0]) == [1, 2]
    segments.close()


@pytest.mark.parametrize("cut", [1, 3, 7])
def test_half_a_line_is_cut_off(root: Path, cut: int) -> None:
    segments = claim(root)
    segments.append(encoded(1, 2))
    segments.close()
    [path] = segments.folder.iterdir()
    path.write_bytes(b"".join(encoded(1, 2)) + encoded(3)[0][:-cut])
    again = claim(root)
    assert again.folder == segments.folder
    assert again.end == Place(1, 2)
    again.append(encoded(4))
    assert numbers(again.read(FIRST, 9)[0]) == [1, 2, 4]
    again.close()


@pytest.mark.parametrize("broken", ["write", "fsync", "short"])
def test_what_could_not_be_written_leaves_nothing_behind(
    root: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    segments = claim(root)
    segments.append(encoded(1))
    write, left = os.write, [3]

    def fail(*_: Any) -> int:
        raise OSError(28, "No space left on device")

    def some(descriptor: int, data: bytes) -> int:
        """A disk with room for a few bytes."""
        if not left:
            fail()
        return write(descriptor, data[: left.pop()])

    with monkeypatch.context() as patch:
        patch.setattr(module.os, "write" if broken != "fsync" else "fsync", some if broken == "short" else fail)
        with pytest.raises(OSError, match="No space"):
            segments.append(encoded(2, 3))
        assert segments.end == Place(1, 1)
    segments.append(encoded(4))
    assert numbers(segments.read(FIRST, 9)[0]) == [1, 4]
    segments.close()
    [path] = segments.folder.iterdir()
    assert path.read_bytes() == b"".join(encoded(1, 4))


def test_a_write_may_take_a_part_only(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(module.os, "write", lambda descriptor, data: write(descriptor, data[:3]))
    segments = claim(root)
    segments.append(encoded(1, 2))
    assert numbers(segments.read(FIRST, 9)[0]) == [1, 2]
    segments.close()


def test_a_full_segment_is_followed_by_another(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SEGMENT_BYTES", 20)
    segments = claim(root)
    for number in range(10):
        segments.append(encoded(number))
    assert len(list(segments.folder.iterdir())) > 3
    place, read = FIRST, []
    while True:
        lines, place = segments.read(place, 3)
        if not lines:
            break
        read += numbers(lines)
    assert read == list(range(10))
    assert segments.backlog_bytes(FIRST) == sum(len(line) for line in encoded(*range(10)))
    segments.forget(Place(3, 1))
    assert min(int(path.stem) for path in segments.folder.iterdir()) == 3
    assert numbers(segments.read(Place(3, 1), 99)[0]) == read[-len(segments.read(Place(3, 1), 99)[0]) :]
    assert segments.backlog_bytes(Place(3, 0)) < segments.backlog_bytes(FIRST) + 1
    segments.close()


def test_the_last_segment_is_left_when_all_of_it_is_taken(root: Path) -> None:
    segments = claim(root)
    segments.append(encoded(1, 2))
    segments.forget(Place(1, 2))
    assert segments.end == Place(1, 2), "it is young"
    segments.forget(Place(1, 1), at_once=True)
    assert numbers(segments.read(FIRST, 9)[0]) == [1, 2], "not all of it is taken"
    segments.forget(Place(1, 2), at_once=True)
    assert segments.end == Place(2, 0)
    assert [path.name for path in segments.folder.iterdir()] == ["000000002.jsonl"], "numbers do not begin anew"
    assert segments.read(Place(1, 2), 9) == ([], Place(2, 0))
    segments.forget(Place(2, 0), at_once=True)
    assert segments.end == Place(2, 0), "an empty one is not left for an empty one"
    segments.append(encoded(3))
    segments.close()
    again = claim(root)
    assert again.end == Place(2, 1)
    assert numbers(again.read(Place(1, 2), 9)[0]) == [3]
    again.close()


def test_an_old_segment_is_left_without_being_asked(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT_S", 0.0)
    segments = claim(root)
    segments.append(encoded(1))
    segments.forget(Place(1, 1))
    assert segments.end == Place(2, 0)
    segments.close()


def test_a_spoiled_line_is_none_and_keeps_its_place(root: Path) -> None:
    segments = claim(root)
    segments.append([*encoded(1), b"{spoiled\n", *encoded(3)])
    assert segments.read(FIRST, 9) == ([{"n": 1}, None, {"n": 3}], Place(1, 3))
    segments.close()


def test_refused_lines_lie_beside_the_journals(root: Path) -> None:
    segments = claim(root)
    segments.put_aside({"n": 1})
    segments.put_aside({"n": 2})
    assert (root / "refused.jsonl").read_bytes().splitlines() == [b'{"n":1}', b'{"n":2}']
    assert segments.read(FIRST, 9)[0] == []
    segments.close()


def test_two_at_a_time_have_each_their_own(root: Path) -> None:
    one, other = claim(root), claim(root)
    assert one.folder != other.folder
    assert list(left_behind(root)) == [], "both are at work"
    with pytest.raises(BlockingIOError):
        Segments.open(one.folder)
    other.append(encoded(1))
    other.close()
    [left] = left_behind(root)
    assert left.journal_id == other.journal_id
    assert numbers(left.read(FIRST, 9)[0]) == [1]
    left.remove()
    assert not left.folder.exists()
    one.close()
    with pytest.raises(FileNotFoundError):
        Segments.open(left.folder)
    assert list(left_behind(root / "nowhere")) == []


KILLED = """
import os, signal, sys
from pathlib import Path
from ivr_bridge.records.segments import claim

segments, last = claim(Path(sys.argv[1])), int(sys.argv[2])
number = segments.end.line
while True:
    number += 1
    segments.append([b'{"n": %d}\\n' % number])
    os.write(1, b"%d\\n" % number)  # this was promised
    if number == last:
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_kill_9_after_a_promise_loses_nothing(root: Path) -> None:
    for last in (1, 2, 7, 40):
        killed = subprocess.run(
            [sys.executable, "-c", KILLED, str(root), str(last)], capture_output=True, text=True, check=False
        )
        assert killed.returncode == -9, killed.stderr
        promised = int(killed.stdout.split()[-1])
        segments = claim(root)
        assert numbers(segments.read(FIRST, 99)[0]) == list(range(1, promised + 1))
        segments.close()


def test_two_thousand_sudden_ends(root: Path) -> None:
    """A kill leaves any beginning of what was being written; what was confirmed before is always there, once."""
    chance = random.Random(5)
    confirmed: list[int] = []
    number = 0
    for _ in range(2000):
        segments = claim(root)
        assert numbers(segments.read(FIRST, 10**6)[0]) == confirmed
        for _ in range(chance.randrange(3)):
            number += 1
            segments.append(encoded(number))
            confirmed.append(number)
        path = segments.folder / f"{segments.end.segment:09}.jsonl"
        segments.close()
        batch = encoded(*range(number + 1, number + 1 + chance.randrange(3)))
        written = b"".join(batch)[: chance.randrange(sum(map(len, batch)) + 1)]
        with path.open("ab") as file:
            file.write(written)
        whole = written.count(b"\n")  # written and not confirmed: it may stay
        confirmed += range(number + 1, number + 1 + whole)
        number += whole
        if len(confirmed) > 50:
            segments = claim(root)
            segments.forget(segments.end, at_once=True)
            segments.close()
            confirmed.clear()
