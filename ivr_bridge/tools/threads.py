"""Where sync tools run: threads that hold up neither the audio nor the end of the process."""

import asyncio
import contextvars
import threading
from collections.abc import Callable
from functools import partial

Outcome = tuple[object, BaseException | None]


class ToolThreads:
    """Runs functions in threads, at most so many at once; the next ones wait for their turn.

    The threads are daemons: a function that never returns keeps its place, not the process. (The standard library's
    executor waits for its threads when Python ends.)

    Args:
        max_threads: 1 or more.
    """

    def __init__(self, max_threads: int = 16) -> None:
        self._free = asyncio.Semaphore(max_threads)

    async def run(self, function: Callable[[], object]) -> object:
        """What `function` returns or raises.

        Cancelling is safe: the function goes on to its end unheard, and only then is its thread free for another.
        """
        await self._free.acquire()
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[Outcome] = loop.create_future()
        context = contextvars.copy_context()

        def done(result: Outcome) -> None:
            self._free.release()
            if not outcome.done():
                outcome.set_result(result)

        def work() -> None:
            result: Outcome
            try:
                result = context.run(function), None
            except BaseException as error:  # noqa: BLE001  # carried over to the event loop and raised there
                result = None, error
            try:
                loop.call_soon_threadsafe(partial(done, result))
            except RuntimeError:
                return  # the loop is closed: nobody waits any more

        try:
            threading.Thread(target=work, name="client-tool", daemon=True).start()
        except RuntimeError:
            self._free.release()
            raise
        value, error = await outcome
        if error is not None:
            raise error
        return value
