"""What a caller hears when the agent fails: the rungs of the ladder, over in-memory legs."""

import asyncio
from itertools import pairwise
from typing import Any

import pytest

from ivr_bridge.bridge.greeting_choice import Greeting
from ivr_bridge.bridge.termination import Termination
from ivr_bridge.elevenlabs.conversation.events import AgentResponded, CallerTranscribed, ConversationClosed
from ivr_bridge.errors import AgentRefused, AgentUnreachable, VendorFailed
from ivr_bridge.twilio.stream_events import DtmfPressed
from tests.support.call_scene import Outside, Scene, hangs_up, play, prompt

NODES: dict[str, Any] = {
    "agent": {"kind": "agent"},
    "backup": {
        "kind": "menu",
        "prompt": "fallback_menu",
        "options": {"hours": {"key": "1", "says": "the hours", "next": "bye"}},
        "otherwise": "message",
        "tries": 2,
    },
    "desk": {"kind": "transfer", "number": "+15550100", "failed": "message"},
    "message": {"kind": "voicemail"},
    "bye": {"kind": "hang_up", "prompt": "goodbye"},
}


def flow(*ladder: Any, **more: Any) -> dict[str, Any]:
    rungs = [rung if isinstance(rung, dict) else {"kind": rung} for rung in ladder]
    return {"disclosure": False, "start": "agent", "ladder": rungs, "nodes": NODES, **more}


BACKUP = {"kind": "menu", "node": "backup"}
UNREACHABLE = AgentUnreachable("nobody there")


def rungs(scene: Scene) -> list[tuple[str, str]]:
    return [(line["rung"], line["cause"]) for line in scene.events("rung.climbed")]


def test_a_lost_agent_is_dialled_again_and_told_what_was_said() -> None:
    async def story(scene: Scene) -> None:
        scene.agent.says(AgentResponded("Hello.", 1))
        scene.agent.speaks(1000, event_id=1)
        await asyncio.sleep(3)
        scene.agent.says(CallerTranscribed("When are you open?", 2))
        await asyncio.sleep(0.5)
        scene.agent.says(ConversationClosed(1011, "crash"))
        await asyncio.sleep(1)
        second = scene.agents[1]
        second.says(AgentResponded("From nine.", 1))
        second.speaks(1000, event_id=1)
        await asyncio.sleep(3)
        await hangs_up(scene)

    termination, scene = play(story, flow=flow("retry", "apology"))
    assert termination is Termination.STREAM_ENDED
    assert rungs(scene) == [("retry", "lost")]
    told = dict(scene.agents[1].sent)
    assert "When are you open?" in told["contextual_update"]
    assert told["user_message"] == "When are you open?"
    assert scene.events("agent.recovered")[0]["rung"] == "retry"
    assert scene.agents[0].closed
    assert "sorry" not in scene.played


def test_an_agent_that_is_down_leads_to_the_menu_and_its_keys_work() -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(6)
        scene.caller.says(DtmfPressed("1"))

    termination, scene = play(story, flow=flow("retry", BACKUP), outside=Outside(dial_errors=[UNREACHABLE] * 5))
    assert termination is Termination.FLOW_ENDED
    assert rungs(scene) == [("retry", "unreachable"), ("menu", "unreachable")]
    assert scene.played == ["fallback_menu", "goodbye"]
    assert scene.events("agent.misconfigured") == []


def test_a_fault_of_configuration_skips_the_retry_and_alerts() -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(1)

    termination, scene = play(
        story, flow=flow("retry", "apology"), outside=Outside(dial_errors=[AgentRefused("401")] * 5)
    )
    assert termination is Termination.AGENT_REFUSED
    assert rungs(scene) == [("apology", "refused")]
    assert scene.events("agent.misconfigured")
    assert len(scene.orders) == 1


def test_the_second_agent_is_dialled_at_its_own_host() -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(2)
        scene.agents[0].speaks(500, event_id=1)
        await asyncio.sleep(2)
        await hangs_up(scene)

    second = {"kind": "agent", "agent_id": "agent_2", "base_url": "https://eu.example"}
    _, scene = play(story, flow=flow("retry", second), outside=Outside(dial_errors=[UNREACHABLE, UNREACHABLE]))
    assert [(order.agent_id, order.base_url) for order in scene.orders] == [
        (None, None),
        (None, None),
        ("agent_2", "https://eu.example"),
    ]
    assert [rung for rung, _ in rungs(scene)] == ["retry", "agent"]


@pytest.mark.parametrize("fails", [False, True])
def test_the_vendors_own_route(fails: bool) -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(1)

    world = Outside(
        dial_errors=[UNREACHABLE] * 5, vendors_twiml=VendorFailed("500") if fails else "<Response>x</Response>"
    )
    termination, scene = play(story, flow=flow("register_call", "apology"), outside=world)
    assert termination is (Termination.AGENT_UNREACHABLE if fails else Termination.VENDOR_TOOK_OVER)
    assert scene.journey.vendors_twiml == (None if fails else "<Response>x</Response>")


def test_a_person_then_voicemail() -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(1)

    world = Outside(dial_errors=[UNREACHABLE] * 5)
    termination, scene = play(story, flow=flow({"kind": "person", "node": "desk"}), outside=world)
    assert termination is Termination.TRANSFERRED
    assert scene.played == ["connecting_person"]
    assert scene.journey.leaving is not None


def test_a_silent_agent_is_given_up_after_8_s_and_the_wait_is_filled() -> None:
    async def story(scene: Scene) -> None:
        scene.agent.says(AgentResponded("Hello.", 1))
        scene.agent.speaks(1000, event_id=1)
        await asyncio.sleep(3)
        scene.caller.speaks(1000)
        scene.agent.says(CallerTranscribed("When are you open?", 2))
        await asyncio.sleep(20)

    termination, scene = play(story, flow=flow(BACKUP))
    assert termination is Termination.VOICEMAIL_LEFT
    assert rungs(scene) == [("menu", "silent")]
    assert scene.events("filler.played")
    climbed = scene.events("rung.climbed")
    assert len(climbed) == 1


def test_the_caller_is_never_without_a_sound_for_2_s_while_everything_fails() -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(40)
        await hangs_up(scene)

    world = Outside(dial_errors=[UNREACHABLE] * 5, dial_s=4.0)
    second = {"kind": "agent", "agent_id": "agent_2"}
    _, scene = play(
        story, flow=flow("retry", second, BACKUP), outside=world, greeting=Greeting("cached", prompt("welcome", 1500))
    )
    assert [rung for rung, _ in rungs(scene)] == ["retry", "agent", "menu"]
    heard = sorted(scene.caller.heard)
    assert heard[0][0] - scene.began_at < 0.1
    # The caller waits from the first failure on; before it was their turn to speak.
    failed_at, menu_at = scene.began_at + 4, scene.began_at + 12
    waits = [(failed_at, failed_at), *(span for span in heard if failed_at <= span[0] <= menu_at + 1)]
    assert waits[-1][0] >= menu_at - 1
    assert max(later[0] - earlier[1] for earlier, later in pairwise(waits)) < 2.0
