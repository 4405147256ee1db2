"""A WAV file that grows while a call goes on: mu-law at 8 kHz, in pieces, by a thread, readable at any moment."""

import asyncio
import fcntl
import os
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Self

from ivr_bridge.audio.wav import MULAW_HEADER_BYTES, mulaw_wav_header
from ivr_bridge.bridge.disk_thread import Disk

BYTES_PER_S = 8000
"""Of one channel."""
PIECE_S = 1.0
"""So much is written at once; a sudden end loses no more than that."""
WAITING_S = 8.0
"""More than this waits for no disk: it has failed."""
CLOSE_WITHIN_S = 10.0
_MODE = 0o600


class SoundFile:
    """One file, open for writing and locked: who else comes upon it knows that its writer lives.

    After a failure (`failure` says which) nothing more is taken; what was written stays readable.
    """

    __slots__ = (
        "_channels", "_descriptor", "_disk", "_taken_bytes", "_waiting", "_writing", "_written_bytes", "failure",
        "path",
    )  # fmt: skip

    def __init__(self, path: Path, channels: int, disk: Disk, descriptor: int) -> None:
        self.path = path
        self._channels = channels
        self._disk = disk
        self._descriptor = descriptor
        self._waiting = bytearray()
        self._writing: asyncio.Future[None] | None = None
        self._written_bytes = 0
        self._taken_bytes = 0
        self.failure: OSError | None = None

    @classmethod
    async def open(cls, path: Path, channels: int, disk: Disk) -> Self:
        """Make the file, with mode 0600.

        Raises:
            OSError: it cannot be made, or is there.
        """
        return cls(path, channels, disk, await disk.run(partial(_make, path, channels)))

    @property
    def audio_bytes(self) -> int:
        """What was taken so far, written or not."""
        return self._taken_bytes

    @property
    def duration_s(self) -> float:
        """How long it plays."""
        return self._taken_bytes / (BYTES_PER_S * self._channels)

    def append(self, audio: bytes) -> bool:
        """Take audio; whole samples of all channels. Never waits.

        Returns:
            False when the disk has failed, or does not keep up.
        """
        if self.failure is not None:
            return False
        self._waiting += audio
        self._taken_bytes += len(audio)
        per_s = BYTES_PER_S * self._channels
        if len(self._waiting) > WAITING_S * per_s:
            self.failure = TimeoutError(f"the disk is {WAITING_S:g} s behind")
            self._waiting.clear()
        elif self._writing is None and len(self._waiting) >= PIECE_S * per_s:
            self._write_on()
        return self.failure is None

    def _write_on(self) -> None:
        piece = bytes(self._waiting)
        self._waiting.clear()
        self._writing = self._disk.run(partial(_write, self._descriptor, piece, self._written_bytes, self._channels))
        self._written_bytes += len(piece)
        self._writing.add_done_callback(self._written)

    def _written(self, writing: "asyncio.Future[None]") -> None:
        self._writing = None
        if writing.cancelled():
            return
        error = writing.exception()
        if isinstance(error, OSError):
            self.failure = error
            self._waiting.clear()
        elif error is not None:
            raise error
        elif len(self._waiting) >= PIECE_S * BYTES_PER_S * self._channels and self.failure is None:
            self._write_on()

    async def close(self, keep_s: float | None = None) -> None:
        """Write what waits, and come back when all of it is on the disk itself. Once; not to be cancelled.

        Args:
            keep_s: cut the end off behind this many seconds; None: keep all.

        Raises:
            OSError: it is not all there; the file is closed all the same.
        """
        if self._writing is not None:
            await asyncio.wait({self._writing}, timeout=CLOSE_WITHIN_S)
        if keep_s is not None:
            self._taken_bytes = min(self._taken_bytes, round(keep_s * BYTES_PER_S) * self._channels)
        piece = b"" if self.failure is not None else bytes(self._waiting)
        work = partial(_finish, self._descriptor, piece, self._written_bytes, self._channels, self._taken_bytes)
        closing = self._disk.run(work)
        await asyncio.wait({closing}, timeout=CLOSE_WITHIN_S)
        if not closing.done():
            raise self.failure or TimeoutError("the disk does not answer")
        closing.result()
        if self.failure is not None:
            raise self.failure

    async def discard(self) -> None:
        """Close it and delete it, whatever the disk says."""
        with suppress(OSError):
            await self._disk.run(partial(_discard, self._descriptor, self.path))


def _make(path: Path, channels: int) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, _MODE)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.write(descriptor, mulaw_wav_header(channels, 0))
    except OSError:
        os.close(descriptor)
        path.unlink(missing_ok=True)
        raise
    return descriptor


def _write(descriptor: int, piece: bytes, behind_bytes: int, channels: int) -> None:
    """The piece, and then a header that counts it."""
    written = 0
    while written < len(piece):
        written += os.pwrite(descriptor, piece[written:], MULAW_HEADER_BYTES + behind_bytes + written)
    os.pwrite(descriptor, mulaw_wav_header(channels, behind_bytes + len(piece)), 0)


def _finish(descriptor: int, piece: bytes, behind_bytes: int, channels: int, keep_bytes: int) -> None:
    try:
        _write(descriptor, piece, behind_bytes, channels)
        if keep_bytes < behind_bytes + len(piece):
            os.pwrite(descriptor, mulaw_wav_header(channels, keep_bytes), 0)
            os.ftruncate(descriptor, MULAW_HEADER_BYTES + keep_bytes)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _discard(descriptor: int, path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    finally:
        os.close(descriptor)
