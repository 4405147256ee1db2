"""What the webhooks ask of the desk, and how each call leaves its slot."""

import asyncio

import pytest

from ivr_bridge.bridge.greeting_choice import Greeting
from ivr_bridge.elevenlabs.conversation.events import ConversationClosed
from ivr_bridge.errors import AgentRefused
from ivr_bridge.twilio.call_desk import Answer, ConnectStream, DialNumber, HangUp, SayAndHangUp
from tests.support.front_desk import House, in_house, incoming, prompt, sid


def said(answer: Answer) -> str:
    assert isinstance(answer, SayAndHangUp)
    assert answer.spoken.language == "en"
    return answer.spoken.text.removeprefix("text of ")


# The voice webhook


def test_a_call_is_answered_with_a_stream_and_its_agent_is_dialled_meanwhile() -> None:
    async def story(house: House) -> None:
        before = house.now
        answer = await house.answers()
        assert house.now == before, "nothing remote is waited for"
        assert answer.apology.text == "text of not_available"
        await asyncio.sleep(0)
        assert house.dialled == [sid()]

    house = in_house(story)
    answered = house.events("call.answered")
    assert [line["pii.caller"] for line in answered] == ["+15550100001"]
    assert answered[0]["call_sid"] == sid()


def test_a_repeated_webhook_gets_the_same_answer() -> None:
    async def story(house: House) -> None:
        first = await house.answers()
        await asyncio.sleep(25)
        assert await house.answers() == first
        assert (len(house.desk.calls), len(house.store), len(house.dialled)) == (1, 1, 1)

    assert [line["same"] for line in in_house(story).events("call.repeated")] == [True]


def test_two_webhooks_of_one_call_at_once_get_one_token() -> None:
    async def story(house: House) -> None:
        first, second = await asyncio.gather(house.answers(), house.answers())
        assert first == second
        assert (len(house.store), len(house.dialled)) == (1, 1)

    assert len(in_house(story, slow_store=True).events("call.answered")) == 1


def test_a_repeated_webhook_while_the_stream_lives_is_an_apology() -> None:
    async def story(house: House) -> None:
        phone = await house.talks()
        assert said(await house.desk.answer_voice(incoming())) == "sorry"
        assert not phone.running.done()
        assert len(house.dialled) == 1

    assert [line["same"] for line in in_house(story).events("call.repeated")] == [False]


def test_a_repeated_webhook_while_the_stream_lives_is_put_through_where_there_is_a_person() -> None:
    async def story(house: House) -> None:
        await house.talks()
        answer = await house.desk.answer_voice(incoming())
        assert isinstance(answer, DialNumber)
        assert answer.number == "+15550109999"

    in_house(story, fallback_number="+15550109999")


def test_a_webhook_after_the_stream_admits_the_call_afresh() -> None:
    async def story(house: House) -> None:
        first = await house.answers()
        phone = house.connect(sid(), first.token)
        await asyncio.sleep(0.55)
        house.agents[0].speaks(400)
        await asyncio.sleep(1)
        await phone.stops()
        second, third = await asyncio.gather(house.answers(), house.answers())
        assert second == third
        assert second.token != first.token
        replayed = house.connect(sid(), first.token)
        await replayed.running
        assert replayed.refused
        again = house.connect(sid(), second.token)
        await asyncio.sleep(1)
        assert len(house.agents) == 1, "the conversation of before goes on"
        assert not house.agents[0].closed
        house.agents[0].says(ConversationClosed(1000, ""))
        await again.running
        assert await house.asks() == HangUp()

    house = in_house(story, slow_store=True)
    assert house.reasons == ["agent_hung_up"]
    ended = house.events("call.ended")[0]
    assert ended["streams"] == 2
    assert ended["first_word_ms"] == pytest.approx(500, abs=20), "of the first stream"
    assert [line["close_code"] for line in house.events("agent.closed")] == [1000]
    assert len(house.events("agent.returned")) == 1


def test_a_call_admitted_afresh_forgets_why_its_first_stream_ended() -> None:
    async def story(house: House) -> None:
        phone = await house.talks()
        house.agents[0].says(ConversationClosed(1011, ""))
        await phone.running
        await house.answers()
        house.desk.status_changed(sid(), "completed", 9)
        assert len(house.desk.calls) == 0

    assert in_house(story).reasons == ["caller_hung_up"]


def test_a_full_house_says_busy_and_dials_nobody() -> None:
    async def story(house: House) -> None:
        phone = await house.talks(sid(1))
        assert said(await house.desk.answer_voice(incoming(sid(2)))) == "busy"
        await asyncio.sleep(1)
        assert (len(house.desk.calls), house.dialled) == (1, [sid(1)])
        await phone.stops()
        house.desk.status_changed(sid(1), "completed", 3)
        await house.answers(sid(2))
        house.desk.status_changed(sid(2), "canceled", None)

    house = in_house(story, max_calls=1)
    assert [(line["reason"], line["live_calls"]) for line in house.events("call.refused")] == [("busy", 1)]
    assert house.reasons == ["busy", "caller_hung_up", "caller_hung_up"]


def test_at_most_max_calls_of_many_at_once_are_admitted() -> None:
    async def story(house: House) -> None:
        answers = await asyncio.gather(*(house.desk.answer_voice(incoming(sid(n))) for n in range(20)))
        assert sum(isinstance(answer, ConnectStream) for answer in answers) == 7 == len(house.desk.calls)

    assert in_house(story, max_calls=7, slow_store=True).reasons.count("busy") == 13


# Who is let in


@pytest.mark.parametrize(
    ("call_sid", "token", "account_sid"),
    [
        (sid(1), "", None),
        (sid(1), "wrong", None),
        (sid(1), "x" * 5000, None),
        (sid(2), "right", None),
        (sid(3), "right", None),
        (sid(1), "right", "AC" + "9" * 32),
    ],
    ids=["no token", "wrong token", "huge token", "another call's", "an unknown call's", "another account's"],
)
def test_a_stream_that_shows_the_wrong_thing_uses_nothing_up(
    call_sid: str, token: str, account_sid: str | None
) -> None:
    async def story(house: House) -> None:
        right = (await house.answers(sid(1))).token
        await house.answers(sid(2))
        await asyncio.sleep(1)
        thief = house.connect(
            call_sid, right if token == "right" else token, **({"account_sid": account_sid} if account_sid else {})
        )
        await thief.running
        assert thief.refused
        assert (len(house.store), len(house.desk.parked), len(house.desk.calls)) == (2, 2, 2)
        assert thief.caller.sent == []
        phone = house.connect(sid(1), right)
        await asyncio.sleep(1)
        assert not phone.running.done()
        assert house.dialled.count(sid(1)) == 1, "the parked agent was waiting for it"
        assert len(house.desk.parked) == 1
        await phone.stops()

    refused = in_house(story).events("stream.refused")
    assert [line["close_code"] for line in refused] == [1008]


def test_of_two_streams_at_once_one_wins() -> None:
    async def story(house: House) -> None:
        token = (await house.answers()).token
        phones = [house.connect(sid(), token) for _ in range(2)]
        await asyncio.sleep(1)
        assert sorted(phone.refused for phone in phones) == [False, True]
        assert sorted(phone.running.done() for phone in phones) == [False, True]
        assert len(house.agents) == 1

    in_house(story)


def test_a_stream_whose_call_ends_while_its_token_is_looked_up_is_not_let_in() -> None:
    async def story(house: House) -> None:
        phone = house.connect(sid(), (await house.answers()).token)
        await asyncio.sleep(0.01)
        house.desk.status_changed(sid(), "completed", 0)
        await phone.running
        assert phone.refused
        assert len(house.desk.calls) == 0

    assert in_house(story, slow_store=True).reasons == ["caller_hung_up"]


def test_a_parked_agent_that_nobody_claims_is_closed_and_the_slot_is_free_after_the_token() -> None:
    async def story(house: House) -> None:
        token = (await house.answers()).token
        await asyncio.sleep(19.9)
        assert not house.agents[0].closed
        await asyncio.sleep(0.2)
        assert house.agents[0].closed
        assert len(house.desk.parked) == 0
        assert house.desk.parked.unclaimed == 1
        await asyncio.sleep(39.8)
        assert len(house.desk.calls) == 1
        await asyncio.sleep(0.2)
        assert (len(house.desk.calls), len(house.store)) == (0, 0)
        late = house.connect(sid(), token)
        await late.running
        assert late.refused
        assert (await house.answers()).token != token

    house = in_house(story)
    unclaimed = house.events("agent.unclaimed")[0]
    assert (unclaimed["reason"], unclaimed["conversation_id"]) == ("expired", "conv_1")
    assert unclaimed["open_ms"] == pytest.approx(19_900, abs=1)
    assert house.reasons[0] == "stream_never_came"


def test_a_stream_that_comes_after_its_parked_agent_went_dials_for_itself() -> None:
    async def story(house: House) -> None:
        token = (await house.answers()).token
        await asyncio.sleep(30)
        house.connect(sid(), token)
        await asyncio.sleep(1)
        assert len(house.agents) == 2
        assert len(house.agents[1].audio) > 30

    in_house(story)


def test_a_full_car_park_refuses_nobody() -> None:
    async def story(house: House) -> None:
        tokens = [(await house.answers(sid(n))).token for n in range(3)]
        await asyncio.sleep(1)
        assert len(house.agents) == len(house.desk.parked) == 1
        for n, token in enumerate(tokens):
            house.connect(sid(n), token)
        await asyncio.sleep(1)
        assert [len(agent.audio) > 0 for agent in house.agents] == [True] * 3

    in_house(story, max_parked_agents=1)


def test_the_first_words_are_played_at_once_also_when_it_is_known_that_there_is_no_agent() -> None:
    async def story(house: House) -> None:
        house.dial_s = 3.0
        phone = house.connect(sid(1), (await house.answers(sid(1))).token)
        await asyncio.sleep(1.5)
        assert phone.caller.heard_ms() == pytest.approx(1000)
        await phone.stops()
        house.dial_s, house.dial_error = 0.1, AgentRefused("no such agent")
        token = (await house.answers(sid(2))).token
        await asyncio.sleep(1)
        failed = house.connect(sid(2), token)
        await failed.running
        assert [line["prompt"] for line in house.events("prompt.played")] == ["sorry"]
        assert failed.caller.heard_ms() == pytest.approx(1000 + 1000)

    in_house(story, greeting=Greeting("cached", prompt("hello")))


def test_the_sync_tools_of_all_calls_share_their_threads() -> None:
    async def story(house: House) -> None:
        await house.talks(sid(1))
        await house.talks(sid(2))
        calls = [live.call for live in house.desk.calls.all() if live.call is not None]
        assert len(calls) == 2
        assert {call._parts.tools._threads for call in calls} == {house.desk._streams._tool_threads}

    in_house(story)
