"""Any asynchronous object for people without an event loop: the one wrapper that makes all of them blocking.

No method is written a second time: `Blocking` makes the object in an event loop of its own (a `LoopThread`), runs its
methods there, and hands over what comes out. An error is the very object that the asynchronous method raised.
"""

import weakref
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from inspect import isasyncgenfunction, iscoroutinefunction
from types import TracebackType
from typing import Any, Concatenate, Generic, ParamSpec, Self, TypeVar

from ivr_bridge.agents.loop_thread import LoopThread

S = TypeVar("S")
R = TypeVar("R")
P = ParamSpec("P")


class BlockingView:
    """The attributes of an asynchronous object in blocking form, usable from every thread but the loop's own.

    A coroutine method returns its value; an asynchronous iterator comes as an iterator, an asynchronous context as a
    context. Other methods run in the loop's thread as well. A value that is asynchronous itself, such as
    `client.agents`, comes as a view; everything else as it is.
    """

    def __init__(self, thread: LoopThread, target: Callable[[], object], parent: "BlockingView | None" = None) -> None:
        self._thread = thread
        self._target = target
        self._parent = parent

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)

        async def read() -> object:
            return getattr(self._target(), name)

        value = self._thread.run(read)
        if not callable(value):
            return self._blocking(value)

        def method(*args: Any, **kwargs: Any) -> Any:
            async def call() -> object:
                result = value(*args, **kwargs)
                if isinstance(result, Awaitable) and not isinstance(result, AbstractAsyncContextManager):
                    return await result
                return result

            return self._blocking(self._thread.run(call))

        method.__name__, method.__doc__ = name, value.__doc__
        return method

    def __iter__(self) -> Iterator[Any]:
        async def begin() -> AsyncIterator[Any]:
            target: Any = self._target()
            return aiter(target)

        return self._items(self._thread.run(begin))

    # What comes out keeps the view, and through it the `Blocking`, for as long as it is in use itself.

    def _blocking(self, value: object) -> Any:
        if isinstance(value, AsyncIterator):
            return self._items(value)
        if isinstance(value, AbstractAsyncContextManager) and not _has_methods(type(value)):
            return self._context(value)
        return BlockingView(self._thread, lambda: value, self) if _has_methods(type(value)) else value

    def _items(self, iterator: AsyncIterator[R]) -> Iterator[R]:
        yield from self._thread.iterate(iterator)

    @contextmanager
    def _context(self, context: AbstractAsyncContextManager[Any, bool | None]) -> Iterator[Any]:
        with self._thread.enter(context) as inner:
            yield self._blocking(inner)


class Blocking(BlockingView, Generic[S]):
    """One asynchronous object in blocking form: `with Blocking(make_client) as client: client.agents.get("agent_1")`.

    Args:
        make: makes the object; called in the loop's thread with the first use. What it raises, that use raises, and
            the next one tries again.
        name: of the thread.

    With `close`, when it is forgotten, and at the end of the process the object's own `close` is awaited. `method` and
    `iterator` give functions with the types of the class's methods.
    """

    def __init__(self, make: Callable[[], S], *, name: str = "blocking") -> None:
        made = _Made(make)
        thread = LoopThread(name, made.close)
        super().__init__(thread, made.get)
        self._made = made
        self._finalizer = weakref.finalize(self, thread.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the object and its thread; safe to call twice. Whoever still waits gets a `RuntimeError`."""
        self._finalizer()

    def method(self, function: Callable[Concatenate[S, P], Coroutine[Any, Any, R]]) -> Callable[P, R]:
        """A coroutine method of the object's class as a function that blocks, with the same types."""

        def blocking(*args: P.args, **kwargs: P.kwargs) -> R:
            return self._thread.run(lambda: function(self._made.get(), *args, **kwargs))

        blocking.__name__, blocking.__doc__ = function.__name__, function.__doc__
        return blocking

    def iterator(self, function: Callable[Concatenate[S, P], AsyncIterator[R]]) -> Callable[P, Iterator[R]]:
        """A method of the object's class that gives an asynchronous iterator, as a function that gives an iterator."""

        def blocking(*args: P.args, **kwargs: P.kwargs) -> Iterator[R]:
            async def begin() -> AsyncIterator[R]:
                return function(self._made.get(), *args, **kwargs)

            return self._items(self._thread.run(begin))

        blocking.__name__, blocking.__doc__ = function.__name__, function.__doc__
        return blocking


class _Made(Generic[S]):
    """The object, once it is needed. Only the loop's thread asks for it."""

    def __init__(self, make: Callable[[], S]) -> None:
        self._make = make
        self._objects: list[S] = []

    def get(self) -> S:
        if not self._objects:
            self._objects.append(self._make())
        return self._objects[0]

    async def close(self) -> None:
        for made in self._objects:
            if iscoroutinefunction(close := getattr(made, "close", None)):
                await close()


def _has_methods(kind: type) -> bool:
    """Whether its objects have asynchronous methods of their own, or gives an iterator when it is iterated."""
    if issubclass(kind, AsyncIterable):
        return True
    names = (name for name in dir(kind) if not name.startswith("_"))
    return any(
        iscoroutinefunction(each) or isasyncgenfunction(each) for each in (getattr(kind, n, None) for n in names)
    )
