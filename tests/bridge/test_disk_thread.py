import asyncio
import threading

import pytest

from ivr_bridge.bridge.disk_thread import DiskThread


def test_work_is_done_in_order_in_one_thread_that_is_not_ours() -> None:
    async def story() -> list[tuple[int, str]]:
        disk = DiskThread()
        done = [disk.run(lambda i=i: (i, threading.current_thread().name)) for i in range(50)]  # type: ignore[misc]
        try:
            return [await each for each in done]
        finally:
            disk.close()

    done = asyncio.run(story())
    assert [i for i, _ in done] == list(range(50))
    assert {name for _, name in done} == {"sound to disk"}


def test_what_fails_is_raised_to_whoever_asked_and_the_next_goes_on() -> None:
    def fail() -> None:
        raise OSError(28, "full")

    async def story() -> None:
        disk = DiskThread()
        with pytest.raises(OSError, match="full"):
            await disk.run(fail)
        assert await disk.run(lambda: 7) == 7
        disk.close()

    asyncio.run(story())


def test_the_loop_goes_on_while_the_disk_hangs() -> None:
    free = threading.Event()

    async def story() -> None:
        disk = DiskThread()
        hanging = disk.run(free.wait)
        behind = disk.run(lambda: 1)
        await asyncio.sleep(0.02)
        assert not hanging.done()
        assert not behind.done()
        hanging.cancel()
        free.set()
        assert await behind == 1, "cancelling does not hold up the next"
        disk.close()

    asyncio.run(story())


def test_a_loop_that_is_closed_hears_nothing_and_the_thread_goes_on() -> None:
    free, disk = threading.Event(), DiskThread()

    async def leave() -> None:
        disk.run(free.wait)

    async def again() -> int:
        return await disk.run(lambda: 3)

    asyncio.run(leave())
    free.set()
    assert asyncio.run(again()) == 3
    disk.close()
    disk.close()
