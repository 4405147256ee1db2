import asyncio
import threading

from ivr_bridge.tools.context import ThreadedControl
from tests.tools.fakes import INFO, Control


async def test_a_thread_hangs_up_in_the_event_loop() -> None:
    control = Control()
    threaded = ThreadedControl(control, asyncio.get_running_loop())

    await asyncio.to_thread(threaded.hang_up_after_playout)
    await asyncio.sleep(0)

    assert control.threads == [threading.get_ident()]
    assert threaded.call_sid == "CA1"
    assert threaded.info() is INFO
