"""A folder of WAV files, each with a note beside it until its row is kept elsewhere: nothing on it is forgotten.

ID.wav     the sound
ID.json    whose it is; gone when a row of the records says so. One that is left lost its writer to a sudden end
"""

import fcntl
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from ivr_bridge.audio.wav import MULAW_HEADER_BYTES, mended_header
from ivr_bridge.bridge.disk_thread import Disk
from ivr_bridge.bridge.sound_file import BYTES_PER_S, SoundFile
from ivr_bridge.errors import AudioFormatError

_MODE, _FOLDER_MODE = 0o600, 0o700
_CHANNELS_AT = 22


@dataclass(frozen=True, slots=True)
class LeftOver:
    """A file whose writer is gone; it is whole again."""

    name: str
    about: Mapping[str, Any] = field(repr=False)
    audio_bytes: int
    duration_s: float


class SoundShelf:
    """One folder under `var/`, made when it is first written to: 0700, its files 0600.

    Args:
        folder: `var/voicemails` or `var/recordings`.
        prefix: two letters that every name begins with.
        disk: does the work.
    """

    def __init__(self, folder: Path, prefix: str, disk: Disk) -> None:
        self.folder = folder
        self._prefix = prefix
        self._disk = disk

    def path(self, name: str) -> Path:
        """Where the sound of a name is."""
        return self.folder / f"{name}.wav"

    async def open(self, about: Mapping[str, Any], channels: int) -> tuple[str, SoundFile]:
        """A new file under a name that nobody can guess, and its note.

        Raises:
            OSError: the disk takes neither.
        """
        name = self._prefix + secrets.token_hex(12)
        await self._disk.run(partial(self.folder.mkdir, mode=_FOLDER_MODE, parents=True, exist_ok=True))
        file = await SoundFile.open(self.path(name), channels, self._disk)
        try:
            await self._disk.run(partial(_write_note, self._note(name), orjson.dumps(dict(about), default=str)))
        except OSError:
            await file.discard()
            raise
        return name, file

    async def entered(self, name: str) -> None:
        """Its row is kept: the note is not needed any more. A note that cannot be removed is entered again later."""
        with suppress(OSError):
            await self._disk.run(partial(self._note(name).unlink, missing_ok=True))

    async def remove(self, name: str) -> None:
        """Delete sound and note.

        Raises:
            OSError: the disk does not do it.
        """
        await self._disk.run(partial(_remove, self.path(name), self._note(name)))

    async def left_over(self) -> list[LeftOver]:
        """What other processes have left, made readable to its end; files that are being written are not touched.

        Raises:
            OSError: the folder cannot be read.
        """
        return await self._disk.run(self._left_over)

    def _left_over(self) -> list[LeftOver]:
        found: list[LeftOver] = []
        for note in sorted(self.folder.glob(f"{self._prefix}*.json")):
            try:
                about = orjson.loads(note.read_bytes())
                mended = _mend(note.with_suffix(".wav"))
            except (FileNotFoundError, BlockingIOError):
                continue  # not yet there, gone meanwhile, or at work
            except (orjson.JSONDecodeError, AudioFormatError):
                continue  # not ours; a person may look at it
            audio_bytes, channels = mended
            duration_s = audio_bytes / (BYTES_PER_S * channels)
            if isinstance(about, dict):
                found.append(LeftOver(note.stem, about, audio_bytes, duration_s))
        return found

    def _note(self, name: str) -> Path:
        return self.folder / f"{name}.json"


def _write_note(path: Path, note: bytes) -> None:
    """Whole or not at all, and on the disk itself."""
    beside = path.with_suffix(".new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _MODE)
    try:
        os.write(descriptor, note)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    beside.replace(path)


def _remove(*paths: Path) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


def _mend(path: Path) -> tuple[int, int]:
    """Write the header that the file's length calls for; bytes of audio, and channels."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        header = mended_header(os.pread(descriptor, MULAW_HEADER_BYTES, 0), os.fstat(descriptor).st_size)
        os.pwrite(descriptor, header, 0)
    finally:
        os.close(descriptor)
    return int.from_bytes(header[-4:], "little"), int.from_bytes(header[_CHANNELS_AT : _CHANNELS_AT + 2], "little")
