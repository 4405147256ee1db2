import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from ivr_bridge.bridge.call_controls import LAST_WORDS_WITHIN_S, QUIET_BEFORE_HANG_UP_S, CallControls
from ivr_bridge.bridge.termination import Termination
from ivr_bridge.elevenlabs.conversation.events import ConversationClosed, Interrupted
from ivr_bridge.flows.moves import Transfer
from ivr_bridge.tools.context import CallControl
from tests.support.call_scene import Scene, hangs_up, play
from tests.support.menu_calls import calls_tool
from tests.tools.fakes import INFO


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def made(clock: Clock) -> CallControls:
    leg, desk = SimpleNamespace(started=SimpleNamespace(call_sid="CA1")), SimpleNamespace(info=lambda: INFO)
    parts: Any = SimpleNamespace(leg=leg, desk=desk, clock=clock)
    return CallControls(parts)


def test_it_is_what_tools_ask_for() -> None:
    control: CallControl = made(Clock())
    assert control.call_sid == "CA1"
    assert control.info() is INFO


def test_nothing_is_due_until_somebody_asks() -> None:
    controls = made(Clock())
    assert not controls.hang_up_due(1e9, playing=False)
    assert not controls.hang_up_due(1e9, playing=True)


def test_an_agent_that_says_nothing_more_is_hung_up() -> None:
    controls = made(Clock())
    controls.hang_up_after_playout()
    assert not controls.hang_up_due(100.0 + LAST_WORDS_WITHIN_S - 0.1, playing=False)
    assert controls.hang_up_due(100.0 + LAST_WORDS_WITHIN_S, playing=False)


def test_the_last_words_are_played_and_a_pause_between_them_is_no_end() -> None:
    controls = made(Clock())
    controls.hang_up_after_playout()
    assert not controls.hang_up_due(120.0, playing=True)
    assert not controls.hang_up_due(120.0 + QUIET_BEFORE_HANG_UP_S - 0.1, playing=False)
    assert not controls.hang_up_due(130.0, playing=True)
    assert not controls.hang_up_due(131.0, playing=False)
    assert controls.hang_up_due(130.0 + QUIET_BEFORE_HANG_UP_S, playing=False)


def test_asking_again_starts_nothing_again() -> None:
    clock = Clock()
    controls = made(clock)
    controls.hang_up_after_playout()
    clock.now = 104.0
    controls.hang_up_after_playout()
    assert controls.hang_up_due(105.0, playing=False)


# Keys that the agent presses


def test_keys_are_heard_by_the_other_side_and_nobody_interrupts_them() -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(1)
        heard_ms = scene.caller.heard_ms()
        answer, is_error = await calls_tool(scene.agent, "send_digits", digits="12 3#")
        assert not is_error
        assert answer.startswith("The keys are being pressed.")
        scene.agent.says(Interrupted(99))
        await asyncio.sleep(0.2)
        assert "clear" not in scene.caller.kinds()
        assert scene.caller.heard_ms() - heard_ms == pytest.approx(4 * 180)
        await asyncio.sleep(1)
        scene.agent.speaks(3000, event_id=2)
        await asyncio.sleep(0.5)
        scene.agent.says(Interrupted(2))
        await asyncio.sleep(0.1)
        assert "clear" in scene.caller.kinds(), "what comes later is dropped as ever"
        await hangs_up(scene)

    _, scene = play(story)
    [sent] = scene.events("digits.sent")
    assert (sent["n_digits"], sent["mode"], sent["pii.digits"]) == (4, "tones", "123#")


def test_what_are_no_keys_is_told_to_the_agent() -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(1)
        for digits in ("", "hello", "1" * 33):
            answer, is_error = await calls_tool(scene.agent, "send_digits", digits, digits=digits)
            assert (answer[:18], is_error) == ("Those are no keys:", True)
        await hangs_up(scene)

    play(story)


def test_the_carrier_presses_keys_once_the_stream_is_left() -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(1)
        answer, is_error = await calls_tool(scene.agent, "send_digits", digits="1", mode="carrier")
        assert (answer[:28], is_error) == ("The keys are being pressed; ", False)
        await asyncio.sleep(2)

    termination, scene = play(story)
    assert termination is Termination.SENDING_DIGITS
    assert scene.parts.journey.digits_due == "1"


# A person


PERSON: dict[str, Any] = {
    "disclosure": False,
    "start": "agent",
    "nodes": {
        "agent": {"kind": "agent"},
        "desk": {"kind": "transfer", "number": "+15550100", "prompt": None, "failed": "bye"},
        "bye": {"kind": "hang_up"},
    },
}


@pytest.mark.parametrize("to", ["desk", ""])
def test_the_caller_is_put_through_after_the_agents_last_words(to: str) -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(1)
        answer, is_error = await calls_tool(scene.agent, "transfer_call", to=to, reason="a wet parcel")
        assert (answer[:26], is_error) == ("The caller is put through ", False)
        assert "+1555" not in answer
        scene.agent.speaks(2000, event_id=2)
        await asyncio.sleep(1.9)
        assert scene.parts.journey.leaving is None
        await asyncio.sleep(QUIET_BEFORE_HANG_UP_S + 1)
        assert scene.call.over

    termination, scene = play(story, flow=PERSON)
    assert termination is Termination.TRANSFERRED
    journey = scene.parts.journey
    assert journey.leaving == Transfer("+15550100", 25, node="desk")
    assert journey.values["transfer_reason"] == "a wet parcel"
    [asked] = scene.events("transfer.asked")
    assert (asked["node"], asked["pii.reason"]) == ("desk", "a wet parcel")


@pytest.mark.parametrize("to", ["agent", "+15550100", "nobody", "bye"])
def test_there_is_no_way_to_anywhere_else(to: str) -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(1)
        answer, is_error = await calls_tool(scene.agent, "transfer_call", to=to)
        assert (answer, is_error) == ("There is no such place; there are: desk.", True)
        await hangs_up(scene)

    _, scene = play(story, flow=PERSON)
    assert scene.parts.journey.leaving is None


def test_where_nobody_can_be_called_the_agent_is_told_so() -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(1)
        assert await calls_tool(scene.agent, "transfer_call") == ("Nobody can be called here.", True)
        await hangs_up(scene)

    play(story)


def test_an_agent_that_says_goodbye_at_once_does_not_end_the_call() -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(1)
        await calls_tool(scene.agent, "transfer_call", to="desk")
        scene.agent.speaks(1000, event_id=2)
        scene.agent.says(ConversationClosed(1000, "end_call"))
        await asyncio.sleep(3)

    termination, scene = play(story, flow=PERSON)
    assert termination is Termination.TRANSFERRED
    assert scene.parts.journey.leaving is not None
