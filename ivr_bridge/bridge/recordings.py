"""Recordings of all calls: their files, the rows that list them, and the day on which they are deleted."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from ivr_bridge.bridge.call_recording import CallRecording
from ivr_bridge.bridge.sound_file import SoundFile
from ivr_bridge.bridge.sound_rows import RowKeeper
from ivr_bridge.bridge.sound_shelf import SoundShelf
from ivr_bridge.errors import BridgeError
from ivr_bridge.telemetry import events
from ivr_bridge.telemetry.log import Log

CHANNELS = 2
OPEN_WITHIN_S = 3.0
CLOSE_WITHIN_S = 15.0
TIDY_EVERY_S = 3600.0
TIDY_AGAIN_S = 60.0
"""When the database did not answer."""

DueForDeletion = Callable[[datetime], Awaitable[Sequence[str]]]
"""The ids whose day has come, of files that lie here. Raises BridgeError."""


@dataclass(frozen=True, slots=True)
class OpenSound:
    """A file for a recording that can begin."""

    name: str
    file: SoundFile


class Recordings:
    """One for the process.

    Args:
        shelf: `var/recordings`.
        rows: where a recording is listed.
        log: of the server.
    """

    def __init__(self, shelf: SoundShelf, rows: RowKeeper, log: Log) -> None:
        self._shelf = shelf
        self._rows = rows
        self._log = log
        self._tasks: set[asyncio.Task[Any]] = set()

    async def open(self, call_sid: str, keep_days: int) -> OpenSound:
        """A file for a recording that begins now, listed at once. Cancelling is safe.

        Raises:
            OSError: the disk takes none, or not soon.
        """
        opening = self._start(self._open(call_sid, keep_days))
        try:
            async with asyncio.timeout(OPEN_WITHIN_S):
                return await asyncio.shield(opening)
        except (TimeoutError, asyncio.CancelledError):
            self._start(self._drop_when_open(opening))
            raise

    async def _open(self, call_sid: str, keep_days: int) -> OpenSound:
        began_at = datetime.now(UTC)
        row = {
            "call_sid": call_sid,
            "began_at": began_at.isoformat(timespec="milliseconds"),
            "delete_after": (began_at + timedelta(days=keep_days)).isoformat(timespec="seconds"),
        }
        name, file = await self._shelf.open(row, CHANNELS)
        self._rows.put("recordings", id=name, file=f"{self._shelf.folder.name}/{name}.wav", **row)
        return OpenSound(name, file)

    async def _drop_when_open(self, opening: "asyncio.Task[OpenSound]") -> None:
        await asyncio.wait({opening})
        if not opening.cancelled() and opening.exception() is None:
            sound = opening.result()
            await sound.file.discard()
            self._rows.change("recordings", {"id": sound.name}, duration_s=0.0, bytes=0, deleted_at=_now())
            await self._shelf.entered(sound.name)

    def finish(self, recording: CallRecording, log: Log) -> None:
        """Write what is left and say how long it is; goes on when the call is over."""
        self._start(self._finish(recording, log))

    async def _finish(self, recording: CallRecording, log: Log) -> None:
        file, name = recording.file, recording.name
        try:
            await file.close()
        except OSError as error:
            log.emit(events.RECORDING_FAILED, recording_id=name, error=f"{type(error).__name__}: {error}")
            return  # its note stays: the next start makes the best of the file
        length = {"duration_s": round(file.duration_s, 2), "bytes": file.audio_bytes}
        self._rows.change("recordings", {"id": name}, **length)
        await self._shelf.entered(name)
        log.emit(events.RECORDING_ENDED, recording_id=name, duration_s=file.duration_s, bytes=file.audio_bytes)

    async def take_in_left_overs(self) -> None:
        """List what an earlier process had no time to; for the start of the server. Never raises."""
        try:
            for left in await self._shelf.left_over():
                row = {key: left.about.get(key) for key in ("call_sid", "began_at", "delete_after")}
                await self._rows.promise(
                    "recordings",
                    id=left.name,
                    file=f"{self._shelf.folder.name}/{left.name}.wav",
                    duration_s=round(left.duration_s, 2),
                    bytes=left.audio_bytes,
                    **row,
                )
                await self._shelf.entered(left.name)
                log = self._log.bind(call_sid=str(left.about.get("call_sid", "")))
                duration_s = left.duration_s
                log.emit(events.RECORDING_ENDED, recording_id=left.name, duration_s=duration_s, bytes=left.audio_bytes)
        except (OSError, BridgeError) as error:
            self._log.emit(events.RECORDING_FAILED, recording_id="", error=f"{type(error).__name__}: {error}")

    async def tidy(self, names: Sequence[str]) -> int:
        """Delete recordings, and say so in their rows; how many.

        Raises:
            OSError: one cannot be deleted; those before it are.
        """
        for name in names:
            await self._shelf.remove(name)
            self._rows.change("recordings", {"id": name}, deleted_at=_now())
        if names:
            self._log.emit(events.RECORDINGS_DELETED, recordings=len(names), why="their day has come")
        return len(names)

    async def keep_tidy(self, due: DueForDeletion) -> None:
        """Delete what is due, now and every hour, until cancelled. Never raises."""
        while True:
            wait_s = TIDY_EVERY_S
            try:
                await self.tidy(await due(datetime.now(UTC)))
            except (OSError, BridgeError) as error:
                wait_s = TIDY_AGAIN_S
                self._log.emit(events.RECORDING_FAILED, recording_id="", error=f"{type(error).__name__}: {error}")
            await asyncio.sleep(wait_s)

    async def close(self) -> None:
        """Wait for what is being finished, as long as a disk may take."""
        if self._tasks:
            _, late = await asyncio.wait(set(self._tasks), timeout=CLOSE_WITHIN_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _start(self, work: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
