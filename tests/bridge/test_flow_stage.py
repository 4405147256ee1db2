"""Where a flow meets a stream: each action done, each event told, over fakes of the two sides."""

import asyncio
from copy import deepcopy
from typing import Any

import pytest

from ivr_bridge.bridge.flow_stage import MENU_CLOSED
from ivr_bridge.bridge.termination import Termination
from ivr_bridge.elevenlabs.conversation.events import AgentAudio
from ivr_bridge.flows.moves import (
    HangUp,
    HttpAnswered,
    LetAgentAnswer,
    MachineAnswered,
    MuteCaller,
    OpenMenu,
    Play,
    SentTo,
    SetLanguage,
    StopPlaying,
    TakeVoicemail,
    TellAgent,
    Transfer,
)
from tests.support.call_scene import INFO
from tests.support.flow_stage_scene import AGENT_ONLY, FLOW, SPANISH, Stage, play


def told_menu(stage: Stage) -> str:
    [text] = [each[1] for each in stage.all() if each[0] == "tell"]
    return str(text)


# The beginning of a stream


def test_the_first_stream_begins_the_flow() -> None:
    async def story(stage: Stage) -> None:
        done = stage.all()
        assert [each[0] for each in done] == ["tell", "stop", "say"]
        assert done[-1] == ("say", "main_menu", "en")
        assert not stage.floor.agents

    play(story)


def test_a_later_stream_says_again_where_the_call_stands() -> None:
    async def story(stage: Stage) -> None:
        stage.all()
        stage.begin()
        assert ("say", "main_menu", "en") in stage.all()

    play(story)


def test_what_was_decided_between_two_streams_is_done_once() -> None:
    async def story(stage: Stage) -> None:
        stage.journey.pending = (Play((("no_input", "es"),), then_report=False),)
        stage.begin()
        assert stage.all() == [("stop",), ("say", "no_input", "es")]
        assert stage.journey.pending == ()

    play(story, begins=False)


# Prompts and time


def test_the_end_of_a_prompt_is_told_once_when_it_was_heard() -> None:
    async def story(stage: Stage) -> None:
        now = asyncio.get_running_loop().time()
        stage.tick(now, speaking=True)
        assert stage.journey.state.due_at is None
        stage.tick(now, speaking=False)
        due_at = stage.journey.state.due_at
        assert due_at == now + 5
        await asyncio.sleep(1)
        stage.tick(now + 1, speaking=False)
        assert stage.journey.state.due_at == due_at

    play(story)


def test_a_prompt_that_nobody_waits_for_is_not_told() -> None:
    async def story(stage: Stage) -> None:
        stage.perform((Play((("goodbye", "en"),), then_report=False),))
        stage.tick(asyncio.get_running_loop().time(), speaking=False)
        assert stage.journey.state.due_at is None

    play(story)


def test_a_prompt_without_audio_holds_nobody_up() -> None:
    async def story(stage: Stage) -> None:
        stage.sides.rendered = False
        stage.key_pressed("7")
        stage.tick(asyncio.get_running_loop().time(), speaking=False)
        assert stage.journey.state.due_at is not None

    play(story)


def test_time_that_has_passed_says_the_menu_again() -> None:
    async def story(stage: Stage) -> None:
        now = asyncio.get_running_loop().time()
        stage.tick(now, speaking=False)
        stage.all()
        await asyncio.sleep(4.9)
        stage.tick(now + 4.9, speaking=False)
        assert stage.all() == []
        await asyncio.sleep(0.1)
        stage.tick(now + 5, speaking=False)
        assert [each[1] for each in stage.all() if each[0] == "say"] == ["no_input", "main_menu"]

    play(story)


def test_a_new_prompt_takes_the_place_of_what_is_playing() -> None:
    async def story(stage: Stage) -> None:
        stage.all()
        stage.perform((Play((("a", "en"), ("b", "zh"))),))
        assert stage.all() == [("stop",), ("say", "a", "en"), ("say", "b", "zh")]
        stage.perform((StopPlaying(),))
        assert stage.all() == [("stop",)]
        before = stage.journey.state
        stage.tick(asyncio.get_running_loop().time(), speaking=False)
        assert stage.journey.state is before, "what was stopped was not heard"

    play(story)


# Menus


def test_a_menu_takes_the_floor_and_tells_the_agent_its_options() -> None:
    async def story(stage: Stage) -> None:
        told = told_menu(stage)
        assert "talk = talk to us; order = an order; pin = a PIN" in told
        assert "choose_option" in told
        stage.floor.agents = True
        stage.perform((OpenMenu({"talk": "talk to us", "order": "an order", "pin": "a PIN"}),))
        assert not stage.floor.agents
        assert stage.all() == [], "it knows them"
        stage.perform((OpenMenu({"other": "something else"}),))
        assert "other = something else" in told_menu(stage)

    play(story)


def test_a_key_closes_the_menu_for_the_agent() -> None:
    async def story(stage: Stage) -> None:
        stage.floor.hold(AgentAudio("AAAA", 1, None))
        stage.all()
        stage.key_pressed("1")
        done = stage.all()
        assert done.index(("tell", MENU_CLOSED, "menu")) < done.index(("converse", False))
        assert stage.floor.give() == [], "what it said to nobody is dropped"

    logs = play(story)
    assert [(line["option"], line["by"]) for line in logs if line["event"] == "option.chosen"] == [("talk", "key")]


def test_a_key_that_is_no_option_chooses_none() -> None:
    async def story(stage: Stage) -> None:
        stage.all()
        stage.key_pressed("8")
        said = [each[1] for each in stage.all() if each[0] == "say"]
        assert said == ["no_match", "main_menu"]

    assert [line for line in play(story) if line["event"] == "option.chosen"] == []


def test_words_give_the_agent_the_floor() -> None:
    async def story(stage: Stage) -> None:
        stage.all()
        stage.caller_said("Where is my order?")
        assert [each[0] for each in stage.all()] == ["stop", "answer"]

    play(story)


def test_the_agent_chooses_an_option_and_it_equals_the_key() -> None:
    async def story(stage: Stage) -> None:
        assert stage.choose_option("nothing like it") is None
        assert stage.choose_option("talk") == "talk to us"
        assert stage.journey.state.node == "agent"
        assert stage.choose_option("talk") is None, "the menu is closed"

    logs = play(story)
    assert [(line["option"], line["by"]) for line in logs if line["event"] == "option.chosen"] == [("talk", "agent")]


def test_the_agent_shows_the_menu_again_if_there_was_one() -> None:
    async def story(stage: Stage) -> None:
        stage.choose_option("talk")
        stage.all()
        assert stage.show_menu()
        assert stage.journey.state.node == "menu"
        assert ("say", "main_menu", "en") in stage.all()

    async def without(stage: Stage) -> None:
        assert not stage.show_menu()

    play(story)
    play(without, AGENT_ONLY)


# Languages


def test_the_agent_switches_the_language_and_is_then_asked_for_in_the_new_one() -> None:
    async def story(stage: Stage) -> None:
        stage.all()
        stage.change_language("es", by="agent")
        assert stage.journey.language == "es"
        done = stage.all()
        assert ("agent's language", "es", "es") in done, "whoever dials anew looks at the call's language"
        assert ("say", "main_menu", "es") in done
        stage.change_language("es", by="agent")
        assert stage.all() == []

    logs = play(story)
    changed = [line for line in logs if line["event"] == "language.changed"]
    assert [(line["before"], line["language"], line["by"]) for line in changed] == [("en", "es", "agent")]


def test_the_language_follows_what_the_caller_says() -> None:
    async def story(stage: Stage) -> None:
        stage.caller_said(SPANISH)
        assert stage.journey.language == "es"
        stage.caller_said("OK")
        assert stage.journey.language == "es"

    logs = play(story, AGENT_ONLY)
    assert [line["by"] for line in logs if line["event"] == "language.changed"] == ["speech"]


def test_the_language_follows_in_a_menu_too_and_the_agent_answers() -> None:
    async def story(stage: Stage) -> None:
        stage.caller_said(SPANISH)
        assert stage.journey.language == "es"
        assert stage.journey.state.conversing

    play(story)


def test_a_flow_may_follow_nobody() -> None:
    async def story(stage: Stage) -> None:
        stage.caller_said(SPANISH)
        stage.caller_said(SPANISH)
        assert stage.journey.language == "en"

    play(story, AGENT_ONLY | {"follow_language": False})


def test_words_that_choose_a_language_change_it_once() -> None:
    ask = {"kind": "language", "prompt": "choose_language", "options": {"1": "en", "2": "es"}, "next": "agent"}

    async def story(stage: Stage) -> None:
        stage.caller_said(SPANISH)
        assert stage.journey.state.node == "agent"
        assert stage.journey.language == "es"

    logs = play(story, {**AGENT_ONLY, "start": "ask", "nodes": {**FLOW["nodes"], "ask": ask}})
    assert [line["by"] for line in logs if line["event"] == "language.changed"] == ["flow"]


def test_a_flow_sets_the_language() -> None:
    async def story(stage: Stage) -> None:
        stage.all()
        stage.perform((SetLanguage("zh"),))
        assert [each[:2] for each in stage.all()] == [("agent's language", "zh")]

    play(story)


# The other actions


def test_the_caller_is_muted_for_as_long_as_a_secret_is_keyed_in() -> None:
    async def story(stage: Stage) -> None:
        stage.key_pressed("3")
        assert stage.to_agent.muted
        for key in "1234#":
            assert stage.to_agent.muted
            stage.key_pressed(key)
        assert not stage.to_agent.muted
        stage.perform((MuteCaller(True),))
        assert stage.to_agent.muted

    assert "1234" not in str(play(story))


def test_facts_and_messages_go_to_the_agents_side() -> None:
    async def story(stage: Stage) -> None:
        stage.all()
        stage.perform((TellAgent("My number is 12."), LetAgentAnswer()))
        assert stage.all() == [("for caller", "My number is 12."), ("answer",)]

    play(story)


@pytest.mark.parametrize(("answered", "node"), [(HttpAnswered({"state": "sent"}), "told"), (HttpAnswered(None), "bye")])
def test_a_service_is_asked_while_the_caller_waits(answered: HttpAnswered, node: str) -> None:
    async def story(stage: Stage) -> None:
        stage.key_pressed("2")
        await asyncio.sleep(0)
        done = stage.all()
        assert done[-2:] == [("waits", "http"), ("ask", "https://h.example/o", "told")]
        stage.sides.answers.put_nowait(answered)
        await asyncio.sleep(0)
        assert stage.journey.state.node == node

    play(story)


def test_a_service_is_asked_as_its_own_node_wants_it_also_when_the_call_is_at_another_by_then() -> None:
    flow = deepcopy(FLOW)
    flow["nodes"]["again"] = flow["nodes"]["look_up"] | {"url": "https://h.example/again", "next": "menu"}

    async def story(stage: Stage) -> None:
        stage.key_pressed("2")
        stage.step(SentTo("again"))
        await asyncio.sleep(0)
        asked = [each for each in stage.all() if each[0] == "ask"]
        assert asked == [("ask", "https://h.example/o", "told"), ("ask", "https://h.example/again", "menu")]

    play(story, flow)


def test_a_late_answer_of_a_service_is_for_nobody() -> None:
    async def story(stage: Stage) -> None:
        stage.key_pressed("2")
        await asyncio.sleep(0)
        stage.step(SentTo("menu"))
        stage.all()
        stage.sides.answers.put_nowait(HttpAnswered({"state": "sent"}))
        await asyncio.sleep(0)
        assert stage.journey.state.node == "menu"
        assert stage.all() == []

    play(story)


def test_a_person_is_left_for_when_the_words_before_were_heard() -> None:
    async def story(stage: Stage) -> None:
        stage.all()
        stage.key_pressed("0")
        done = stage.all()
        assert done[-2:] == [("say", "connecting_person", "en"), ("end", Termination.TRANSFERRED)]
        assert stage.journey.leaving == Transfer("+15550100", 25, node="desk")

    play(story)


@pytest.mark.parametrize("rendered", [True, False])
def test_the_recorders_prompt_is_heard_in_the_stream_if_it_can_be(rendered: bool) -> None:
    async def story(stage: Stage) -> None:
        stage.sides.rendered = rendered
        stage.step(SentTo("message"))
        done = stage.all()
        assert done[-2:] == [("say", "leave_message", "en"), ("end", Termination.VOICEMAIL_LEFT)]
        assert stage.journey.leaving == TakeVoicemail("leave_message", 120)
        assert stage.journey.said_on_leaving is rendered

    play(story)


@pytest.mark.parametrize(
    ("action", "ending"),
    [(HangUp(), Termination.FLOW_ENDED), (HangUp("no_way_out"), Termination.NO_WAY_OUT)],
)
def test_the_flow_hangs_up(action: HangUp, ending: Termination) -> None:
    async def story(stage: Stage) -> None:
        stage.all()
        stage.perform((action,))
        assert stage.all() == [("end", ending)]

    play(story)


# To be called back, and machines

CALLBACK: dict[str, Any] = {
    "disclosure": False,
    "start": "back",
    "nodes": {"back": {"kind": "callback", "next": "bye", "otherwise": "desk"}, **FLOW["nodes"]},
}


def test_a_promise_is_kept_before_it_is_confirmed() -> None:
    async def story(stage: Stage) -> None:
        stage.all()
        stage.key_pressed("1")
        assert stage.all() == [("stop",)]
        await asyncio.sleep(0)
        assert stage.all() == [
            ("promise", INFO.caller, "main"), ("stop",), ("say", "callback_confirmed", "en"),
        ]  # fmt: skip

    play(story, CALLBACK)


def test_what_cannot_be_kept_is_not_confirmed() -> None:
    async def story(stage: Stage) -> None:
        stage.sides.keeps_callbacks = False
        stage.key_pressed("1")
        await asyncio.sleep(0)
        assert stage.journey.state.node == "desk"
        assert ("say", "callback_confirmed", "en") not in stage.all()

    play(story, CALLBACK)


def test_a_machine_gets_its_message_and_the_call_ends() -> None:
    async def story(stage: Stage) -> None:
        stage.all()
        stage.step(MachineAnswered("message"))
        assert stage.all() == [("stop",), ("say", "message", "en"), ("end", Termination.MACHINE_ANSWERED)]

    play(story, AGENT_ONLY)
