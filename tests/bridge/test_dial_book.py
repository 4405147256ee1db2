import asyncio
from datetime import timedelta

from ivr_bridge.bridge.dial import Dial
from ivr_bridge.bridge.dial_book import DialBook
from tests.support.outbound_scene import MONDAY, PERSON, FakeRecords


def book() -> tuple[DialBook, FakeRecords]:
    records = FakeRecords()
    return DialBook(records, records), records


def dial(number: int, **more: object) -> Dial:
    return Dial(f"DL{number}", PERSON, "main", MONDAY + timedelta(seconds=number), **more)  # type: ignore[arg-type]


def test_of_two_who_claim_a_dial_one_gets_it() -> None:
    async def story() -> None:
        shelf, _ = book()
        await shelf.add(dial(1))
        first, second = dial(1), dial(1)
        assert await shelf.claim_dial(first, MONDAY)
        assert not await shelf.claim_dial(second, MONDAY)
        assert (first.state, second.state) == ("unknown", "waiting")
        assert await shelf.give_back(first)
        assert not await shelf.give_back(first)

    asyncio.run(story())


def test_the_oldest_waiting_dial_is_next() -> None:
    async def story() -> None:
        shelf, _ = book()
        for number in (3, 1, 2):
            await shelf.add(dial(number))
        await shelf.claim_dial(dial(1), MONDAY)
        assert [each.id for each in await shelf.next_waiting(5)] == ["DL2", "DL3"]
        assert [each.id for each in await shelf.open_dials(MONDAY)] == ["DL1"]
        assert await shelf.open_dials(MONDAY - timedelta(seconds=1)) == []

    asyncio.run(story())


def test_a_change_stands_in_the_dial_and_in_the_book() -> None:
    async def story() -> None:
        shelf, _ = book()
        one = dial(1)
        await shelf.add(one)
        shelf.change(one, state="created", call_sid="CA1")
        assert (one.state, one.call_sid) == ("created", "CA1")
        assert await shelf.find("DL1") == one
        assert await shelf.find("DL2") is None
        assert await shelf.known_calls(PERSON) == {"CA1"}
        assert await shelf.known_calls("+1555") == set()

    asyncio.run(story())


def test_a_callback_is_changed_only_as_it_was_read() -> None:
    async def story() -> None:
        shelf, _ = book()
        await shelf.promise_callback(id="CA1", number=PERSON, state="waiting", attempts=0, asked_at=MONDAY)
        await shelf.promise_callback(id="CA1", number="+1", state="waiting", attempts=5, asked_at=MONDAY)
        [row] = await shelf.due_callbacks(MONDAY)
        assert (row["number"], row["attempts"]) == (PERSON, 0), "the first one stays as it is"
        assert await shelf.claim_callback(row, state="dialling", attempts=1, last_at=MONDAY)
        assert not await shelf.claim_callback(row, state="dialling", attempts=1)
        assert await shelf.due_callbacks(MONDAY) == []
        assert [each["id"] for each in await shelf.lost_callbacks(MONDAY)] == ["CA1"]
        assert await shelf.callback("CA1") == (await shelf.all_callbacks(None, 5))[0]
        assert await shelf.all_callbacks("done", 5) == []

    asyncio.run(story())
