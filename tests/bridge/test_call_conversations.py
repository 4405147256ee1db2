"""One conversation after another in one call: other agents, ends with something behind them, other flows."""

import asyncio
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

import pytest

from ivr_bridge.bridge.agent_side import GO_ON, HAND_OVER
from ivr_bridge.bridge.greeting_choice import NOT_GREETED, Greeting
from ivr_bridge.bridge.journey import Journey
from ivr_bridge.bridge.termination import Termination
from ivr_bridge.elevenlabs.conversation.events import ConversationClosed, ToolReported
from ivr_bridge.errors import AgentUnreachable
from ivr_bridge.flows.engine import Engine
from ivr_bridge.flows.model import Flow
from ivr_bridge.telemetry.log import Log
from tests.support.call_scene import INFO, Outside, Scene, hangs_up, prompt
from tests.support.menu_calls import (
    calls_tool,
    heard,
    longest_silence_s,
    menu_flow,
    play_menu,
    presses,
    says,
    speech,
    told,
    transcribes,
    voices,
)

WELL = ConversationClosed(1000, "")
CRASH = ConversationClosed(1011, "crash")
RETRY = [{"kind": "retry"}, {"kind": "apology"}]
ENDS_CALL = ToolReported("end_call", "t", "system", False)


# Other agents


def test_another_agent_is_another_conversation_that_knows_what_was_said() -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(0.2)
        transcribes(scene.agent, "Do you have parking?")
        says(scene.agent, "Yes.", 500, 2)
        await presses(scene, "6", after_s=1)
        await asyncio.sleep(0.3)
        second = scene.agents[1]
        assert scene.agent.closed
        assert "Caller: Do you have parking?" in told(second, "contextual_update")[0]
        assert len(told(second)) == 1
        says(scene.agent, "I am still here", 1000, 5)
        says(second, "This is billing.", 1000, 1, byte=0x21)
        await asyncio.sleep(2)
        await hangs_up(scene)

    _, scene = play_menu(story, outside=Outside())
    assert [order.agent_id for order in scene.orders] == [None, "agent_2"]
    assert voices(scene) == ["prompt", "agent", "second agent"]
    assert scene.events("rung.climbed") == []


def test_another_agent_before_a_word_was_said_does_not_greet_and_answer_at_once() -> None:
    async def story(scene: Scene) -> None:
        await presses(scene, "6", after_s=0.5)
        await asyncio.sleep(0.2)
        second = scene.agents[1]
        assert told(second) == [HAND_OVER["en"]]
        says(second, "Welcome to billing.", 1000, 1)
        says(second, "What can I do for you?", 500, 2, byte=0x21)
        await asyncio.sleep(3)
        await hangs_up(scene)

    _, scene = play_menu(story, outside=Outside(greets=True))
    assert voices(scene) == ["prompt", "second agent"]


def test_a_new_conversation_gets_a_filler_while_it_is_opened() -> None:
    world = Outside()

    async def story(scene: Scene) -> None:
        world.dial_s = 5.0
        await presses(scene, "6", after_s=0.5)
        await asyncio.sleep(6)
        says(scene.agents[1], "Here I am.", 1000, 1)
        await asyncio.sleep(2)
        await hangs_up(scene)

    _, scene = play_menu(story, outside=world)
    assert longest_silence_s(scene, 0.5, 6.5) < 2.0
    assert voices(scene)[-1] == "agent"
    assert scene.events("filler.played")[0]["why"] == "connecting: words"


# The end of a conversation with something behind it


@pytest.mark.parametrize("how", ["closes", "end_call, then closes"])
def test_an_agent_that_ends_well_is_followed_by_the_next_node(how: str) -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(0.2)
        says(scene.agent, "All done, one question more.", 1000, 1)
        if how != "closes":
            scene.agent.says(ENDS_CALL)
        scene.agent.says(WELL)
        await asyncio.sleep(5)
        assert scene.journey.state.node == "survey"
        await presses(scene, "1")

    termination, scene = play_menu(story, start="triage", outside=Outside())
    assert termination is Termination.FLOW_ENDED
    assert scene.played == ["survey_prompt", "goodbye"]
    assert heard(scene)[0] == ("agent", 0.2, 1.2), "its last words are heard first"


def test_without_a_next_node_the_call_ends_with_the_agents_last_words() -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(0.2)
        says(scene.agent, "Goodbye.", 1000, 1)
        scene.agent.says(WELL)
        await asyncio.sleep(0.1)

    termination, scene = play_menu(story, start="chat", outside=Outside())
    assert termination is Termination.AGENT_HUNG_UP
    assert heard(scene) == [("agent", 0.2, 1.2)]


def test_an_agent_that_hangs_up_in_a_menu_leaves_the_caller_with_the_keys() -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(0.2)
        scene.agent.says(ENDS_CALL, WELL)
        await asyncio.sleep(6.5)
        await presses(scene, "7")
        await asyncio.sleep(0.5)
        await hangs_up(scene)

    termination, scene = play_menu(story)
    assert termination is Termination.STREAM_ENDED
    assert scene.played == ["main_menu", "no_input", "main_menu", "fallback_menu"]


@pytest.mark.parametrize("agent_id", [None, "agent_2"])
def test_one_conversation_may_follow_the_other(agent_id: str | None) -> None:
    nodes = {"triage": {"kind": "agent", "next": "mark"}, "mark": {"kind": "set", "variable": "a", "value": "b"}}
    nodes["mark"]["next"] = "expert"
    nodes["expert"] = {"kind": "agent", "told": "Triage is done."}
    if agent_id is not None:
        nodes["expert"]["agent_id"] = agent_id

    async def story(scene: Scene) -> None:
        await asyncio.sleep(0.2)
        says(scene.agent, "I am putting you through.", 1000, 1)
        scene.agent.says(WELL)
        await asyncio.sleep(2)
        assert len(scene.agents) == 2
        assert "Triage is done." in told(scene.agents[1])
        says(scene.agents[1], "Expert here.", 1000, 1, byte=0x21)
        await asyncio.sleep(2)
        await hangs_up(scene)

    _, scene = play_menu(story, flow=menu_flow("triage", nodes), outside=Outside())
    assert [order.agent_id for order in scene.orders] == [None, agent_id]
    assert voices(scene) == ["agent", "second agent"]


def test_a_rung_that_leads_to_a_menu_may_lead_back_to_the_agent() -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(0.5)
        assert scene.journey.state.node == "keys_only"
        await presses(scene, "2")
        await asyncio.sleep(0.3)
        says(scene.agents[-1], "Here again.", 1000, 1)
        await asyncio.sleep(2)
        await hangs_up(scene)

    ladder = [{"kind": "menu", "node": "keys_only"}, {"kind": "apology"}]
    world = Outside(dial_errors=[AgentUnreachable("down")])
    _, scene = play_menu(story, flow=menu_flow("chat", ladder=ladder), outside=world)
    assert voices(scene) == ["prompt", "agent"]


# First words


def test_a_call_that_comes_to_the_agent_without_a_word_is_greeted_all_the_same() -> None:
    nodes = {"choose": {"kind": "hours", "hours": "none", "open": "bye", "closed": "chat"}}

    async def story(scene: Scene) -> None:
        says(scene.agent, "Welcome!", 1000, 1)
        await asyncio.sleep(0.5)
        for message in told(scene.agent):
            says(scene.agent, f"You said {message}. Hello!", 1000, 2)
        await asyncio.sleep(4)
        await hangs_up(scene)

    flow = menu_flow("choose", nodes)
    _, scene = play_menu(story, flow=flow, greeting=NOT_GREETED, outside=Outside(greets=True))
    assert voices(scene) == ["agent"]
    assert heard(scene)[0][1] < 2.0
    assert heard(scene)[0][2] - heard(scene)[0][1] == pytest.approx(1.0, abs=0.01), "once"


@pytest.mark.parametrize("disclosure", ["disclosure", False])
def test_a_greeting_of_ours_is_said_once_and_the_agents_own_never(disclosure: str | bool) -> None:
    async def story(scene: Scene) -> None:
        says(scene.agent, "Welcome, this is the agent.", 2000, 1)
        await asyncio.sleep(3)
        transcribes(scene.agent, "Hello", 2)
        says(scene.agent, "What can I do?", 500, 3)
        await asyncio.sleep(1)
        await presses(scene, "0")

    greeting = Greeting("cached", prompt("welcome", 1500))
    flow = menu_flow("chat", disclosure=disclosure)
    _, scene = play_menu(story, flow=flow, greeting=greeting, outside=Outside(greets=True))
    begins = 2.5 if disclosure else 1.5
    assert heard(scene)[0] == ("prompt", 0.0, begins)
    assert heard(scene)[1] == ("agent", 3.0, 3.5)
    assert scene.played == (["disclosure"] if disclosure else []) + ["connecting_person"]
    assert scene.account.barge_ins == 0


def test_the_agent_greets_behind_the_disclosure() -> None:
    async def story(scene: Scene) -> None:
        says(scene.agent, "Welcome.", 800, 1)
        await asyncio.sleep(3)
        await hangs_up(scene)

    _, scene = play_menu(story, flow=menu_flow("chat", disclosure="disclosure"), outside=Outside(greets=True))
    assert heard(scene) == [("prompt", 0.0, 1.0), ("agent", 1.0, 1.8)]
    assert told(scene.agent) == []


def test_a_fact_for_the_agent_that_the_call_begins_with_is_told_and_starts_no_turn() -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(0.2)
        assert told(scene.agent, "contextual_update") == ["I chose to book a table."]
        assert told(scene.agent) == []
        await hangs_up(scene)

    play_menu(story, start="booking", outside=Outside(greets=True))


def test_a_second_visit_to_the_agent_greets_nobody_again() -> None:
    async def story(scene: Scene) -> None:
        says(scene.agent, "Welcome.", 800, 1)
        await asyncio.sleep(2)
        transcribes(scene.agent, "The menu, please", 2)
        await presses(scene, "0")

    nodes = {"desk": {"kind": "transfer", "number": "${NOBODY}", "failed": "keys_only"}}

    async def again(scene: Scene) -> None:
        await story(scene)
        await presses(scene, "1", after_s=0.3)
        await presses(scene, "2", after_s=0.3)
        await asyncio.sleep(1)
        assert told(scene.agent) == ["I chose to book a table."]
        await hangs_up(scene)

    greeting = Greeting("cached", prompt("welcome", 1500))
    _, scene = play_menu(again, flow=menu_flow("chat", nodes), greeting=greeting, outside=Outside(greets=True))
    assert scene.played == ["fallback_menu", "main_menu"]
    assert len(scene.orders) == 1


# What a new conversation knows


def test_a_menu_that_is_open_is_told_to_the_conversation_that_a_rung_brings() -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(0.2)
        transcribes(scene.agent, "Do you have parking?")
        await asyncio.sleep(0.2)
        scene.agent.says(CRASH)
        await asyncio.sleep(0.5)
        second = scene.agents[1]
        assert told(second) == ["Do you have parking?"]
        assert any("hours = hours" in text for text in told(second, "contextual_update"))
        _, is_error = await calls_tool(second, "choose_option", option="hours")
        assert not is_error
        await hangs_up(scene)

    _, scene = play_menu(story, flow=menu_flow(ladder=RETRY), outside=Outside())
    assert scene.played[-1] == "opening_hours_info"


def test_a_conversation_that_was_cut_off_in_the_agents_words_is_asked_to_go_on() -> None:
    async def story(scene: Scene) -> None:
        says(scene.agent, "Welcome.", 800, 1)
        await asyncio.sleep(2)
        scene.agent.says(CRASH)
        await asyncio.sleep(0.5)
        assert told(scene.agents[1]) == [GO_ON["en"]]
        await hangs_up(scene)

    play_menu(story, flow=menu_flow("chat", ladder=RETRY), outside=Outside())


# Flows that lead to flows


def two_flows(first: dict[str, Any], second: dict[str, Any]) -> Any:
    def journey(flow: dict[str, Any], log: Log) -> Journey:
        engine = Engine({"main": Flow.model_validate(flow), "second": Flow.model_validate(second)}, {}, {})
        variables = {"caller": INFO.caller, "called": INFO.called, "call_sid": INFO.call_sid}
        return Journey(engine, "main", "en", variables, log, wall=lambda: datetime(2026, 1, 5, 12, tzinfo=UTC))

    return patch("tests.support.call_scene.journey", journey), first


@pytest.mark.parametrize("rung", ["menu", "voicemail"])
def test_the_ladder_of_the_flow_where_the_call_stands_is_climbed(rung: str) -> None:
    node = {"menu": "fallback", "voicemail": "mailbox"}[rung]
    second = menu_flow(
        "talk",
        {
            "talk": {"kind": "agent"},
            "fallback": {"kind": "menu", "prompt": "fallback_menu", "agent": False, "otherwise": "bye",
                         "options": {"a": {"key": "1", "says": "a", "next": "bye"}}},
            "mailbox": {"kind": "voicemail"},
        },
        ladder=[{"kind": rung, "node": node}],
    )  # fmt: skip
    patched, first = two_flows(menu_flow("over", {"over": {"kind": "flow", "flow": "second"}}), second)

    async def story(scene: Scene) -> None:
        await asyncio.sleep(0.5)
        assert scene.journey.state.node == node
        await hangs_up(scene)

    with patched:
        play_menu(story, flow=first, outside=Outside(dial_errors=[AgentUnreachable("down")] * 3))


# While the last words are said


def test_an_agent_that_fails_while_the_call_ends_begins_nothing_new() -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(0.2)
        says(scene.agent, "Wait, I will put you through.", 500, 1)
        await presses(scene, "0", after_s=0.2)
        await asyncio.sleep(0.2)
        scene.agent.says(CRASH)

    termination, scene = play_menu(story, flow=menu_flow("chat", ladder=RETRY), outside=Outside())
    assert termination is Termination.TRANSFERRED
    assert len(scene.orders) == 1
    assert scene.events("rung.climbed") == []


def test_a_goodbye_is_not_cut_off_by_a_rung() -> None:
    async def story(scene: Scene) -> None:
        scene.agent.says(*speech(500, 1))
        await asyncio.sleep(2.2)  # max_call_s has passed: `time_is_up` plays
        scene.agent.says(CRASH)

    ladder = [{"kind": "menu", "node": "keys_only"}]
    termination, scene = play_menu(story, flow=menu_flow("chat", ladder=ladder), outside=Outside(), max_call_s=2)
    assert termination is Termination.CALL_TOO_LONG
    assert scene.played == ["time_is_up"]
    who, start, end = heard(scene)[-1]
    assert (who, round(end - start, 3)) == ("prompt", 1.0)
