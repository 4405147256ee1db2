import asyncio
import contextvars
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from ivr_bridge.agents.loop_thread import LoopThread

WHO = contextvars.ContextVar("WHO", default="nobody")


@pytest.fixture
def thread():
    thread = LoopThread("test-loop")
    yield thread
    thread.close()


async def add(first: int, second: int) -> int:
    await asyncio.sleep(0)
    return first + second


async def name_of_thread() -> str:
    return threading.current_thread().name


def test_every_coroutine_runs_in_the_one_thread(thread: LoopThread):
    assert thread.run(lambda: add(1, 2)) == 3
    names: list[str] = []
    callers = [threading.Thread(target=lambda: names.append(thread.run(name_of_thread))) for _ in range(20)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert names == ["test-loop"] * 20


def test_an_error_is_the_very_object_that_was_raised(thread: LoopThread):
    error = KeyError("x")

    async def fail() -> None:
        raise error

    with pytest.raises(KeyError) as raised:
        thread.run(fail)
    assert raised.value is error


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, StopAsyncIteration])
def test_an_error_that_would_end_the_loop_goes_to_the_caller_only(thread: LoopThread, kind: type[BaseException]):
    async def fail() -> None:
        raise kind

    with pytest.raises(kind):
        thread.run(fail)
    assert thread.run(lambda: add(1, 1)) == 2


def test_the_callers_context_goes_with_it(thread: LoopThread):
    async def who() -> str:
        return WHO.get()

    token = WHO.set("caller")
    try:
        assert thread.run(who) == "caller"
    finally:
        WHO.reset(token)


def test_its_own_loop_may_not_ask(thread: LoopThread):
    async def ask() -> None:
        thread.run(name_of_thread)

    with pytest.raises(RuntimeError, match="its own loop"):
        thread.run(ask)
    assert thread.run(lambda: add(1, 1)) == 2


def test_closing_ends_what_waits_and_then_does_what_is_to_be_done():
    ended: list[str] = []
    waits, told = threading.Event(), []

    async def at_end() -> None:
        ended.append("at end")

    thread = LoopThread(at_end=at_end)

    async def wait() -> None:
        waits.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("waiting")

    def ask() -> None:
        try:
            thread.run(wait)
        except RuntimeError as error:
            told.append(str(error))

    caller = threading.Thread(target=ask)
    caller.start()
    assert waits.wait(5)
    thread.close()
    thread.close()
    caller.join(5)
    assert (ended, told) == (["waiting", "at end"], ["it is closed"])
    with pytest.raises(RuntimeError, match="closed"):
        thread.run(lambda: add(1, 1))


def test_what_fails_at_the_end_is_told():
    async def at_end() -> None:
        raise KeyError("end")

    thread = LoopThread(at_end=at_end)
    thread.run(lambda: add(1, 1))
    with pytest.raises(KeyError):
        thread.close()


def test_closed_before_it_was_used():
    thread = LoopThread()
    thread.close()
    with pytest.raises(RuntimeError, match="closed"):
        thread.run(lambda: add(1, 1))


def test_an_interrupted_wait_cancels(thread: LoopThread, monkeypatch: pytest.MonkeyPatch):
    cancelled = threading.Event()

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    thread.run(lambda: add(1, 1))

    def interrupted(_: object, timeout: float | None = None) -> None:
        thread.start_wait.wait(5)  # type: ignore[attr-defined]
        raise KeyboardInterrupt

    started = threading.Event()
    thread.start_wait = started  # type: ignore[attr-defined]

    async def wait_and_say() -> None:
        started.set()
        await wait()

    with monkeypatch.context() as patch:
        patch.setattr("concurrent.futures.Future.result", interrupted)
        with pytest.raises(KeyboardInterrupt):
            thread.run(wait_and_say)
    assert cancelled.wait(5)


class Numbers:
    def __init__(self, last: int, error: Exception | None = None) -> None:
        self.given: list[int] = []
        self.closed = threading.Event()
        self.tasks: set[object] = set()
        self._last, self._error = last, error

    async def all(self) -> AsyncIterator[int]:
        try:
            async with asyncio.timeout(60):
                for number in range(self._last):
                    self.given.append(number)
                    self.tasks.add(asyncio.current_task())
                    yield number
            if self._error is not None:
                raise self._error
        finally:
            self.closed.set()


def test_items_come_one_by_one_and_from_one_task(thread: LoopThread):
    numbers = Numbers(3)
    items = thread.iterate(numbers.all())
    assert next(items) == 0
    assert numbers.given == [0]
    assert list(items) == [1, 2]
    assert numbers.closed.is_set()
    assert len(numbers.tasks) == 1
    assert list(items) == []


def test_an_iterators_error_is_raised(thread: LoopThread):
    error = ValueError("no more")
    items = thread.iterate(Numbers(1, error).all())
    assert next(items) == 0
    with pytest.raises(ValueError) as raised:
        next(items)
    assert raised.value is error


def test_an_iterator_that_is_left_is_closed(thread: LoopThread):
    numbers = Numbers(9)
    for number in thread.iterate(numbers.all()):
        if number == 1:
            break
    assert numbers.closed.wait(5)
    assert numbers.given == [0, 1]


def test_an_iterator_after_the_end_of_the_loop():
    thread = LoopThread()
    numbers = Numbers(9)
    items = thread.iterate(numbers.all())
    assert next(items) == 0
    thread.close()
    assert numbers.closed.is_set()
    with pytest.raises(RuntimeError, match="closed"):
        next(items)


class Door:
    def __init__(self, *, swallows: bool = False) -> None:
        self.seen: list[object] = []
        self._swallows = swallows

    @asynccontextmanager
    async def open(self) -> AsyncIterator[str]:
        task = asyncio.current_task()
        try:
            yield "inside"
        except ValueError as error:
            self.seen.append(error)
            if not self._swallows:
                raise
        finally:
            self.seen.append(asyncio.current_task() is task)


def test_a_context_is_entered_and_left_by_one_task(thread: LoopThread):
    door = Door()
    with thread.enter(door.open()) as value:
        assert value == "inside"
        assert door.seen == []
    assert door.seen == [True]


def test_an_error_in_the_block_goes_through_the_context(thread: LoopThread):
    error, door = ValueError("inside"), Door()
    with pytest.raises(ValueError) as raised, thread.enter(door.open()):
        raise error
    assert raised.value is error
    assert door.seen == [error, True]


def test_a_context_may_swallow(thread: LoopThread):
    with thread.enter(Door(swallows=True).open()):
        raise ValueError("inside")


def test_ctrl_c_in_the_block_does_not_end_the_loop(thread: LoopThread):
    with pytest.raises(KeyboardInterrupt), thread.enter(Door().open()):
        raise KeyboardInterrupt
    assert thread.run(lambda: add(1, 1)) == 2


def test_a_context_that_cannot_be_entered(thread: LoopThread):
    @asynccontextmanager
    async def shut() -> AsyncIterator[None]:
        raise KeyError("shut")
        yield

    with pytest.raises(KeyError), thread.enter(shut()):
        pytest.fail("inside")
