"""The thread that writes sound to the disk: one that is slow, or hangs, holds up no call and no end of the process."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from typing import Any, Protocol, TypeVar

T = TypeVar("T")
Job = tuple[Callable[[], Any], "asyncio.Future[Any]", asyncio.AbstractEventLoop]


class Disk(Protocol):
    """Where work on files is done."""

    def run(self, work: Callable[[], T]) -> "asyncio.Future[T]":
        """Do it off the event loop; what it returns or raises."""
        ...


class DiskThread:
    """One thread, made for the first piece of work, which does one after the other. It is a daemon.

    How much may wait is for those to bound who hand work in; see `SoundFile`.
    """

    def __init__(self) -> None:
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def run(self, work: Callable[[], T]) -> "asyncio.Future[T]":
        """Do it after all that was handed in before. Cancelling the future does not stop the work.

        Returns:
            What it returns or raises, in the loop that runs now.
        """
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[T] = loop.create_future()
        if self._thread is None:
            self._thread = threading.Thread(target=self._work_on, name="sound to disk", daemon=True)
            self._thread.start()
        self._jobs.put((work, outcome, loop))
        return outcome

    def close(self) -> None:
        """The thread ends when all that was handed in is done; nobody waits for that here."""
        if self._thread is not None:
            self._jobs.put(None)
            self._thread = None

    def _work_on(self) -> None:
        while (job := self._jobs.get()) is not None:
            work, outcome, loop = job
            try:
                told = partial(_tell, outcome, work(), None)
            except Exception as error:  # noqa: BLE001 - carried over to the event loop and raised there
                told = partial(_tell, outcome, None, error)
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(told)


def _tell(outcome: "asyncio.Future[Any]", result: object, error: Exception | None) -> None:
    if outcome.done():
        return
    if error is None:
        outcome.set_result(result)
    else:
        outcome.set_exception(error)
