"""An event loop in a thread of its own: coroutines, asynchronous iterators and contexts for code that has no loop.

An iterator, and a context, lives in one task from its beginning to its end, as it would in asynchronous code: time
limits and task groups inside it hold.
"""

import asyncio
import concurrent.futures
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager, suppress
from typing import Any, TypeVar

R = TypeVar("R")
Outcome = tuple[R, None] | tuple[None, BaseException]
"""A value or an error: an error that would end the loop, such as `SystemExit`, goes to the caller instead."""

_CLOSED = "it is closed"
_END: Any = object()


class LoopThread:
    """One event loop in one daemon thread, started with the first use; usable from every thread but that one.

    Args:
        name: of the thread.
        at_end: awaited in the loop when it is closed, after everything else was cancelled.
    """

    def __init__(self, name: str = "blocking", at_end: Callable[[], Awaitable[None]] | None = None) -> None:
        self._name = name
        self._at_end = at_end
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._closed = False
        self._end_error: BaseException | None = None

    @property
    def is_own(self) -> bool:
        """Whether the asking thread is the loop's own, which could only wait for itself."""
        return threading.current_thread() is self._thread

    def run(self, make: Callable[[], Awaitable[R]]) -> R:
        """What the awaitable gives; it is made and awaited in the loop's thread, as one task.

        An interrupted wait (Ctrl-C) cancels the task. The caller's context variables go with it.

        Raises:
            RuntimeError: asked from the loop's own thread, or it is closed, before or meanwhile.
        """
        if self.is_own:
            raise RuntimeError("the blocking form was asked from its own loop: await the asynchronous form there")
        with self._lock:
            loop = self._running_loop()
            future = asyncio.run_coroutine_threadsafe(_outcome(make), loop)
        try:
            value, error = future.result()
        except concurrent.futures.CancelledError as cancelled:
            if not self._closed:
                raise
            raise RuntimeError(_CLOSED) from cancelled
        except BaseException:
            future.cancel()
            raise
        if error is not None:
            raise error
        return value  # type: ignore[return-value]  # there is no error, so it is the value

    def iterate(self, iterator: AsyncIterator[R]) -> Iterator[R]:
        """The items of an asynchronous iterator, each asked for when it is wanted. Closing one closes the other."""
        wishes: asyncio.Queue[asyncio.Future[Outcome[R]]] = asyncio.Queue()
        task = self.run(lambda: _task(_serve(iterator, wishes)))
        return self._items(wishes, task)

    @contextmanager
    def enter(self, context: AbstractAsyncContextManager[R, bool | None]) -> Iterator[R]:
        """An asynchronous context as a blocking one. An error in the block goes through it, as in `async with`."""
        hold = _Hold(context)
        value = self.run(hold.begin)
        error: BaseException | None = None
        try:
            yield value
        except BaseException as raised:  # noqa: BLE001  # raised again below, unless the context swallows it
            error = raised
        swallowed = self.run(lambda: hold.end(error))
        if error is not None and not swallowed:
            raise error

    def close(self) -> None:
        """Cancel what runs, await `at_end`, and wait for the thread; it cannot be used again. Safe to call twice.

        Whoever still waits gets a `RuntimeError`. What `at_end` raises is raised here.
        """
        with self._lock:
            self._closed = True
            loop, self._loop = self._loop, None
        if loop is None or self._thread is None or not self._thread.is_alive():
            return
        loop.call_soon_threadsafe(loop.stop)
        if self.is_own:
            return
        self._thread.join()
        if self._end_error is not None:
            raise self._end_error

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        """Under the lock: so nothing can come behind the stop of `close` and wait for ever."""
        if self._closed:
            raise RuntimeError(_CLOSED)
        if self._loop is None or self._thread is None or not self._thread.is_alive():
            # Not alive: this process was forked from the one with the thread.
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=self._turn, args=(self._loop,), name=self._name, daemon=True)
            self._thread.start()
        return self._loop

    def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        try:
            loop.run_forever()
            tasks = asyncio.all_tasks(loop)
            for task in tasks:
                task.cancel()
            loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
            if self._at_end is not None:
                _, self._end_error = loop.run_until_complete(_outcome(self._at_end))
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.run_until_complete(loop.shutdown_default_executor())
        finally:
            asyncio.set_event_loop(None)
            loop.close()

    def _items(
        self, wishes: "asyncio.Queue[asyncio.Future[Outcome[R]]]", task: "asyncio.Task[None]"
    ) -> Generator[R, None, None]:
        try:
            while True:
                item, error = self.run(lambda: _wish(wishes))
                if error is not None:
                    raise error
                if item is _END:
                    return
                yield item  # type: ignore[misc]  # there is no error, so it is an item
        finally:
            if self.is_own:  # collected as garbage there
                task.cancel()
            else:
                with suppress(RuntimeError):  # closed: so it was cancelled already
                    self.run(lambda: _cancelled(task))


class _Hold:
    """An asynchronous context, entered and left by one task."""

    def __init__(self, context: AbstractAsyncContextManager[Any, bool | None]) -> None:
        self._context = context

    async def begin(self) -> Any:
        self._entered: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._leave: asyncio.Future[BaseException | None] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(_outcome(self._whole))
        try:
            await asyncio.wait((self._entered, self._task), return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            self._task.cancel()
            raise
        return self._entered.result() if self._entered.done() else await self._result()

    async def end(self, error: BaseException | None) -> bool:
        """Whether the context swallowed the error."""
        if not self._leave.done():
            self._leave.set_result(error)
        return bool(await self._result())

    async def _whole(self) -> bool:
        error: BaseException | None = None
        async with self._context as value:
            self._entered.set_result(value)
            error = await self._leave
            if error is not None:
                raise error
        return error is not None

    async def _result(self) -> bool | None:
        value, error = await self._task
        if error is not None:
            raise error
        return value


async def _outcome(make: Callable[[], Awaitable[R]]) -> "Outcome[R]":
    try:
        return await make(), None
    except asyncio.CancelledError:
        raise
    except BaseException as error:  # noqa: BLE001  # raised again in the caller's thread
        return None, error


async def _task(coroutine: Any) -> "asyncio.Task[None]":
    return asyncio.create_task(coroutine)


async def _serve(iterator: AsyncIterator[R], wishes: "asyncio.Queue[asyncio.Future[Outcome[R]]]") -> None:
    """Give one item for each wish, then `_END` or the error; nobody asks again after that."""

    async def item() -> R:
        return await anext(iterator, _END)

    try:
        last = False
        while not last:
            wish = await wishes.get()
            outcome = await _outcome(item)
            last = outcome[1] is not None or outcome[0] is _END
            if not wish.done():
                wish.set_result(outcome)
    finally:
        if (close := getattr(iterator, "aclose", None)) is not None:
            await close()


async def _wish(wishes: "asyncio.Queue[asyncio.Future[Outcome[R]]]") -> "Outcome[R]":
    wish: asyncio.Future[Outcome[R]] = asyncio.get_running_loop().create_future()
    wishes.put_nowait(wish)
    return await wish


async def _cancelled(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
