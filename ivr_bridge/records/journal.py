"""Lines on the disk of this machine that wait for the database: appended in order, taken in order, each once.

`append` is for whatever happens in a call: it costs microseconds, a thread writes it within `GATHER_S`. `keep` is for
what somebody was promised: it comes back when the line is on the disk itself. A line that a sudden end has cut in two
was never confirmed, and is dropped when the journal is opened again.
"""

import asyncio
import json
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import orjson

from ivr_bridge.errors import BridgeError
from ivr_bridge.records.segments import Place, Segments, claim

GATHER_S = 0.05
"""Lines of so long are written at once."""

AGAIN_S = 0.5
"""After the disk took nothing."""

MAX_WAITING_LINES = 20_000
"""In memory, for a disk that does not answer."""


class JournalFull(BridgeError):
    """The disk takes nothing: the line was not written."""

    code = "journal_full"
    fault = "operator"
    retryable = True


class Journal:
    """One of a process; open it with `Journal.open`, in the event loop that appends.

    `lost` counts lines that `append` had no room for.
    """

    def __init__(self, segments: Segments) -> None:
        self._segments = segments
        self.journal_id = segments.journal_id
        self.opened_at = segments.end
        """The place behind the last line that an earlier process wrote."""
        self._waiting: deque[bytes] = deque()
        self._confirming: list[asyncio.Future[None]] = []
        self._came = asyncio.Event()
        self._written = asyncio.Event()
        self._closing = False
        self._task: asyncio.Task[None] | None = None
        self.lost = 0
        self.failure: OSError | None = None
        """Why the last attempt to write failed; None when it did not."""

    @classmethod
    async def open(cls, root: Path) -> Self:
        """Take over or make a journal below `root`, and begin to write.

        Raises:
            OSError: the folder cannot be used.
        """
        journal = cls(await asyncio.to_thread(claim, root))
        journal._task = asyncio.create_task(journal._write_on(), name="write the journal")
        return journal

    @property
    def end(self) -> Place:
        """Behind the last line that is on the disk itself."""
        return self._segments.end

    def append(self, line: Mapping[str, Any]) -> bool:
        """Write this soon; False, and it is lost and counted, when too much waits already."""
        if len(self._waiting) >= MAX_WAITING_LINES or self._closing:
            self.lost += 1
            return False
        self._waiting.append(_encoded(line))
        self._came.set()
        return True

    async def keep(self, line: Mapping[str, Any]) -> None:
        """Write this and come back when it is on the disk, whatever happens next. Cancelling writes it all the same.

        Raises:
            JournalFull: it is not on the disk; it may get there later, when the disk has room again.
        """
        if not self.append(line):
            raise JournalFull("the journal takes no more lines: is the disk full, or gone?")
        await self.settled()

    async def settled(self) -> None:
        """Until everything that was appended before this is on the disk.

        Raises:
            JournalFull: it cannot be written.
        """
        if self._task is None or self._task.done():
            if self._waiting:
                raise JournalFull("the journal is closed")
            return
        confirmed = asyncio.get_running_loop().create_future()
        self._confirming.append(confirmed)
        self._came.set()
        await confirmed

    def nudge(self) -> None:
        """Wake whoever waits for lines, whether there are any or not."""
        self._written.set()

    async def wait(self, *, at_most_s: float | None) -> bool:
        """Until there are lines on the disk that this has not been told of; False when none came in time."""
        try:
            async with asyncio.timeout(at_most_s):
                await self._written.wait()
        except TimeoutError:
            return False
        self._written.clear()
        return True

    async def read(self, after: Place, most: int) -> tuple[list[Any], Place]:
        """The next lines behind a place, at most so many, and the place behind them. What is no JSON is None."""
        return await asyncio.to_thread(self._segments.read, after, most)

    async def put_aside(self, line: Any) -> None:
        """Keep a line that no database takes, for a person to look at."""
        await asyncio.to_thread(self._segments.put_aside, line)

    async def forget(self, before: Place, *, at_once: bool = False) -> None:
        """Delete what lies before a place, a segment at a time; `at_once` also one that is still new."""
        await asyncio.to_thread(self._segments.forget, before, at_once=at_once)

    async def backlog_bytes(self, after: Place) -> int:
        """How much is not taken in yet, a segment counted whole."""
        return await asyncio.to_thread(self._segments.backlog_bytes, after)

    async def finish(self) -> None:
        """Write what waits; nothing is appended afterwards, and all can still be read."""
        self._closing = True
        self._came.set()
        if self._task is not None:
            await asyncio.wait({self._task})

    async def close(self, *, remove: bool = False) -> None:
        """Finish and let go of the files; with `remove` they are deleted."""
        await self.finish()
        await asyncio.to_thread(self._segments.remove if remove else self._segments.close)

    async def _write_on(self) -> None:
        while not self._closing or self._waiting:
            await self._came.wait()
            self._came.clear()
            if not self._waiting:
                _confirm(self._confirming)
                continue
            if not self._confirming and not self._closing:
                await asyncio.sleep(GATHER_S)
            lines, confirming = list(self._waiting), self._confirming
            self._confirming = []
            try:
                await asyncio.to_thread(self._segments.append, lines)
            except OSError as error:
                self.failure = error
                _confirm(confirming, JournalFull(f"the journal cannot be written: {error.strerror}"))
                if self._closing:
                    break
                await asyncio.sleep(AGAIN_S)
                self._came.set()
                continue
            self.failure = None
            for _ in lines:
                self._waiting.popleft()
            _confirm(confirming)
            self._written.set()
            if self._waiting or self._confirming:
                self._came.set()
        _confirm(self._confirming, JournalFull("the journal is closed") if self._waiting else None)


def _encoded(line: Mapping[str, Any]) -> bytes:
    try:
        text = orjson.dumps(line, default=str)
    except TypeError:  # half a surrogate pair, a number beyond 64 bits
        text = json.dumps(line, default=str, ensure_ascii=False).encode("utf-8", "replace")
    return text + b"\n"


def _confirm(confirming: list[asyncio.Future[None]], error: JournalFull | None = None) -> None:
    """Tell everybody who waits, and forget them."""
    for confirmed in confirming:
        if not confirmed.done():
            confirmed.set_result(None) if error is None else confirmed.set_exception(error)
    confirming.clear()
