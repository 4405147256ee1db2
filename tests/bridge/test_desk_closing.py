"""The end of the process, and what bad calls leave behind."""

import asyncio

import pytest

from ivr_bridge.bridge.desk import LAST_STATUS_S
from ivr_bridge.elevenlabs.conversation.events import ConversationClosed
from ivr_bridge.errors import AgentRefused, AgentUnreachable, RemoteProtocolError
from ivr_bridge.twilio.call_desk import HangUp, SayAndHangUp
from tests.support.front_desk import House, in_house, incoming, sid


async def drains(house: House, drain_s: float = 30.0) -> "asyncio.Task[None]":
    draining = asyncio.ensure_future(house.desk.drain(drain_s))
    await asyncio.sleep(0)
    assert house.desk.draining
    return draining


def test_draining_takes_no_new_call_and_dials_nobody() -> None:
    async def story(house: House) -> None:
        await house.desk.drain(0)
        answer = await house.desk.answer_voice(incoming())
        assert isinstance(answer, SayAndHangUp)
        assert answer.spoken.text == "text of draining"
        assert house.dialled == []
        assert len(house.desk.calls) == 0

    house = in_house(story)
    assert house.reasons == ["draining"]
    assert [line["reason"] for line in house.events("call.refused")] == ["draining"]


def test_draining_admits_no_call_afresh_either() -> None:
    async def story(house: House) -> None:
        await (await house.talks()).stops()
        draining = await drains(house)
        answer = await house.desk.answer_voice(incoming())
        assert isinstance(answer, SayAndHangUp)
        assert answer.spoken.text == "text of restarting"
        await draining
        assert len(house.dialled) == 1

    assert in_house(story).reasons == ["drained"]


def test_with_no_calls_draining_is_done_at_once() -> None:
    async def story(house: House) -> None:
        before = house.now
        await house.desk.drain(30)
        assert house.now == before

    assert in_house(story).events("server.draining")[0]["live_calls"] == 0


def test_live_calls_go_on_and_may_end_by_themselves() -> None:
    async def story(house: House) -> None:
        phone = await house.talks()
        draining = await drains(house)
        await asyncio.sleep(20)
        assert not phone.running.done()
        await phone.stops()
        await house.asks("completed")
        before = house.now
        await draining
        assert house.now - before == pytest.approx(LAST_STATUS_S), "the last status callback finds somebody"

    assert in_house(story).reasons == ["caller_hung_up"]


def test_a_call_that_was_admitted_before_may_still_connect() -> None:
    async def story(house: House) -> None:
        token = (await house.answers()).token
        draining = await drains(house)
        await asyncio.sleep(0.5)
        phone = house.connect(sid(), token)
        await asyncio.sleep(1)
        assert len(house.agents[0].audio) > 30
        await phone.stops()
        await house.asks("completed")
        await draining

    assert in_house(story).reasons == ["caller_hung_up"]


def test_after_the_time_each_call_hears_a_prompt_and_is_ended() -> None:
    async def story(house: House) -> None:
        phones = [await house.talks(sid(n)) for n in range(3)]
        house.agents[0].speaks(60_000)
        await house.answers(sid(9))
        before = house.now
        draining = await drains(house, 5)
        for n, phone in enumerate(phones):
            await phone.running
            assert house.now - before == pytest.approx(6, abs=0.5)
            assert phone.caller.closed == (1000, "")
            assert phone.caller.heard[-1][1] - before == pytest.approx(6, abs=0.5)
            assert await house.asks(call_sid=sid(n)) == HangUp()
        await draining
        assert house.now - before < 7

    house = in_house(story)
    assert [line["prompt"] for line in house.events("prompt.played")] == ["restarting"] * 3
    assert house.reasons == ["drained"] * 4


def test_draining_does_not_wait_for_ever_for_twilio() -> None:
    async def story(house: House) -> None:
        await house.talks()
        before = house.now
        await house.desk.drain(5)
        assert house.now - before <= 5 + 15 + 0.1

    in_house(story)


def test_the_second_wish_to_stop_ends_at_once() -> None:
    async def story(house: House) -> None:
        phone = await house.talks()
        draining = await drains(house)
        await asyncio.sleep(2)
        draining.cancel()
        await asyncio.wait([draining])
        before = house.now
        await house.desk.close()
        await phone.running
        assert house.now == before
        assert len(house.desk.calls) == 0

    house = in_house(story)
    assert house.reasons == ["drained"]
    assert house.agents[0].closed


def test_closing_lets_go_of_calls_in_every_state() -> None:
    async def story(house: House) -> None:
        await house.talks(sid(1))
        stopped = await house.talks(sid(2))
        await stopped.stops()
        await house.answers(sid(3))
        await asyncio.sleep(0.5)
        house.dial_s = 60
        await house.answers(sid(4))
        house.connect(sid(5), (await house.answers(sid(5))).token)
        ending = await house.talks(sid(6))
        house.agents[0].says(ConversationClosed(1011, ""))
        await asyncio.sleep(0.3)
        assert not ending.running.done()
        await house.desk.close()
        assert (len(house.desk.calls), len(house.desk.parked), house.desk._background) == (0, 0, set())
        assert all(agent.closed for agent in house.agents[1:])

    house = in_house(story, closes=False)
    assert sorted(house.reasons) == ["agent_lost", "drained", "drained", "drained", "drained", "stream_ended"]


def test_closing_waits_for_all_tools_together_and_for_no_conversation_long() -> None:
    async def story(house: House) -> None:
        for n in range(5):
            await house.talks(sid(n))

        async def never(reason: str = "") -> None:
            await asyncio.sleep(3600)

        for agent in house.agents:
            agent.close = never  # type: ignore[method-assign]
        before = house.now
        await house.desk.close()
        assert house.now - before <= 3.1

    in_house(story, closes=False)


async def bad_call(house: House, n: int) -> None:
    """One of ten ways to be a bad call."""
    call_sid, kind = sid(n), n % 10
    house.dial_error = {6: AgentRefused("no"), 7: AgentUnreachable("no")}.get(kind)
    token = (await house.answers(call_sid)).token
    if kind == 0:
        return
    if kind in (1, 2):
        thief = house.connect(call_sid if kind == 1 else sid(10_000 + n), "wrong")
        await thief.running
        assert thief.refused
        return
    phone = house.connect(call_sid, token)
    await asyncio.sleep(0.2)
    if kind == 3:
        phone.caller.says(RemoteProtocolError("`start` while started"))
    elif kind == 4:
        replayed = house.connect(call_sid, token)
        await replayed.running
        assert replayed.refused
        await phone.breaks()
    elif kind == 5:
        house.agents[-1].says(ConversationClosed(1008, ""))
    elif kind == 8:
        await phone.stops()
    elif kind == 9:
        phone.caller.says(ValueError("what no leg raises"))
    await phone.running


def test_200_bad_calls_leave_nothing() -> None:
    async def story(house: House) -> None:
        mine = asyncio.all_tasks()
        for n in range(200):
            await bad_call(house, n)
        # What is still there has its time: calls whose stream may come, with their tokens, for 60 s, their agents for
        # 20 s, calls that Twilio may ask about for 10 s. After that there is nothing.
        await asyncio.sleep(61)
        assert (len(house.desk.calls), len(house.desk.parked), len(house.store)) == (0, 0, 0)
        assert house.desk._background == set()
        left = [task.get_name() for task in asyncio.all_tasks() - mine]
        assert left == ["whereabouts"], "one for the process, from the first call on"
        assert len(house.desk.kept) == 0
        assert [key.partition(":")[0] for key in house.shared.keys_now()] == ["worker"]
        await house.desk.close()
        assert (asyncio.all_tasks(), house.shared.keys_now()) == (mine, [])
        assert all(agent.closed for agent in house.agents)
        assert house.desk.calls.ended == 200

    house = in_house(story, closes=False, max_calls=250)
    assert len(house.reasons) == 200
    assert {reason: house.reasons.count(reason) for reason in set(house.reasons)} == {
        "stream_never_came": 60,
        "stream_faulted": 20,
        "stream_unexplained": 40,
        "agent_refused": 40,
        "agent_unreachable": 20,
        "bridge_faulted": 20,
    }
