"""Calls in the store: written soon and seldom, never awaited by a call, masked, and gone with the call."""

import asyncio

import pytest

from ivr_bridge.bridge.call_memory import AFTER_CALL_S, ALIVE_S, GATHERED_S, CallMemory
from ivr_bridge.bridge.call_state import CallState
from ivr_bridge.elevenlabs.conversation.events import AgentResponded, CallerTranscribed
from ivr_bridge.store.memory_store import MemoryStore
from ivr_bridge.twilio.stream_events import DtmfPressed
from tests.support.front_desk import House, Phone, in_house, sid
from tests.support.virtual_time import run_virtual

KEY = f"call:{sid()}"
PIN = "73915846"
SECRET = {
    "disclosure": False,
    "start": "pin",
    "nodes": {
        "pin": {"kind": "digits", "prompt": "ask_account", "variable": "pin", "max_digits": 8, "sensitive": True,
                "next": "agent", "otherwise": "agent"},
        "agent": {"kind": "agent"},
    },
}  # fmt: skip


class CountingStore(MemoryStore):
    """Counts what is written under the keys of calls, and may take its time."""

    def __init__(self, slow_s: float = 0.0) -> None:
        super().__init__(clock=asyncio.get_running_loop().time)
        self.writes: list[tuple[float, str, float | None]] = []
        self.slow_s = slow_s

    async def set(self, key: str, value: bytes, *, ttl_s: float | None) -> None:
        self.writes.append((asyncio.get_running_loop().time(), key, ttl_s))
        await asyncio.sleep(self.slow_s)
        await super().set(key, value, ttl_s=ttl_s)

    @property
    def of_calls(self) -> list[float]:
        return [at for at, key, _ in self.writes if key.startswith("call:")]


def counting(house: House, slow_s: float = 0.0) -> CountingStore:
    store = CountingStore(slow_s)
    house.desk._whereabouts._memory._store = store
    return store


async def keyed(phone: Phone, digits: str) -> None:
    for digit in digits:
        phone.caller.says(DtmfPressed(digit))
        await asyncio.sleep(0.05)


def test_a_call_is_there_a_moment_after_each_change_and_gone_after_its_end() -> None:
    async def story(house: House) -> None:
        memory = house.desk._whereabouts._memory
        answer = await house.answers()
        assert house.shared.keys_now() == [], "nobody has waited for it"
        await asyncio.sleep(2 * GATHERED_S)
        image = await memory.read(sid())
        assert image is not None
        assert image.state is CallState.ADMITTED
        phone = house.connect(sid(), answer.token)
        await asyncio.sleep(0.01)
        image = await memory.read(sid())
        assert image is not None
        assert image.state is CallState.STREAMING
        await asyncio.sleep(0.5)
        house.agents[0].says(CallerTranscribed("Good morning.", 1))
        await asyncio.sleep(2 * GATHERED_S)
        image = await memory.read(sid())
        assert image is not None
        assert image.transcript == (("Caller", "Good morning."),)
        assert (image.flow.node, image.conversation_id, image.streams) == ("agent", "conv_1", 1)
        await phone.stops()
        await asyncio.sleep(0.01)
        image = await memory.read(sid())
        assert image is not None
        assert (image.state, image.ended_as) == (CallState.AWAITED, "stream_ended")
        house.desk.status_changed(sid(), "completed", 2)
        await asyncio.sleep(0.01)
        assert await memory.read(sid()) is None

    in_house(story)


def test_many_changes_make_few_writes_and_silence_makes_none() -> None:
    async def story(house: House) -> None:
        store = counting(house)
        await house.talks()
        before = len(store.of_calls)
        for n in range(200):
            house.agents[0].says(AgentResponded(f"Sentence {n}.", n))
            await asyncio.sleep(0.005)
        await asyncio.sleep(1)
        assert len(store.of_calls) - before <= 1.0 / GATHERED_S + 1
        before = len(store.of_calls)
        await asyncio.sleep(30)
        assert len(store.of_calls) == before, "50 frames a second have gone by"

    in_house(story)


def test_a_store_that_is_slow_makes_no_call_wait() -> None:
    async def story(house: House) -> None:
        store = counting(house, slow_s=5.0)
        before = house.now
        answer = await house.answers()
        assert house.now == before
        phone = house.connect(sid(), answer.token)
        await asyncio.sleep(0.5)
        house.agents[0].speaks(400)
        await asyncio.sleep(1)
        assert phone.caller.heard[0][0] - before < 0.6
        assert len(store.of_calls) == 1, "one at a time"
        store.slow_s = 0.0
        await phone.stops()

    in_house(story)


def test_sensitive_digits_never_get_there() -> None:
    async def story(house: House) -> None:
        phone = await house.talks()
        await keyed(phone, PIN[:5])
        await asyncio.sleep(2 * GATHERED_S)
        stored = house.shared.get_now(KEY)
        assert stored is not None
        assert PIN[:5] not in stored.decode()
        await keyed(phone, PIN[5:])
        await asyncio.sleep(0.5)
        live = house.desk.calls.find(sid())
        assert live is not None
        assert live.journey.values["pin"] == PIN
        house.agents[0].says(AgentResponded(f"I have heard {' '.join(PIN)}.", 1))
        await asyncio.sleep(2 * GATHERED_S)
        stored = house.shared.get_now(KEY)
        assert stored is not None
        assert "I have heard ********." in stored.decode()
        assert PIN not in stored.decode()
        assert '"digits":""' not in stored.decode()

    in_house(story, flow=SECRET)


def test_an_image_outlives_the_longest_call_and_no_longer() -> None:
    async def story(house: House) -> None:
        store = counting(house)
        await house.talks()
        assert {ttl_s for _, key, ttl_s in store.writes if key == KEY} == {600 + AFTER_CALL_S}

    in_house(story, max_call_s=600)


def test_a_worker_says_that_it_lives_while_it_does() -> None:
    async def story() -> None:
        store = MemoryStore(clock=asyncio.get_running_loop().time)
        memory, other = CallMemory(store, "one", 600), CallMemory(store, "two", 600)
        await memory.beat_if_due()
        await memory.beat_if_due()
        assert store.keys_now() == ["worker:one"]
        value = store.get_now("worker:one")
        assert value == memory.run.encode()
        assert memory.run != other.run
        await asyncio.sleep(ALIVE_S - 0.1)
        assert store.keys_now() == ["worker:one"]
        await asyncio.sleep(0.2)
        assert store.keys_now() == []
        await memory.beat_if_due()
        await memory.close()
        await other.close()
        assert store.keys_now() == []

    run_virtual(story())


@pytest.mark.parametrize("calls", [1, 5])
def test_what_is_left_is_written_at_the_end(calls: int) -> None:
    async def story(house: House) -> None:
        for n in range(calls):
            await house.answers(sid(n))
        await house.desk._whereabouts.close()
        assert len([key for key in house.shared.keys_now() if key.startswith("call:")]) == calls
        for live in house.desk.calls.all():
            live.journey.changed = live.transcript.changed = None
        house.desk._whereabouts._looking = None

    in_house(story)
