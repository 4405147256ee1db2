"""What follows a stream, and how each call leaves its slot."""

import asyncio

import pytest

from ivr_bridge.bridge.call_state import CallState
from ivr_bridge.elevenlabs.conversation.events import ConversationClosed
from ivr_bridge.errors import RemoteProtocolError
from ivr_bridge.twilio.call_desk import ConnectStream, DialNumber, HangUp, SayAndHangUp
from ivr_bridge.twilio.stream_events import StreamClosed, StreamStopped
from tests.bridge.test_desk import said
from tests.support.front_desk import House, in_house, incoming, sid

# What follows a stream


def test_stop_then_status_completed_is_a_caller_who_hung_up() -> None:
    async def story(house: House) -> None:
        phone = await house.talks()
        await phone.stops()
        assert len(house.desk.calls) == 1, "`stop` is not a hang-up"
        await asyncio.sleep(2)
        house.desk.status_changed(sid(), "completed", 3)
        assert len(house.desk.calls) == 0
        house.desk.status_changed(sid(), "completed", 3)

    house = in_house(story)
    assert house.reasons == ["caller_hung_up"]
    assert [line["call_sid"] for line in house.events("call.status_changed")] == [sid(), sid()]


def test_stop_then_the_action_webhook_of_a_completed_call() -> None:
    async def story(house: House) -> None:
        await (await house.talks()).stops()
        assert await house.asks("completed") == HangUp()
        assert len(house.desk.calls) == 0

    assert in_house(story).reasons == ["caller_hung_up"]


def test_a_lost_socket_in_a_call_that_goes_on_is_answered_with_another_stream() -> None:
    async def story(house: House) -> None:
        await (await house.talks()).breaks()
        assert isinstance(await house.asks("in-progress"), ConnectStream)
        assert len(house.desk.calls) == 1
        house.desk.status_changed(sid(), "completed", 9)
        assert len(house.desk.calls) == 0

    house = in_house(story)
    assert house.reasons == ["caller_hung_up"]
    assert [(line["attempt"], line["of"], line["agent"]) for line in house.events("stream.retried")] == [(1, 3, "kept")]


def test_where_no_stream_is_retried_a_lost_socket_is_answered_with_an_apology() -> None:
    async def story(house: House) -> None:
        await (await house.talks()).breaks()
        assert said(await house.asks("in-progress")) == "sorry"
        assert len(house.desk.calls) == 0

    assert in_house(story, stream_retries=0).reasons == ["stream_lost"]


@pytest.mark.parametrize("ends", ["stops", "breaks"])
def test_a_stream_whose_end_nobody_explains_frees_its_slot_after_10_s(ends: str) -> None:
    async def story(house: House) -> None:
        phone = await house.talks()
        await getattr(phone, ends)()
        await asyncio.sleep(9.9)
        assert len(house.desk.calls) == 1
        await asyncio.sleep(0.2)
        assert len(house.desk.calls) == 0
        assert said(await house.asks()) == "sorry"

    assert in_house(story).reasons == ["stream_unexplained"]


def test_an_end_of_ours_that_twilio_never_asks_about_keeps_its_reason() -> None:
    async def story(house: House) -> None:
        phone = await house.talks()
        house.agents[0].says(ConversationClosed(1000, ""))
        await phone.running
        await asyncio.sleep(10.1)
        assert len(house.desk.calls) == 0

    assert in_house(story).reasons == ["agent_hung_up"]


def test_the_conversation_is_kept_until_twilio_says_that_the_call_is_over() -> None:
    async def story(house: House) -> None:
        await (await house.talks()).stops()
        await asyncio.sleep(5)
        assert not house.agents[0].closed
        await house.asks("completed")
        await asyncio.sleep(0.01)
        assert house.agents[0].closed

    house = in_house(story)
    assert [(line["by"], line["close_code"]) for line in house.events("agent.closed")] == [("bridge", 1000)]


def test_an_agent_that_is_dialled_still_when_the_stream_stops_is_let_go() -> None:
    async def story(house: House) -> None:
        house.dial_s = 5.0
        await (await house.talks()).stops()
        await asyncio.sleep(6)
        assert house.agents == []

    in_house(story)


@pytest.mark.parametrize(("rendered", "expected"), [(True, None), (False, "sorry")])
def test_an_apology_that_could_not_be_played_is_spoken_by_twilio(rendered: bool, expected: str | None) -> None:
    async def story(house: House) -> None:
        phone = await house.talks()
        house.agents[0].says(ConversationClosed(1011, "llm"))
        await phone.running
        assert phone.caller.closed == (1000, "")
        answer = await house.asks()
        assert (said(answer) if expected else answer) == (expected or HangUp())

    house = in_house(story, rendered=rendered)
    assert house.reasons == ["agent_lost"]
    assert [line["by"] for line in house.events("agent.closed")] == ["agent"]


def test_an_apology_that_was_cut_off_is_spoken_by_twilio() -> None:
    async def story(house: House) -> None:
        phone = await house.talks()
        house.agents[0].says(ConversationClosed(1011, "llm"))
        await asyncio.sleep(0.3)
        await phone.breaks()
        assert said(await house.asks()) == "sorry"

    assert in_house(story).reasons == ["agent_lost"]


def test_an_apology_into_a_dead_leg_is_spoken_by_twilio() -> None:
    async def story(house: House) -> None:
        phone = await house.talks()
        house.tasks[-1].cancel()  # no media any more
        await phone.running
        assert said(await house.asks()) == "sorry"

    house = in_house(story)
    assert house.reasons == ["stream_silent"]
    assert [line["prompt"] for line in house.events("prompt.played")] == ["sorry"]


def test_nobody_is_apologised_to_who_has_hung_up() -> None:
    async def story(house: House) -> None:
        phone = await house.talks()
        house.agents[0].says(ConversationClosed(1011, "llm"))
        await phone.running
        assert await house.asks("completed") == HangUp()

    assert in_house(story, rendered=False).reasons == ["agent_lost"]


def test_a_stream_that_breaks_the_protocol_is_closed_with_1008() -> None:
    async def story(house: House) -> None:
        phone = await house.talks()
        phone.caller.says(RemoteProtocolError("a binary message"))
        await phone.running
        assert phone.caller.closed == (1008, "")
        assert said(await house.asks()) == "sorry"

    assert in_house(story).reasons == ["stream_faulted"]


def test_a_bug_of_ours_closes_with_1011_and_spares_other_calls() -> None:
    async def story(house: House) -> None:
        phone, other = await house.talks(sid(1)), await house.talks(sid(2))
        phone.caller.says(ValueError("a bug"))
        await phone.running
        assert phone.caller.closed == (1011, "")
        assert said(await house.asks(call_sid=sid(1))) == "sorry"
        assert not other.running.done()

    house = in_house(story)
    assert house.reasons[0] == "bridge_faulted"
    assert [line["error"] for line in house.events("call.faulted")] == ["ValueError('a bug')"]
    assert "Traceback" in house.events("call.faulted")[0]["traceback"]


def test_status_completed_while_the_stream_still_lives() -> None:
    async def story(house: House) -> None:
        phone = await house.talks()
        for _ in range(3):
            house.desk.status_changed(sid(), "completed", 4)
        await phone.running
        await asyncio.sleep(0)
        assert len(house.desk.calls) == 0
        assert await house.asks("completed") == HangUp()
        await asyncio.sleep(1.1)
        assert house.agents[0].closed

    assert in_house(story).reasons == ["caller_hung_up"]


@pytest.mark.parametrize("status", ["queued", "initiated", "ringing", "in-progress", "", "nonsense"])
def test_a_status_that_is_no_end_changes_nothing(status: str) -> None:
    async def story(house: House) -> None:
        phone = await house.talks()
        house.desk.status_changed(sid(), status, None)
        await asyncio.sleep(1)
        assert not phone.running.done()
        assert house.desk.calls.find(sid()).state is CallState.STREAMING  # type: ignore[union-attr]

    in_house(story)


@pytest.mark.parametrize("status", ["completed", "busy", "failed", "no-answer", "canceled"])
def test_a_call_that_ends_before_its_stream_lets_its_agent_go(status: str) -> None:
    async def story(house: House) -> None:
        await house.answers()
        await asyncio.sleep(1)
        house.desk.status_changed(sid(), status, None)
        assert (len(house.desk.calls), len(house.desk.parked)) == (0, 0)
        await asyncio.sleep(0.1)
        assert house.agents[0].closed

    house = in_house(story)
    assert house.reasons == ["caller_hung_up"]
    assert [line["reason"] for line in house.events("agent.unclaimed")] == ["caller_hung_up"]


def test_the_action_webhook_may_overtake_the_sockets_end() -> None:
    async def story(house: House) -> None:
        phone = await house.talks()
        asked = asyncio.ensure_future(house.asks("in-progress"))
        await asyncio.sleep(0.5)
        assert not asked.done()
        phone.caller.says(StreamClosed(1006))
        assert isinstance(await asked, ConnectStream)
        await house.asks("completed")

    assert in_house(story).reasons == ["caller_hung_up"]


@pytest.mark.parametrize(("status", "reason"), [("completed", "caller_hung_up"), ("in-progress", "stream_ended")])
def test_the_action_webhook_ends_a_stream_whose_socket_says_nothing(status: str, reason: str) -> None:
    async def story(house: House) -> None:
        phone = await house.talks()
        before = house.now
        answers = await asyncio.gather(house.asks(status), house.asks(status))
        assert house.now - before == pytest.approx(2.0, abs=0.1)
        assert [type(answer) for answer in answers] == [HangUp if status == "completed" else SayAndHangUp] * 2
        await phone.running

    assert in_house(story, stream_retries=0).reasons == [reason]


def test_the_action_webhook_of_a_stream_that_never_came_about() -> None:
    async def story(house: House) -> None:
        await house.answers()
        await asyncio.sleep(1)
        assert said(await house.asks()) == "sorry"
        assert (len(house.desk.calls), len(house.desk.parked)) == (0, 0)

    assert in_house(story).reasons == ["stream_never_came"]


def test_a_call_that_nobody_here_knows() -> None:
    async def story(house: House) -> None:
        assert said(await house.asks("in-progress")) == "sorry"
        assert await house.asks("completed") == HangUp()
        for dial_status in ("completed", "answered"):
            assert await house.desk.stream_ended(incoming(dial_status=dial_status)) == HangUp()
        assert said(await house.desk.stream_ended(incoming(dial_status="busy"))) == "sorry"
        house.desk.status_changed(sid(), "completed", 1)
        house.desk.stream_status_changed(sid(), "MZ1", "stream-error", "31921")
        assert len(house.desk.calls) == 0

    house = in_house(story)
    assert house.reasons == []
    assert [(line["call_sid"], line["error"]) for line in house.events("stream.status_changed")] == [(sid(), "31921")]


def test_a_notice_about_a_stream_changes_nothing() -> None:
    async def story(house: House) -> None:
        phone = await house.talks()
        house.desk.stream_status_changed(sid(), "MZ1", "stream-stopped", "")
        await asyncio.sleep(1)
        assert not phone.running.done()

    assert len(in_house(story).events("stream.status_changed")) == 1


# The fallback


def test_the_fallback_apologises_or_puts_the_caller_through() -> None:
    async def apologises(house: House) -> None:
        assert (
            said(await house.desk.fallback(incoming(), "11200", "https://a.example/twilio/voice?secret=1")) == "sorry"
        )

    async def dials(house: House) -> None:
        answer = await house.desk.fallback(incoming(), "11205", "")
        assert isinstance(answer, DialNumber)
        assert (answer.number, answer.spoken and answer.spoken.text) == ("+15550109999", "text of connecting")

    assert in_house(apologises).events("fallback.answered")[0] == {
        "event": "fallback.answered",
        "log_level": "error",
        "call_sid": sid(),
        "error_code": "11200",
        "error_url": "https://a.example/twilio/voice",
        "answer": "say",
    }
    assert in_house(dials, fallback_number="+15550109999").events("fallback.answered")[0]["answer"] == "dial"


def test_the_fallback_frees_a_call_whose_stream_cannot_come_and_the_person_has_the_last_word() -> None:
    async def story(house: House) -> None:
        await house.answers()
        await asyncio.sleep(1)
        await house.desk.fallback(incoming(), "12100", "")
        assert (len(house.desk.calls), len(house.desk.parked)) == (0, 0)
        assert await house.desk.stream_ended(incoming(dial_status="completed")) == HangUp()

    assert in_house(story, fallback_number="+15550109999").reasons == ["stream_never_came"]


def test_the_fallback_leaves_a_living_stream_alone() -> None:
    async def story(house: House) -> None:
        phone = await house.talks()
        await house.desk.fallback(incoming(), "11200", "")
        await asyncio.sleep(1)
        assert not phone.running.done()
        phone.caller.says(StreamStopped())
        await phone.running

    in_house(story)


def test_a_repeated_question_after_the_end_gets_the_same_answer() -> None:
    async def story(house: House) -> None:
        phone = await house.talks()
        await phone.breaks()
        first = await house.asks()
        assert said(first) == "sorry"
        assert await house.asks() == first

    in_house(story, stream_retries=0)
