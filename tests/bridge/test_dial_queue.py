"""What is left of the queue beside the calls themselves (test_outbound.py) and callbacks (test_callbacks.py)."""

import asyncio

from ivr_bridge.errors import VendorBusy
from tests.support.outbound_scene import Office, in_office


def test_dials_go_before_callbacks() -> None:
    async def story(office: Office) -> None:
        office.desk.draining = True
        await office.promises()
        await office.asks()
        office.desk.draining = False
        await asyncio.sleep(10)
        assert [office.dial_id(number)[:2] for number in (0, 1)] == ["DL", "CB"]

    in_office(story)


def test_a_wake_up_does_not_hurry_what_twilio_wants_slow() -> None:
    async def story(office: Office) -> None:
        office.rest.instead = [VendorBusy("429", status=429)]
        await office.asks()
        await asyncio.sleep(1)
        for _ in range(20):
            office.queue.wake()
            await asyncio.sleep(0.1)
        assert len(office.rest.forms) == 1
        await asyncio.sleep(4)
        assert len(office.rest.forms) == 2

    in_office(story)


def test_a_faster_account_is_called_faster() -> None:
    async def story(office: Office) -> None:
        for _ in range(20):
            await office.asks()
        await asyncio.sleep(2.5)
        assert len(office.rest.forms) == 20

    in_office(story, outbound_cps=10)


def test_nothing_is_asked_of_twilio_while_nobody_is_to_be_called() -> None:
    async def story(office: Office) -> None:
        await asyncio.sleep(900)
        assert office.rest.asked == []

    in_office(story)
