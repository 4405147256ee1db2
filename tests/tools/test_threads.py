import asyncio
import contextvars
import subprocess
import sys
import threading

import pytest

from ivr_bridge.tools.threads import ToolThreads


async def test_a_function_runs_elsewhere_with_the_same_context() -> None:
    asked = contextvars.ContextVar("asked", default=0)
    asked.set(7)
    assert await ToolThreads(1).run(lambda: (asked.get(), threading.get_ident() == threading.main_thread().ident)) == (
        7,
        False,
    )


@pytest.mark.parametrize("error", [ValueError("x"), StopIteration(), SystemExit(3)])
async def test_what_it_raises_is_raised_here(error: BaseException) -> None:
    def fail() -> None:
        raise error

    # A coroutine may not raise StopIteration; Python makes a RuntimeError of it.
    with pytest.raises(RuntimeError if isinstance(error, StopIteration) else type(error)):
        await ToolThreads(1).run(fail)


async def test_no_more_threads_than_allowed() -> None:
    threads = ToolThreads(2)
    gate = threading.Event()
    lock = threading.Lock()
    at_once: list[int] = []
    now = 0

    def work() -> None:
        nonlocal now
        with lock:
            now += 1
            at_once.append(now)
        gate.wait(5)
        with lock:
            now -= 1

    tasks = [asyncio.create_task(threads.run(work)) for _ in range(6)]
    while len(at_once) < 2:
        await asyncio.sleep(0.001)
    await asyncio.sleep(0.02)
    assert len(at_once) == 2
    gate.set()
    await asyncio.gather(*tasks)
    assert len(at_once) == 6
    assert max(at_once) <= 2


async def test_a_cancelled_one_keeps_its_place_until_it_ends() -> None:
    threads = ToolThreads(1)
    gate = threading.Event()
    started = threading.Event()

    def stuck() -> None:
        started.set()
        gate.wait(5)

    first = asyncio.create_task(threads.run(stuck))
    await asyncio.to_thread(started.wait, 5)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    second = asyncio.create_task(threads.run(lambda: "free"))
    await asyncio.sleep(0.02)
    assert not second.done()
    gate.set()
    assert await second == "free"


def test_a_function_that_never_returns_does_not_keep_the_process() -> None:
    code = """
import asyncio, threading
from ivr_bridge.tools.threads import ToolThreads
async def main():
    task = asyncio.create_task(ToolThreads(1).run(threading.Event().wait))
    await asyncio.sleep(0.05)
    task.cancel()
asyncio.run(main())
print("over")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20, check=True)
    assert done.stdout == "over\n"
