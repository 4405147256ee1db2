import asyncio
import threading

import pytest

from ivr_bridge.errors import ToolError
from ivr_bridge.tools import context
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


async def test_a_thread_waits_for_what_the_event_loop_answers() -> None:
    control = Control()
    threaded = ThreadedControl(control, asyncio.get_running_loop())

    assert await asyncio.to_thread(threaded.choose_option, "billing") == "The caller is taken to bills and payments."
    assert await asyncio.to_thread(threaded.show_menu) == "The menu is open again."
    assert await asyncio.to_thread(threaded.switch_language, "zh") == "The call goes on in zh."
    assert await asyncio.to_thread(threaded.send_digits, "1", "tones") == "Pressed by tones."
    assert await asyncio.to_thread(threaded.transfer_after_playout, "desk", "x") == "The caller is put through: x"
    with pytest.raises(ToolError, match="there are: billing"):
        await asyncio.to_thread(threaded.choose_option, "other")
    assert control.threads == [threading.get_ident()] * 6


async def test_in_the_event_loop_itself_nothing_is_waited_for() -> None:
    threaded = ThreadedControl(Control(), asyncio.get_running_loop())
    assert threaded.show_menu() == "The menu is open again."


async def test_what_came_too_late_does_not_happen_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(context, "THREAD_WAITS_S", 0.02)
    control = Control()
    threaded = ThreadedControl(control, asyncio.get_running_loop())
    faults: list[Exception] = []

    def ask() -> None:
        try:
            threaded.show_menu()
        except ToolError as error:
            faults.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()  # the loop stands still meanwhile
    await asyncio.sleep(0)

    assert str(faults[0]) == "Sorry, the call is not answering just now."
    assert control.threads == []
