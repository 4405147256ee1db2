"""A conversation between two streams of its call: kept, given back, expired, lost meanwhile."""

import asyncio
from typing import Any

import pytest

from ivr_bridge.bridge.kept_agents import BACK, CALLER_AWAY, CUT_SHORT, SAID_TO_NOBODY, SIGN_OF_LIFE_S
from ivr_bridge.elevenlabs.conversation.events import (
    AgentAudio,
    AgentResponded,
    AgentResponseCorrected,
    CallerTranscribed,
    ConversationClosed,
    ToolRequested,
    VendorFaulted,
)
from ivr_bridge.twilio.call_desk import ConnectStream, HangUp, SayAndHangUp
from ivr_bridge.twilio.stream_events import DtmfPressed
from tests.support.call_scene import registry
from tests.support.front_desk import House, Phone, in_house, incoming, sid
from tests.support.legs import FakeAgent, silence_b64

RETRY: dict[str, Any] = {
    "disclosure": False,
    "ladder": [{"kind": "retry"}],
    "start": "agent",
    "nodes": {"agent": {"kind": "agent"}},
}


PERSON: dict[str, Any] = {
    "disclosure": False,
    "person": "desk",
    "start": "agent",
    "nodes": {
        "agent": {"kind": "agent"},
        "desk": {"kind": "transfer", "number": "+15550100", "failed": "other"},
        "other": {"kind": "agent", "agent_id": "agent_of_the_night"},
    },
}


async def talked(house: House) -> Phone:
    """A call in which both have said something, and been heard."""
    phone = await house.talks()
    [agent] = house.agents
    agent.says(CallerTranscribed("I would like a table for four.", 1), AgentResponded("For which day?", 2))
    agent.speaks(400, event_id=2)
    await asyncio.sleep(1)
    return phone


async def loses_its_stream(house: House, phone: Phone) -> ConnectStream:
    await phone.breaks()
    answer = await house.asks("in-progress")
    assert isinstance(answer, ConnectStream)
    return answer


async def comes_back(house: House, answer: ConnectStream) -> Phone:
    phone = house.connect(sid(), answer.token)
    await asyncio.sleep(0.5)
    assert not phone.running.done()
    return phone


def told(agent: FakeAgent, kind: str) -> list[Any]:
    return [what for sort, what in agent.sent if sort == kind]


def test_a_broken_socket_costs_no_conversation() -> None:
    async def story(house: House) -> None:
        answer = await loses_its_stream(house, await talked(house))
        phone = await comes_back(house, answer)
        [agent] = house.agents
        assert not agent.closed
        assert told(agent, "contextual_update") == [BACK]
        assert told(agent, "user_message") == ["We were cut off for a moment. Please go on."]
        before = len(agent.audio)
        await asyncio.sleep(0.2)
        assert len(agent.audio) - before == pytest.approx(10, abs=1), "it hears the caller again"
        agent.says(AgentResponded("As I said, for which day?", 3))
        agent.speaks(400, event_id=3)
        await asyncio.sleep(1)
        assert phone.caller.heard_ms() == pytest.approx(400), "and the caller hears it; nothing was said before it"
        await phone.stops()
        assert await house.asks("completed") == HangUp()

    house = in_house(story)
    [ended] = house.events("call.ended")
    assert (ended["reason"], ended["streams"], ended["conversation_id"]) == ("caller_hung_up", 2, "conv_1")
    assert [line["why"] for line in house.events("agent.kept")] == ["stream_lost", "stream_ended"]
    assert len(house.events("agent.returned")) == 1
    assert house.dialled == [sid()]


def test_words_that_the_lost_stream_cut_off_are_told_to_the_agent() -> None:
    async def story(house: House) -> None:
        phone = await house.talks()
        [agent] = house.agents
        agent.says(AgentResponded("We are open from nine to twelve.", 1))
        agent.speaks(4000)
        await asyncio.sleep(1)
        live = house.desk.calls.find(sid())
        assert live is not None
        await comes_back(house, await loses_its_stream(house, phone))
        [update] = told(agent, "contextual_update")
        assert update.startswith(f"{BACK} Of your last words the caller heard only: ")
        heard = update.partition('only: "')[2].rstrip('"')
        assert "We are open from nine to twelve.".startswith(heard)
        assert live.transcript.lines == [("You", heard)]

    in_house(story)


def test_it_is_kept_awake_and_closed_when_the_time_is_over() -> None:
    async def story(house: House) -> None:
        phone = await talked(house)
        phone.caller.says(DtmfPressed("0"))
        await phone.running
        await house.asks()  # the caller talks with a person, as long as they like
        [agent] = house.agents
        await asyncio.sleep(SIGN_OF_LIFE_S + 0.1)
        assert told(agent, "user_activity") == [None]
        await asyncio.sleep(2 * SIGN_OF_LIFE_S)
        assert len(told(agent, "user_activity")) == 3
        assert not agent.closed
        await asyncio.sleep(30)
        assert agent.closed
        assert len(house.desk.kept) == 0
        assert len(told(agent, "user_activity")) == 4, "and no more after that"

    house = in_house(story, flow=PERSON, keep_agent_s=90)
    assert [(line["by"], line["reason"]) for line in house.events("agent.closed")] == [
        ("bridge", "nobody came back within 90 s")
    ]


def test_after_that_another_conversation_is_told_what_was_said() -> None:
    async def story(house: House) -> None:
        phone = await talked(house)
        await phone.breaks()
        await asyncio.sleep(6)
        assert house.agents[0].closed, "kept for 5 s"
        answer = await house.asks("in-progress")
        assert isinstance(answer, ConnectStream)
        again = await comes_back(house, answer)
        assert "table for four" in told(house.agents[1], "contextual_update")[0]
        assert told(house.agents[1], "user_message") == ["We were cut off for a moment. Please go on."]
        assert again.caller.heard_ms() == pytest.approx(1000), "one moment, please"
        assert again.caller.heard[0][0] - house.now > -0.4, "at once"

    house = in_house(story, keep_agent_s=5)
    assert [line["agent"] for line in house.events("stream.retried")] == ["new"]
    assert house.events("filler.played")[0]["why"] == "connecting: words"
    assert house.events("rung.climbed") == [], "it was us who let go of it"


def test_none_is_kept_where_none_shall_be() -> None:
    async def story(house: House) -> None:
        await (await talked(house)).breaks()
        await asyncio.sleep(0)
        assert house.agents[0].closed

    assert in_house(story, keep_agent_s=0).events("agent.kept") == []


@pytest.mark.parametrize("before_asked", [True, False])
def test_one_that_broke_meanwhile_is_a_failure_and_the_ladder_follows(before_asked: bool) -> None:
    async def story(house: House) -> None:
        phone = await talked(house)
        await phone.breaks()
        if before_asked:
            house.agents[0].says(ConversationClosed(1011, "llm"))
            await asyncio.sleep(0.1)
        answer = await house.asks("in-progress")
        assert isinstance(answer, ConnectStream)
        if not before_asked:
            house.agents[0].says(ConversationClosed(1011, "llm"))
            await asyncio.sleep(0.1)
        await comes_back(house, answer)
        assert "table for four" in told(house.agents[1], "contextual_update")[0]

    house = in_house(story, flow=RETRY)
    assert [(line["rung"], line["cause"]) for line in house.events("rung.climbed")] == [("retry", "lost")]
    assert [(line["by"], line["close_code"]) for line in house.events("agent.closed")] == [
        ("agent", 1011),
        ("bridge", 1000),
    ]


def test_one_that_said_goodbye_meanwhile_is_not_waited_for() -> None:
    async def story(house: House) -> None:
        phone = await talked(house)
        await phone.breaks()
        house.agents[0].says(ConversationClosed(1000, ""))
        await asyncio.sleep(0.1)
        answer = await house.asks("in-progress")
        assert isinstance(answer, ConnectStream)
        await comes_back(house, answer)
        assert len(house.agents) == 2

    house = in_house(story)
    assert house.events("rung.climbed") == []
    assert [line["agent"] for line in house.events("stream.retried")] == ["new"]


def test_what_it_says_meanwhile_reaches_nobody_and_is_told_so() -> None:
    async def story(house: House) -> None:
        phone = await talked(house)
        await phone.breaks()
        [agent] = house.agents
        agent.says(
            AgentAudio(silence_b64(400, 0x20), 3, None),
            AgentResponded("Are you still there?", 3),
            AgentResponseCorrected("For which day?", "For which", 2),
            CallerTranscribed("On Friday.", 4),
            VendorFaulted(1, "oops", "a fault of theirs"),
        )
        await asyncio.sleep(0.1)
        live = house.desk.calls.find(sid())
        assert live is not None
        assert live.transcript.lines == [
            ("Caller", "I would like a table for four."),
            ("You", "For which"),
            ("You, heard by nobody", "Are you still there?"),
            ("Caller", "On Friday."),
        ]
        assert live.transcript.unanswered == "On Friday."
        answer = await house.asks("in-progress")
        assert isinstance(answer, ConnectStream)
        again = await comes_back(house, answer)
        assert again.caller.heard_ms() == 0
        assert told(agent, "contextual_update") == [BACK + SAID_TO_NOBODY]

    house = in_house(story)
    assert [line["pii.text"] for line in house.events("agent.said")][-1] == "Are you still there?"
    assert [line["error"] for line in house.events("agent.faulted")] == ["a fault of theirs"]


def test_a_tool_call_that_comes_meanwhile_has_a_clear_answer() -> None:
    async def story(house: House) -> None:
        phone = await talked(house)
        await phone.breaks()
        [agent] = house.agents
        agent.says(ToolRequested("hang_up", "t-1", {}, 3))
        await asyncio.sleep(0.1)
        assert told(agent, "tool_result") == [("t-1", CALLER_AWAY, True)]

    house = in_house(story)
    assert [line["code"] for line in house.events("tool.failed")] == ["caller_away"]
    assert (house.events("call.ended")[0]["tools"], house.events("call.ended")[0]["tools_failed"]) == (1, 1)


def test_a_tool_call_under_way_is_answered_when_the_stream_is_lost() -> None:
    async def story(house: House) -> None:
        phone = await talked(house)
        live = house.desk.calls.find(sid())
        assert live is not None
        assert live.call is not None
        live.call._parts.tools._registry = registry()
        [agent] = house.agents
        agent.says(ToolRequested("slow_lookup", "t-1", {"seconds": 4}, 3))
        await asyncio.sleep(0.1)
        await phone.breaks()
        assert told(agent, "tool_result")[-1] == ("t-1", CUT_SHORT, True)

    in_house(story)


def test_a_real_hang_up_closes_it_at_once() -> None:
    async def story(house: House) -> None:
        phone = await talked(house)
        await phone.stops()
        house.desk.status_changed(sid(), "completed", 5)
        await asyncio.sleep(0.01)
        assert house.agents[0].closed
        assert (len(house.desk.kept), len(house.desk.calls)) == (0, 0)

    house = in_house(story)
    assert house.events("call.ended")[0]["agent_close_code"] == 1000
    assert house.events("agent.closed")[0]["reason"] == "the call is over: caller_hung_up"


def test_a_lost_stream_is_retried_three_times_and_each_time_with_a_token_of_its_own() -> None:
    async def story(house: House) -> None:
        phone = await talked(house)
        tokens = []
        for _ in range(3):
            answer = await loses_its_stream(house, phone)
            tokens.append(answer.token)
            phone = await comes_back(house, answer)
            for old in tokens[:-1]:
                replayed = house.connect(sid(), old)
                await replayed.running
                assert replayed.refused
        assert len(set(tokens)) == 3
        await phone.breaks()
        assert not isinstance(await house.asks("in-progress"), ConnectStream)
        assert len(house.desk.calls) == 0

    house = in_house(story)
    assert house.reasons == ["stream_lost"]
    assert [line["attempt"] for line in house.events("stream.retried")] == [1, 2, 3]
    assert house.dialled == [sid()]


def test_a_stream_that_twilio_cannot_open_is_announced_again_with_another_token() -> None:
    async def story(house: House) -> None:
        answer = await loses_its_stream(house, await talked(house))
        second = await house.asks("in-progress")
        assert isinstance(second, ConnectStream)
        assert second.token != answer.token
        old = house.connect(sid(), answer.token)
        await old.running
        assert old.refused
        third = await house.asks("in-progress")
        assert isinstance(third, ConnectStream)
        assert isinstance(await house.asks("in-progress"), SayAndHangUp)

    assert in_house(story).reasons == ["stream_never_came"]


def test_another_agent_that_the_flow_wants_by_now_is_dialled() -> None:
    async def story(house: House) -> None:
        phone = await talked(house)
        phone.caller.says(DtmfPressed("0"))
        await phone.running
        await house.asks()
        assert len(house.desk.kept) == 1
        answer = await house.desk.stream_ended(incoming(dial_status="busy"))
        assert isinstance(answer, ConnectStream)
        await comes_back(house, answer)
        assert house.agents[0].closed
        assert not house.agents[1].closed

    house = in_house(story, flow=PERSON)
    assert house.events("agent.closed")[0]["reason"] == "another agent is wanted"


def test_a_menu_that_lost_its_stream_is_said_again() -> None:
    menu = {
        "disclosure": False,
        "start": "menu",
        "nodes": {
            "menu": {
                "kind": "menu",
                "prompt": "main_menu",
                "options": {"talk": {"key": 1, "says": "talk", "next": "agent"}},
                "otherwise": "bye",
            },
            "agent": {"kind": "agent"},
            "bye": {"kind": "hang_up", "prompt": "goodbye"},
        },
    }

    async def story(house: House) -> None:
        phone = await house.talks()
        again = await comes_back(house, await loses_its_stream(house, phone))
        await asyncio.sleep(1)
        assert again.caller.heard_ms() == pytest.approx(1000)
        [agent] = house.agents
        assert BACK in told(agent, "contextual_update")
        assert told(agent, "user_message") == []

    house = in_house(story, flow=menu)
    assert [line["prompt"] for line in house.events("prompt.played")] == ["main_menu", "main_menu"]


@pytest.mark.parametrize("document", ["gather", "queue"])
def test_a_document_of_somebody_else_costs_no_conversation(document: str) -> None:
    """The operator's own `<Gather>` or `<Enqueue>` takes the live call, and its action leads to one of our webhooks."""

    async def story(house: House) -> None:
        phone = await talked(house)
        await phone.stops()
        await asyncio.sleep(8)
        # A <Gather> may name the action of the stream, a queue is mostly left by <Redirect> to where calls begin.
        answer = await (
            house.asks("in-progress")
            if document == "gather"
            else house.desk.answer_voice(incoming(status="in-progress"))
        )
        assert isinstance(answer, ConnectStream)
        await comes_back(house, answer)
        [agent] = house.agents
        assert not agent.closed
        assert told(agent, "contextual_update") == [BACK]

    house = in_house(story)
    assert len(house.events("agent.returned")) == 1
    assert house.dialled == [sid()]
