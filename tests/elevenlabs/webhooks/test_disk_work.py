import asyncio
import threading

import pytest

from ivr_bridge.elevenlabs.webhooks.disk_work import on_disk


async def test_it_gives_what_the_work_gives():
    assert await on_disk(int, "11", base=2) == 3
    with pytest.raises(OSError, match="full"):
        await on_disk(_fail)


def _fail() -> None:
    raise OSError("full")


@pytest.mark.parametrize("fails", [False, True])
async def test_whoever_is_cancelled_waits_for_the_end_of_the_work(fails: bool):
    begun, go_on, ended = threading.Event(), threading.Event(), []

    def work() -> None:
        begun.set()
        go_on.wait(10)
        ended.append(True)
        if fails:
            _fail()

    task = asyncio.create_task(on_disk(work))
    assert await asyncio.to_thread(begun.wait, 10)
    task.cancel()
    await asyncio.sleep(0.02)
    assert not task.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == [True]
