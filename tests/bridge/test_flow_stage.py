"""Where a flow meets a stream: each action done, each event told, over fakes of the two sides."""

import asyncio

from ivr_bridge.bridge.flow_stage import MENU_CLOSED
from ivr_bridge.elevenlabs.conversation.events import AgentAudio
from ivr_bridge.flows.moves import OpenMenu, Play, SetLanguage, StopPlaying
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
