"""One journal's files: lines appended in order, read in order, forgotten once the database has them.

    journal/ID/000000001.jsonl  a segment; the highest number is the one that is appended to
    journal/refused.jsonl       of all journals: lines that no database takes, for a person to look at

A journal belongs to the process that holds the lock on its folder; one whose process is gone is taken over or emptied
by the next. What `read` gives is flushed to the disk: the database never knows more than this disk does.
"""

import fcntl
import os
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, Self

import orjson

SEGMENT_BYTES = 8 * 1024 * 1024
KEPT_S = 10.0
"""A segment of this age is left for a new one as soon as the database has all of it: its lines name people."""

REFUSED = "refused.jsonl"
_MODE, _FOLDER_MODE = 0o600, 0o700
_SUFFIX = ".jsonl"


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Behind which line: `line` lines of `segment` are done."""

    segment: int
    line: int


FIRST = Place(1, 0)


class Segments:
    """Open with `Segments.open`. One thread may append while others read or forget."""

    def __init__(self, folder: Path, lock: int) -> None:
        self.folder = folder
        self._lock_descriptor = lock
        self._descriptor: int | None = None
        self.end = FIRST
        """Behind the last line that is on the disk itself."""
        self._size_bytes = 0
        self._torn = False
        """Whether something may stand behind `_size_bytes`."""
        self._first_line_at = 0.0
        self._disk = Lock()
        self._open()

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Lock a folder, and cut off half a line that a sudden end has left.

        Raises:
            BlockingIOError: a living process has it.
            FileNotFoundError: it is not there any more.
            OSError: it cannot be used.
        """
        lock = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not os.path.samestat(os.fstat(lock), folder.stat()):  # emptied and removed by another in between
                raise FileNotFoundError(folder)
            return cls(folder, lock)
        except BaseException:
            os.close(lock)
            raise

    @property
    def journal_id(self) -> str:
        """What the database knows it by."""
        return self.folder.name

    def append(self, lines: Sequence[bytes]) -> None:
        """Write lines, each with its line feed, and flush them to the disk.

        Raises:
            OSError: none of them was written.
        """
        with self._disk:
            if self._size_bytes >= SEGMENT_BYTES:
                self._begin_segment()
            if self._descriptor is None:
                self._descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, _MODE)
                _sync(self.folder)
            if self._torn:
                os.ftruncate(self._descriptor, self._size_bytes)
                self._torn = False
            written, whole = 0, b"".join(lines)
            self._torn = True
            while written < len(whole):
                written += os.write(self._descriptor, whole[written:])
            os.fsync(self._descriptor)
            self._torn = False
            if not self.end.line:
                self._first_line_at = time.monotonic()
            self._size_bytes += len(whole)
            self.end = Place(self.end.segment, self.end.line + len(lines))

    def read(self, after: Place, most: int) -> tuple[list[Any], Place]:
        """The next lines behind a place, at most so many, and the place behind them. What is no JSON is None."""
        end, lines, place = self.end, list[Any](), after
        for number, path in _numbered(self.folder):
            if number < place.segment or number > end.segment:
                continue
            if number > place.segment:
                place = Place(number, 0)
            for line in _lines(path, place.line):
                if len(lines) >= most or place >= end:
                    return lines, place
                lines.append(_read(line))
                place = Place(number, place.line + 1)
        return lines, place

    def forget(self, before: Place, *, at_once: bool = False) -> None:
        """Delete what lies before a place; the last segment too, once it is old or this is wanted `at_once`."""
        with self._disk:
            old = at_once or time.monotonic() - self._first_line_at >= KEPT_S
            if self.end.line and before == self.end and old:
                self._begin_segment()
                before = self.end
            for number, path in _numbered(self.folder):
                if number < min(before.segment, self.end.segment):
                    path.unlink(missing_ok=True)

    def backlog_bytes(self, after: Place) -> int:
        """How much is not taken in yet, a segment counted whole."""
        return sum(path.stat().st_size for number, path in _numbered(self.folder) if number >= after.segment)

    def put_aside(self, line: Any) -> None:
        """Keep a line that no database takes."""
        descriptor = os.open(self.folder.parent / REFUSED, os.O_WRONLY | os.O_APPEND | os.O_CREAT, _MODE)
        try:
            os.write(descriptor, orjson.dumps(line) + b"\n")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def close(self) -> None:
        """Let go of it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
        os.close(self._lock_descriptor)

    def remove(self) -> None:
        """Delete it wholly, and let go of it."""
        for _, path in _numbered(self.folder):
            path.unlink(missing_ok=True)
        with suppress(OSError):  # something else lies there
            self.folder.rmdir()
        self.close()

    @property
    def _path(self) -> Path:
        return self.folder / f"{self.end.segment:09}{_SUFFIX}"

    def _open(self) -> None:
        for number, path in list(_numbered(self.folder))[-1:]:
            data = path.read_bytes()
            self.end, self._size_bytes = Place(number, data.count(b"\n")), data.rfind(b"\n") + 1
            descriptor = os.open(path, os.O_WRONLY)
            try:
                if self._size_bytes < len(data):
                    os.ftruncate(descriptor, self._size_bytes)
                os.fsync(descriptor)  # whoever wrote it may have ended before it did
            finally:
                os.close(descriptor)

    def _begin_segment(self) -> None:
        """A new file before the old one may go: numbers never begin anew."""
        number = self.end.segment + 1
        path = self.folder / f"{number:09}{_SUFFIX}"
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, _MODE)
        try:
            _sync(self.folder)
        except OSError:
            os.close(descriptor)
            raise
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._descriptor = descriptor
        self.end, self._size_bytes, self._torn = Place(number, 0), 0, False


def claim(root: Path) -> Segments:
    """A journal of this process's own: one whose process is gone, or a new one.

    Raises:
        OSError: the folder cannot be used.
    """
    root.mkdir(parents=True, exist_ok=True, mode=_FOLDER_MODE)
    for left in left_behind(root):
        return left
    while True:
        folder = root / secrets.token_hex(8)
        folder.mkdir(mode=_FOLDER_MODE)
        _sync(root)
        with suppress(BlockingIOError, FileNotFoundError):  # another one was quicker to take it over
            return Segments.open(folder)


def left_behind(root: Path) -> Iterator[Segments]:
    """Every journal whose process is gone, open."""
    for folder in sorted(root.iterdir()) if root.is_dir() else ():
        if folder.is_dir():
            with suppress(BlockingIOError, FileNotFoundError):
                yield Segments.open(folder)


def _numbered(folder: Path) -> Iterator[tuple[int, Path]]:
    yield from sorted((int(path.stem), path) for path in folder.glob(f"*{_SUFFIX}") if path.stem.isdecimal())


def _lines(path: Path, skip: int) -> Iterator[bytes]:
    with suppress(FileNotFoundError), path.open("rb") as file:
        for number, line in enumerate(file):
            if number >= skip and line.endswith(b"\n"):
                yield line


def _read(line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:  # a disk that lies
        return None


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
