"""Messages of all calls: their files, and the rows that say so. What a call leaves behind is finished here."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ivr_bridge.bridge.sound_file import SoundFile
from ivr_bridge.bridge.sound_rows import RowKeeper
from ivr_bridge.bridge.sound_shelf import SoundShelf
from ivr_bridge.errors import BridgeError
from ivr_bridge.telemetry import events
from ivr_bridge.telemetry.log import Log
from ivr_bridge.tools.context import CallInfo

OPEN_WITHIN_S = 3.0
"""The prompt plays meanwhile; a disk that takes longer is none."""
LEAST_S = 1.0
"""A message that a sudden end has cut off counts from this on."""
CLOSE_WITHIN_S = 15.0


def _nobody() -> None:
    """Nobody is told."""


@dataclass(frozen=True, slots=True, eq=False)
class Message:
    """One that is being recorded."""

    name: str
    file: SoundFile
    about: dict[str, Any]


class Voicemails:
    """One for the process.

    Args:
        shelf: `var/voicemails`.
        rows: where a message is listed.
        log: of the server.
        kept: called when there is another one, for whoever delivers them.
    """

    def __init__(self, shelf: SoundShelf, rows: RowKeeper, log: Log, kept: Callable[[], None] = _nobody) -> None:
        self._shelf = shelf
        self._rows = rows
        self._log = log
        self._kept = kept
        self._tasks: set[asyncio.Task[Any]] = set()

    async def open(self, call: CallInfo) -> Message:
        """A file for a message, of which it is noted whose it is. Cancelling is safe.

        Raises:
            OSError: the disk takes none, or not soon.
        """
        about = {
            "call_sid": call.call_sid,
            "caller": call.caller,
            "called": call.called,
            "recorded_at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        opening = self._start(self._open(about))
        try:
            async with asyncio.timeout(OPEN_WITHIN_S):
                return await asyncio.shield(opening)
        except (TimeoutError, asyncio.CancelledError):
            self._start(self._drop_when_open(opening))
            raise

    async def _open(self, about: dict[str, Any]) -> Message:
        return Message(*await self._shelf.open(about, 1), about)

    async def _drop_when_open(self, opening: "asyncio.Task[Message]") -> None:
        await asyncio.wait({opening})
        if not opening.cancelled() and opening.exception() is None:
            await self._drop(opening.result())

    def keep(self, message: Message, keep_s: float, log: Log) -> "asyncio.Task[bool]":
        """Finish a message and list it; goes on when nobody waits for it any more.

        Args:
            message: nothing is appended to it any more.
            keep_s: what follows after so long is cut off.
            log: of the call.

        Returns:
            A task: True when file and row are on the disk itself.
        """
        return self._start(self._keep(message, keep_s, log))

    async def _keep(self, message: Message, keep_s: float, log: Log) -> bool:
        try:
            await message.file.close(keep_s)
            await self._enter(message.name, message.about, message.file.duration_s)
        except (OSError, BridgeError) as error:
            log.emit(events.VOICEMAIL_FAILED, error=f"{type(error).__name__}: {error}")
            return False
        duration_s, caller = message.file.duration_s, message.about["caller"]
        log.emit(events.VOICEMAIL_TAKEN, recording_sid=message.name, duration_s=duration_s, pii={"caller": caller})
        self._kept()
        return True

    async def _enter(self, name: str, about: dict[str, Any], duration_s: float) -> None:
        await self._rows.promise(
            "voicemails",
            id=name,
            recording_sid=name,
            file=f"{self._shelf.folder.name}/{name}.wav",
            duration_s=round(duration_s, 2),
            **{key: about.get(key) for key in ("call_sid", "caller", "called", "recorded_at")},
        )
        await self._shelf.entered(name)

    def drop(self, message: Message) -> None:
        """Nothing was said that is worth keeping."""
        self._start(self._drop(message))

    async def _drop(self, message: Message) -> None:
        await message.file.discard()
        await self._shelf.entered(message.name)

    async def take_in_left_overs(self) -> None:
        """List what an earlier process had no time to; for the start of the server. Never raises."""
        try:
            for left in await self._shelf.left_over():
                log = self._log.bind(call_sid=str(left.about.get("call_sid", "")))
                if left.duration_s < LEAST_S:
                    await self._shelf.remove(left.name)
                    continue
                await self._enter(left.name, dict(left.about), left.duration_s)
                log.emit(
                    events.VOICEMAIL_TAKEN,
                    recording_sid=left.name,
                    duration_s=left.duration_s,
                    pii={"caller": left.about.get("caller", "")},
                )
                self._kept()
        except (OSError, BridgeError) as error:
            self._log.emit(events.VOICEMAIL_FAILED, error=f"{type(error).__name__}: {error}")

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
