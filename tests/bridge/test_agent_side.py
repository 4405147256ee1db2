"""The agent's side of a stream: what an agent is told when it takes its seat, and who follows it."""

import asyncio

import pytest

from ivr_bridge.bridge.agent_side import GO_ON, HAND_OVER, AgentSide
from ivr_bridge.bridge.greeting_choice import Greeting
from ivr_bridge.bridge.termination import Termination
from ivr_bridge.elevenlabs.conversation.events import AgentResponded, ConversationClosed
from ivr_bridge.errors import AgentUnreachable
from tests.support.call_scene import Outside, Scene, hangs_up, prompt
from tests.support.menu_calls import (
    calls_tool,
    heard,
    menu_flow,
    play_menu,
    presses,
    says,
    services_answer,
    told,
    transcribes,
    voices,
)

CRASH = ConversationClosed(1011, "crash")
RETRY = [{"kind": "retry"}, {"kind": "apology"}]


def side(scene: Scene) -> AgentSide:
    return scene.parts.agent_side


def test_messages_wait_for_the_agent_and_facts_are_for_one_that_is_there() -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(0.5)
        assert side(scene).there
        assert not side(scene).seated_now
        side(scene).tell("The sun shines.", "weather")
        side(scene).say_for_caller("I am hungry.")
        await asyncio.sleep(1)
        assert side(scene).seated_now
        assert told(scene.agent, "contextual_update") == []
        assert told(scene.agent) == ["I am hungry."]
        side(scene).tell("Now at once.", "weather")
        side(scene).say_for_caller("And thirsty.")
        assert told(scene.agent, "contextual_update") == ["Now at once."]
        assert told(scene.agent)[-1] == "And thirsty."
        await hangs_up(scene)

    play_menu(story, start="chat", outside=Outside(dial_s=1.0))


def test_a_greeting_that_could_not_be_overridden_is_told_once() -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(0.2)
        assert told(scene.agent, "contextual_update") == ["The caller was greeted."]
        scene.agent.says(CRASH)
        await asyncio.sleep(0.2)
        assert "The caller was greeted." not in told(scene.agents[1], "contextual_update")
        await hangs_up(scene)

    greeting = Greeting("welcome", prompt("welcome"), told="The caller was greeted.")
    play_menu(story, flow=menu_flow("chat", ladder=RETRY), greeting=greeting)


def test_an_agent_that_begins_the_call_is_asked_nothing() -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(0.2)
        assert scene.agent.sent == []
        await hangs_up(scene)

    play_menu(story, start="chat", outside=Outside(greets=True))


def test_the_next_one_is_asked_what_is_open_and_its_own_greeting_is_dropped() -> None:
    async def story(scene: Scene) -> None:
        says(scene.agent, "Welcome.", 500, 1)
        await asyncio.sleep(1)
        transcribes(scene.agent, "When are you open?")
        transcribes(scene.agent, "On Sundays?", 2)
        scene.agent.says(CRASH)
        await asyncio.sleep(0.2)
        second = scene.agents[1]
        assert told(second) == ["When are you open? On Sundays?"]
        says(second, "Welcome!", 1000, 1)
        says(second, "From nine.", 500, 2, byte=0x21)
        await asyncio.sleep(2)
        await hangs_up(scene)

    flow = menu_flow("chat", ladder=RETRY)
    _, scene = play_menu(story, flow=flow, outside=Outside(greets=True))
    assert voices(scene) == ["agent", "second agent"]


def test_a_conversation_that_failed_before_a_word_begins_anew() -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(0.2)
        scene.agent.says(CRASH)
        await asyncio.sleep(0.2)
        assert told(scene.agents[1]) == []
        says(scene.agents[1], "Welcome.", 500, 1)
        await asyncio.sleep(1)
        await hangs_up(scene)

    flow = menu_flow("chat", ladder=RETRY)
    _, scene = play_menu(story, flow=flow, outside=Outside(greets=True))
    assert voices(scene) == ["agent"]


def test_each_one_is_dismissed_and_says_who_closed() -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(0.2)
        transcribes(scene.agent, "Billing, please")
        await presses(scene, "6", after_s=0.2)
        await asyncio.sleep(0.2)
        assert scene.agents[0].closed
        scene.agents[1].says(CRASH)
        await asyncio.sleep(0.2)
        assert scene.agents[1].closed
        assert not scene.agents[2].closed
        await hangs_up(scene)

    _, scene = play_menu(story, flow=menu_flow(ladder=RETRY), outside=Outside())
    assert scene.call.agent is scene.agents[2], "the desk closes the last one"
    assert not scene.call.agent_closed
    assert [line["close_code"] for line in scene.events("agent.closed")] == [1011]


def test_a_retry_is_of_the_agent_that_failed() -> None:
    async def story(scene: Scene) -> None:
        await presses(scene, "6", after_s=0.2)
        await asyncio.sleep(0.2)
        scene.agents[1].says(AgentResponded("Billing.", 1), CRASH)
        await asyncio.sleep(0.2)
        assert told(scene.agents[2])[-1] == GO_ON["en"]
        await hangs_up(scene)

    _, scene = play_menu(story, flow=menu_flow(ladder=RETRY), outside=Outside())
    assert [order.agent_id for order in scene.orders] == [None, "agent_2", "agent_2"]


def test_back_at_the_first_agent_is_a_conversation_again() -> None:
    nodes = {"desk": {"kind": "transfer", "number": "${NOBODY}", "failed": "menu"}}

    async def story(scene: Scene) -> None:
        await presses(scene, "6", "0", "2", after_s=0.3)
        await asyncio.sleep(0.3)
        assert told(scene.agents[2])[-1] == "I chose to book a table."
        assert [agent.closed for agent in scene.agents] == [True, True, False]
        await hangs_up(scene)

    _, scene = play_menu(story, flow=menu_flow(nodes=nodes), outside=Outside())
    assert [order.agent_id for order in scene.orders] == [None, "agent_2", None]


def test_the_same_agent_again_is_the_same_conversation() -> None:
    nodes = {"desk": {"kind": "transfer", "number": "${NOBODY}", "failed": "menu"}}

    async def story(scene: Scene) -> None:
        await presses(scene, "2", "0", "2", after_s=0.3)
        await asyncio.sleep(0.3)
        assert told(scene.agent) == ["I chose to book a table."] * 2
        await hangs_up(scene)

    _, scene = play_menu(story, flow=menu_flow(nodes=nodes), outside=Outside())
    assert len(scene.orders) == 1


def test_an_agent_on_its_way_when_the_stream_ends_is_the_desks() -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(0.5)
        await hangs_up(scene)

    termination, scene = play_menu(story, start="chat", outside=Outside(dial_s=5.0))
    assert termination is Termination.STREAM_ENDED
    assert scene.call.agent is None
    assert scene.call.unclaimed is not None


def test_an_agent_that_was_to_replace_another_is_let_go_when_the_stream_ends() -> None:
    world = Outside()

    async def story(scene: Scene) -> None:
        world.dial_s = 5.0
        await presses(scene, "6", after_s=0.5)
        await hangs_up(scene)

    termination, _ = play_menu(story, outside=world)  # a task that stays behind fails it
    assert termination is Termination.STREAM_ENDED


def test_a_flow_without_an_agent_dials_none() -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(1)
        await presses(scene, "1", after_s=1)

    termination, scene = play_menu(story, start="survey")
    assert termination is Termination.FLOW_ENDED
    assert scene.orders == []


@pytest.mark.parametrize("spoken", [False, True])
def test_the_agent_of_a_later_stream_knows_what_was_said_in_the_one_before(spoken: bool) -> None:
    async def story(scene: Scene) -> None:
        if spoken:
            scene.parts.transcript.heard("My name is Ada.")
        await presses(scene, "2", after_s=0.3)
        updates = told(scene.agent, "contextual_update")
        assert any("Ada" in text for text in updates) == spoken
        await hangs_up(scene)

    play_menu(story, outside=Outside())


def test_a_failure_in_a_menu_that_nobody_noticed_is_an_alert_all_the_same() -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(0.5)
        scene.agent.says(ConversationClosed(1008, "override not allowed"))
        await asyncio.sleep(0.2)
        await presses(scene, "7")
        await hangs_up(scene)

    _, scene = play_menu(story, flow=menu_flow(ladder=RETRY), outside=Outside())
    assert len(scene.events("agent.misconfigured")) == 1
    assert len(scene.orders) == 1


def test_every_dial_that_fails_is_one_rung() -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(3)

    ladder = [{"kind": "retry"}, {"kind": "agent", "agent_id": "agent_2"}, {"kind": "apology"}]
    errors: list[Exception | None] = [AgentUnreachable("down")] * 5
    termination, scene = play_menu(story, flow=menu_flow("chat", ladder=ladder), outside=Outside(dial_errors=errors))
    assert termination is Termination.AGENT_UNREACHABLE
    assert [line["rung"] for line in scene.events("rung.climbed")] == ["retry", "agent", "apology"]
    assert HAND_OVER["en"] not in scene.played
    assert len(scene.orders) == 3


def long_prompts(scene: Scene) -> None:
    """Longer than what is written ahead."""
    scene.desk.prompt = lambda name, language: prompt(name, 4000, language)


def test_a_goodbye_that_a_key_has_overtaken_ends_nothing_that_came_after_it() -> None:
    nodes = {"desk": {"kind": "transfer", "number": "${NOBODY}", "failed": "keys_only"}}

    async def story(scene: Scene) -> None:
        long_prompts(scene)
        await asyncio.sleep(0.2)
        says(scene.agent, "Goodbye, and here is a very long goodbye.", 4000, 1)
        scene.agent.says(ConversationClosed(1000, ""))
        await presses(scene, "0", "2", after_s=0.5)
        await asyncio.sleep(0.5)
        assert told(scene.agents[1])[-1] == "I chose to book a table."
        says(scene.agents[1], "Gladly.", 500, 1, byte=0x21)
        await asyncio.sleep(5)
        await hangs_up(scene)

    termination, scene = play_menu(story, flow=menu_flow("triage", nodes), outside=Outside())
    assert termination is Termination.STREAM_ENDED
    assert voices(scene) == ["agent", "prompt", "second agent"]
    assert scene.journey.state.node == "booking"


@pytest.mark.parametrize("tool", ["choose_option", "show_menu", "switch_language"])
def test_no_tool_cuts_off_the_calls_last_words(tool: str) -> None:
    arguments = {"choose_option": {"option": "hours"}, "switch_language": {"language": "es"}}

    async def story(scene: Scene) -> None:
        await asyncio.sleep(0.2)
        transcribes(scene.agent, "When are you open?")
        await asyncio.sleep(2.0)  # max_call_s has passed: `time_is_up` plays
        assert scene.call.prompt_played is False
        await calls_tool(scene.agent, tool, **arguments.get(tool, {}))

    termination, scene = play_menu(story, outside=Outside(), max_call_s=2, agent_silent_s=30)
    assert termination is Termination.CALL_TOO_LONG
    assert scene.played == ["main_menu", "time_is_up"]
    assert heard(scene)[-1][2] - heard(scene)[-1][1] == pytest.approx(1.0, abs=0.01)


def test_a_service_that_answers_in_the_calls_last_words_does_not_cut_them_off() -> None:
    async def story(scene: Scene) -> None:
        services_answer(scene, 2.0, {"state": "sent"})
        await presses(scene, "5", after_s=0.5)

    termination, scene = play_menu(story, max_call_s=2)
    assert termination is Termination.CALL_TOO_LONG
    assert scene.played == ["main_menu", "time_is_up"]
    assert heard(scene)[-1][2] - heard(scene)[-1][1] == pytest.approx(1.0, abs=0.01)
