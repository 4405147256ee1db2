"""A call that another worker is asked about: as a guest while its holder lives, taken over when it is gone."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ivr_bridge.bridge.call_memory import ALIVE_S
from ivr_bridge.bridge.call_state import CallState
from ivr_bridge.elevenlabs.conversation.events import AgentResponded, CallerTranscribed
from ivr_bridge.store.memory_store import MemoryStore
from ivr_bridge.twilio.call_desk import ConnectStream, DialNumber, HangUp, SayAndHangUp
from ivr_bridge.twilio.stream_events import DtmfPressed
from tests.support.front_desk import House, Phone, in_house, incoming, sid

NODES: dict[str, Any] = {
    "agent": {"kind": "agent"},
    "desk": {"kind": "transfer", "number": "+15550100", "ring_s": 20, "failed": "menu"},
    "menu": {
        "kind": "menu",
        "prompt": "main_menu",
        "options": {"talk": {"key": 1, "says": "talk", "next": "agent"}},
        "otherwise": "bye",
    },
    "bye": {"kind": "hang_up", "prompt": "goodbye"},
}
FLOW = {"disclosure": False, "person": "desk", "start": "agent", "nodes": NODES}
FROM_MENU = {**FLOW, "start": "menu"}

Two = Callable[[House, House], Awaitable[None]]


def with_two(story: Two, **options: Any) -> tuple[House, House]:
    """Play a story between two workers that share their stores."""
    others: list[House] = []

    async def both(house: House) -> None:
        other = house.another(worker_id="two")
        others.append(other)
        try:
            await story(house, other)
        finally:
            await other.desk.close()
            await asyncio.wait_for(asyncio.gather(*other.tasks, return_exceptions=True), 30)

    return in_house(both, worker_id="one", **options), others[0]


async def talked(house: House) -> Phone:
    phone = await house.talks()
    house.agents[0].says(CallerTranscribed("I would like a table for four.", 1), AgentResponded("For which day?", 2))
    house.agents[0].speaks(400, event_id=2)
    await asyncio.sleep(1)
    return phone


async def dies(house: House) -> None:
    """As by `kill -9`: it writes nothing more, closes nothing, and says no goodbye."""
    house.desk._whereabouts._memory._store = MemoryStore()
    if house.desk._whereabouts._looking is not None:
        house.desk._whereabouts._looking.cancel()
    for call in house.desk.calls.all():
        if call.timer is not None:
            call.timer.cancel()
    await asyncio.sleep(ALIVE_S + 1)


def streams(answer: object) -> ConnectStream:
    assert isinstance(answer, ConnectStream)
    return answer


# A guest


def test_the_stream_of_a_guest_is_sent_to_its_holder() -> None:
    async def story(one: House, two: House) -> None:
        phone = await talked(one)
        await phone.breaks()
        await asyncio.sleep(0.01)
        answer = streams(await two.asks("in-progress"))
        assert answer.worker == "one"
        assert (len(two.desk.calls), two.dialled) == (0, [])
        again = one.connect(sid(), answer.token)
        await asyncio.sleep(0.5)
        assert not again.running.done()
        assert len(one.agents) == 1, "the same conversation"
        await again.stops()
        await one.asks("completed")

    one, _ = with_two(story)
    assert one.reasons == ["caller_hung_up"], "once, by its holder"
    assert one.events("call.taken_over") == []


def test_the_holder_may_be_asked_again_after_another_worker_was() -> None:
    async def story(one: House, two: House) -> None:
        await (await talked(one)).breaks()
        await asyncio.sleep(0.01)
        streams(await two.asks("in-progress"))
        await asyncio.sleep(2)
        live = one.desk.calls.find(sid())
        assert live is not None
        assert (live.state, live.reconnects) == (CallState.ADMITTED, 1), "it has seen that in the store"
        streams(await one.asks("in-progress"))
        assert live.reconnects == 2

    with_two(story)


def test_asked_before_the_holder_has_noticed_that_its_stream_is_over() -> None:
    async def story(one: House, two: House) -> None:
        phone = await talked(one)
        asked = asyncio.ensure_future(two.asks("in-progress"))
        await asyncio.sleep(0.3)
        assert not asked.done()
        await phone.breaks()
        assert streams(await asked).worker == "one"

    with_two(story)


def test_a_holder_that_never_notices_gets_the_new_stream_in_the_place_of_the_old_one() -> None:
    async def story(one: House, two: House) -> None:
        half_open = await talked(one)
        before = one.now
        answer = streams(await two.asks("in-progress"))
        assert one.now - before == pytest.approx(2, abs=0.2)
        again = one.connect(sid(), answer.token)
        await asyncio.sleep(0.5)
        assert half_open.running.done()
        assert not again.running.done()
        assert len(one.agents) == 1

    with_two(story)


def test_a_guest_that_leaves_its_stream_is_handed_over_by_whoever_is_asked() -> None:
    async def story(one: House, two: House) -> None:
        phone = await talked(one)
        phone.caller.says(DtmfPressed("0"))
        await phone.running
        assert await two.asks() == DialNumber("+15550100", None, 20)
        await asyncio.sleep(15)
        live = one.desk.calls.find(sid())
        assert live is not None
        assert live.state is CallState.AWAY, "its holder does not give it up"
        answer = streams(await two.desk.stream_ended(incoming(dial_status="busy")))
        assert answer.worker == "one"
        again = one.connect(sid(), answer.token)
        await asyncio.sleep(1)
        assert live.journey.state.node == "menu"
        assert again.caller.heard_ms() == pytest.approx(1000), "the menu, at once"
        assert len(one.agents) == 1

    with_two(story, flow=FLOW)


@pytest.mark.parametrize("how", ["action", "status"])
def test_a_guest_whose_caller_has_hung_up_is_over_for_its_holder_in_a_moment(how: str) -> None:
    async def story(one: House, two: House) -> None:
        await (await talked(one)).stops()
        await asyncio.sleep(0.01)
        if how == "action":
            assert await two.asks("completed") == HangUp()
        else:
            two.desk.status_changed(sid(), "completed", 5)
        await asyncio.sleep(1.2)
        assert len(one.desk.calls) == 0
        assert one.agents[0].closed
        await asyncio.sleep(1)
        assert [key for key in one.shared.keys_now() if key.startswith("call:")] == []

    one, _ = with_two(story)
    assert one.reasons == ["caller_hung_up"]


def test_the_voice_webhook_of_a_guest_gets_a_stream_to_its_holder() -> None:
    async def story(one: House, two: House) -> None:
        first = await one.answers()
        assert first.worker == "one"
        await asyncio.sleep(0.2)
        answer = await two.answers()
        assert answer.worker == "one"
        assert (len(two.desk.calls), two.dialled) == (0, [])
        phone = one.connect(sid(), answer.token)
        await asyncio.sleep(0.5)
        assert not phone.running.done()

    with_two(story)


def test_words_are_kept_from_nobody_while_two_workers_write() -> None:
    async def story(one: House, two: House) -> None:
        phone = await talked(one)
        await phone.breaks()
        await asyncio.sleep(0.01)
        streams(await two.asks("in-progress"))
        one.agents[0].says(AgentResponded("Hello?", 3))
        await asyncio.sleep(0.2)
        image = await two.desk._whereabouts._memory.read(sid())
        assert image is not None
        assert image.state is CallState.ADMITTED, "what the other worker decided is not overwritten"

    with_two(story)


# Taken over


@pytest.mark.parametrize("asked_by", ["action", "voice"])
def test_a_call_whose_worker_was_killed_goes_on_with_what_was_said(asked_by: str) -> None:
    async def story(one: House, two: House) -> None:
        await talked(one)
        live = one.desk.calls.find(sid())
        assert live is not None
        live.begun -= timedelta(seconds=100)
        await one.desk._whereabouts._memory.write(live)
        await dies(one)
        answer = streams(await two.asks("in-progress") if asked_by == "action" else await two.answers())
        assert answer.worker == "two"
        phone = two.connect(sid(), answer.token)
        await asyncio.sleep(0.5)
        assert not phone.running.done()
        assert len(two.desk.calls) == 1
        [agent] = two.agents
        assert "table for four" in str(agent.sent)
        await phone.stops()
        assert await two.asks("completed") == HangUp()
        assert len(two.desk.calls) == 0

    _, two = with_two(story)
    [taken] = two.events("call.taken_over")
    assert (taken["worker"], taken["streams"], taken["call_sid"]) == ("one", 1, sid())
    ended = two.events("call.ended")[0]
    assert (ended["reason"], ended["streams"]) == ("caller_hung_up", 2)
    assert ended["duration_s"] >= 100, "since its beginning"


def test_a_call_in_a_menu_is_taken_over_into_that_menu() -> None:
    async def story(one: House, two: House) -> None:
        await one.talks()
        await dies(one)
        phone = two.connect(sid(), streams(await two.asks("in-progress")).token)
        await asyncio.sleep(0.1)
        live = two.desk.calls.find(sid())
        assert live is not None
        assert live.journey.state.node == "menu"
        await asyncio.sleep(1)
        assert phone.caller.heard_ms() == pytest.approx(1000)
        phone.caller.says(DtmfPressed("1"))
        await asyncio.sleep(0.1)
        assert live.journey.state.node == "agent"

    with_two(story, flow=FROM_MENU)


def test_a_caller_who_hung_up_while_the_worker_was_killed_leaves_nothing() -> None:
    async def story(one: House, two: House) -> None:
        await talked(one)
        await dies(one)
        assert await two.asks("completed") == HangUp()
        await asyncio.sleep(0.5)
        assert len(two.desk.calls) == 0
        assert [key for key in two.shared.keys_now() if key.startswith("call:")] == []

    _, two = with_two(story)
    assert two.reasons[0] == "caller_hung_up"


def test_a_status_of_a_call_whose_worker_was_killed_forgets_it() -> None:
    async def story(one: House, two: House) -> None:
        await talked(one)
        await dies(one)
        two.desk.status_changed(sid(), "completed", 9)
        await asyncio.sleep(0.1)
        assert [key for key in two.shared.keys_now() if key.startswith("call:")] == []

    with_two(story)


def test_a_call_that_was_away_comes_back_to_another_worker() -> None:
    async def story(one: House, two: House) -> None:
        phone = await talked(one)
        phone.caller.says(DtmfPressed("0"))
        await phone.running
        assert isinstance(await one.asks(), DialNumber)
        await dies(one)
        answer = streams(await two.desk.stream_ended(incoming(dial_status="no-answer")))
        again = two.connect(sid(), answer.token)
        await asyncio.sleep(1)
        assert again.caller.heard_ms() == pytest.approx(1000), "the menu"
        assert "table for four" in str(two.agents[0].sent)

    with_two(story, flow=FLOW)


def test_a_call_that_was_about_to_be_put_through_is_put_through() -> None:
    async def story(one: House, two: House) -> None:
        phone = await talked(one)
        phone.caller.says(DtmfPressed("0"))
        await asyncio.sleep(0.3)  # its last words are being said
        await dies(one)
        assert isinstance(await two.asks(), DialNumber)

    with_two(story, flow=FLOW)


def test_a_stream_that_comes_to_another_worker_than_its_call_takes_it_there() -> None:
    async def story(one: House, two: House) -> None:
        answer = await one.answers()
        await asyncio.sleep(0.2)
        phone = two.connect(sid(), answer.token)
        await asyncio.sleep(2)
        assert not phone.running.done()
        assert (len(one.desk.calls), len(two.desk.calls)) == (0, 1)
        assert one.agents[0].closed, "the agent that was dialled for it"
        await phone.stops()
        await two.asks("completed")

    one, _ = with_two(story)
    assert one.reasons == ["taken_over", "caller_hung_up"]


def test_with_a_wrong_token_nothing_is_taken_anywhere() -> None:
    async def story(one: House, two: House) -> None:
        await one.answers()
        await asyncio.sleep(0.2)
        thief = two.connect(sid(), "wrong")
        await thief.running
        assert thief.refused
        assert (len(one.desk.calls), len(two.desk.calls)) == (1, 0)

    with_two(story)


def test_a_full_house_takes_nobody_over() -> None:
    async def story(one: House, two: House) -> None:
        await talked(one)
        await two.talks(sid(2))
        await dies(one)
        assert isinstance(await two.asks("in-progress"), SayAndHangUp)

    with_two(story, max_calls=1)


def test_a_worker_of_the_same_name_that_was_started_again_takes_over_too() -> None:
    async def story(one: House) -> None:
        await talked(one)
        await dies(one)
        again = one.another(worker_id="one")
        answer = streams(await again.asks("in-progress"))
        assert answer.worker == "one"
        assert len(again.desk.calls) == 1
        await again.desk.close()

    in_house(story, worker_id="one")


def test_a_node_that_the_other_configuration_does_not_know_is_begun_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(one: House, two: House) -> None:
        await one.talks()
        await dies(one)
        live = one.desk.calls.find(sid())
        assert live is not None
        memory = two.desk._whereabouts._memory
        image = await memory.read(sid())
        assert image is not None

        async def read(_: str) -> Any:
            return replace(image, flow=replace(image.flow, node="of another time"))

        memory.read = read  # type: ignore[method-assign]
        phone = two.connect(sid(), streams(await two.asks("in-progress")).token)
        await asyncio.sleep(0.2)
        assert not phone.running.done()
        found = two.desk.calls.find(sid())
        assert found is not None
        assert found.journey.state.node == "menu"

    with_two(story, flow=FROM_MENU)


def test_two_that_are_asked_at_once_do_not_both_take_it_over() -> None:
    async def story(one: House, two: House) -> None:
        await talked(one)
        await dies(one)
        first, second = await asyncio.gather(two.asks("in-progress"), two.asks("in-progress"))
        assert len(two.desk.calls) == 1
        assert isinstance(first, ConnectStream)
        assert isinstance(second, ConnectStream)

    _, two = with_two(story)
    assert len(two.events("call.taken_over")) == 1
