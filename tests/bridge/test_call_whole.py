"""One whole call: a menu, words that choose, the agent, a key, the menu again, closed hours."""

import asyncio

from ivr_bridge.bridge.termination import Termination
from tests.support.call_scene import Outside, Scene
from tests.support.menu_calls import (
    calls_tool,
    heard,
    longest_silence_s,
    menu_flow,
    play_menu,
    presses,
    says,
    told,
    transcribes,
)


def test_menu_words_agent_key_menu_closed_hours() -> None:
    async def story(scene: Scene) -> None:
        agent = scene.agent
        await asyncio.sleep(1.4)
        scene.caller.speaks(600)
        transcribes(agent, "I want to book a table", 1)
        await calls_tool(agent, "choose_option", "t1", option="booking")
        await asyncio.sleep(1.0)
        says(agent, "For how many people?", 1000, 2)
        await presses(scene, "4", "#", after_s=0.6)
        assert told(agent)[-1] == "I pressed 4 on the keypad."
        await asyncio.sleep(1.0)
        says(agent, "Four. Here is the menu again.", 800, 3)
        await asyncio.sleep(1.0)
        await calls_tool(agent, "show_menu", "t2")
        await presses(scene, "8", after_s=0.5)

    nodes = {
        "opening": {"kind": "hours", "hours": "front_desk", "open": "bye", "closed": "closed"},
        "closed": {"kind": "prompt", "prompt": "closed", "next": "bye"},
    }
    flow = menu_flow(nodes=nodes, disclosure="disclosure")
    flow["nodes"]["menu"]["options"]["visit"] = {"key": "8", "says": "come by", "next": "opening"}
    termination, scene = play_menu(story, flow=flow, outside=Outside(greets=True))
    assert termination is Termination.FLOW_ENDED
    assert [line["node"] for line in scene.events("node.entered")] == ["menu", "booking", "menu", "closed", "bye"]
    assert [line["by"] for line in scene.events("option.chosen")] == ["agent", "key"]
    assert scene.played == ["disclosure", "main_menu", "main_menu", "closed", "goodbye"]
    assert [who for who, _, _ in heard(scene)] == ["prompt", "agent", "agent", "prompt", "prompt", "prompt"]
    assert longest_silence_s(scene, 0, heard(scene)[-1][2]) < 2.0
    assert scene.account.barge_ins == 0
    assert len(scene.orders) == 1
