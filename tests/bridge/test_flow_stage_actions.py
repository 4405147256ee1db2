"""What a flow's stage does for a flow: secrets, services, people, recorders, promises, and the end of the call."""

import asyncio
from copy import deepcopy
from typing import Any

import pytest

from ivr_bridge.bridge.termination import Termination
from ivr_bridge.flows.moves import (
    HangUp,
    HttpAnswered,
    LetAgentAnswer,
    MachineAnswered,
    MuteCaller,
    SentTo,
    TakeVoicemail,
    TellAgent,
    Transfer,
)
from tests.support.call_scene import INFO
from tests.support.flow_stage_scene import AGENT_ONLY, FLOW, Stage, play


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
