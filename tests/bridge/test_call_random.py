"""Stories that nobody would think of: each call ends once, leaves nothing behind, and one voice speaks at a time."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ivr_bridge.bridge.greeting_choice import AGENT_GREETS, NOT_GREETED, Greeting
from ivr_bridge.bridge.termination import Termination
from ivr_bridge.elevenlabs.conversation.events import (
    AgentResponseCompleted,
    ConversationClosed,
    Interrupted,
    ToolReported,
    ToolRequested,
)
from ivr_bridge.errors import AgentRefused, AgentUnreachable, VendorFailed
from ivr_bridge.twilio.stream_events import DtmfPressed
from tests.support.call_scene import Outside, Scene, hangs_up, prompt
from tests.support.legs import FakeAgent
from tests.support.menu_calls import heard, menu_flow, play_menu, presses, speech, transcribes

LADDER = [
    {"kind": "retry"},
    {"kind": "agent", "agent_id": "agent_2"},
    {"kind": "register_call"},
    {"kind": "menu", "node": "keys_only"},
    {"kind": "voicemail", "node": "message"},
]
UNREACHABLE, REFUSED = AgentUnreachable("down"), AgentRefused("401")
CLOSE_CODES = (1000, 1011, 1008, 1006)
OPTIONS = ("hours", "booking", "other", "x")
WORDS = ("When are you open?", "Quisiera reservar una mesa para cuatro personas", "OK", "...")


@dataclass
class Witness:
    """Keeps what the flow allowed at the time: audio that came while the agent was held has a voice of its own."""

    scene: Scene
    given_floor: bool = False
    """Whether held audio may have been given out as an answer."""
    agents: list[FakeAgent] = field(default_factory=list)

    @property
    def agent(self) -> FakeAgent:
        return self.scene.agents[-1]

    @property
    def agent_has_floor(self) -> bool:
        state = self.scene.journey.state
        return state.waiting == "agent" or state.conversing

    def says(self, length_ms: int) -> None:
        if self.scene.call.agent is not None:
            self.scene.call.agent.says(*speech(length_ms, 1, 0x20 if self.agent_has_floor else 0x21))  # type: ignore[attr-defined]

    def understands(self, text: str) -> None:
        self.given_floor |= not self.agent_has_floor
        transcribes(self.agent, text, 2)

    def calls(self, tool: str, **parameters: object) -> None:
        self.agent.says(ToolRequested(tool, f"t{len(self.agent.sent)}{tool}", dict(parameters), 1))


async def _pause(witness: Witness, number: int) -> None:
    await asyncio.sleep(0.3 * 3**number / 2)


async def _key(witness: Witness, number: int) -> None:
    await presses(witness.scene, "0123456789*#"[number * 7 % 12])


async def _keys_at_once(witness: Witness, number: int) -> None:
    for key in ("926", "72", "1926", "62")[number]:
        witness.scene.caller.says(DtmfPressed(key))
    await asyncio.sleep(0)


def _now(act: Callable[[Witness, int], None]) -> Callable[[Witness, int], Awaitable[None]]:
    async def step(witness: Witness, number: int) -> None:
        act(witness, number)
        await asyncio.sleep(0)

    return step


STEPS: dict[str, Callable[[Witness, int], Awaitable[None]]] = {
    "pause": _pause,
    "key": _key,
    "keys at once": _keys_at_once,
    "agent speaks": _now(lambda witness, number: witness.says(200 + 900 * number)),
    "words": _now(lambda witness, number: witness.understands(WORDS[number % 4])),
    "sound": _now(lambda witness, _: witness.scene.caller.speaks(500)),
    "interrupted": _now(lambda witness, _: witness.agent.says(Interrupted(3))),
    "completed": _now(lambda witness, _: witness.agent.says(AgentResponseCompleted(1))),
    "closes": _now(lambda witness, number: witness.agent.says(ConversationClosed(CLOSE_CODES[number], ""))),
    "ends call": _now(lambda witness, _: witness.agent.says(ToolReported("end_call", "t", "system", False))),
    "choose": _now(lambda witness, number: witness.calls("choose_option", option=OPTIONS[number])),
    "show menu": _now(lambda witness, _: witness.calls("show_menu")),
    "switch": _now(lambda witness, number: witness.calls("switch_language", language=("en", "es", "zh")[number % 3])),
    "slow tool": _now(lambda witness, number: witness.calls("slow_lookup", seconds=number)),
    "bye": _now(lambda witness, number: witness.calls("say_bye") if number == 3 else None),
}  # fmt: skip

stories = st.lists(st.tuples(st.sampled_from(sorted(STEPS)), st.integers(0, 3)), max_size=25)
worlds = st.builds(
    Outside,
    dial_errors=st.lists(st.sampled_from([None, UNREACHABLE, REFUSED]), max_size=5),
    dial_s=st.sampled_from([0.0, 0.3, 9.0]),
    answers=st.lists(st.sampled_from([None, {"state": "sent"}]), max_size=3),
    vendors_twiml=st.sampled_from(["<Response/>", VendorFailed("503")]),
    greets=st.booleans(),
)


def one_call(steps: list[tuple[str, int]], world: Outside, start: str, switch: str, *, cached: bool) -> Scene:
    witnesses: list[Witness] = []

    async def story(scene: Scene) -> None:
        witnesses.append(Witness(scene))
        for name, number in steps:
            await STEPS[name](witnesses[0], number)
        await asyncio.sleep(20 if len(steps) % 2 else 0)
        await hangs_up(scene)

    first = Greeting("cached", prompt("welcome")) if cached else AGENT_GREETS
    greeting = first if start == "chat" else NOT_GREETED if world.greets else AGENT_GREETS
    flow = menu_flow(start, switch=switch, ladder=LADDER, disclosure="disclosure")
    termination, scene = play_menu(story, flow=flow, outside=world, greeting=greeting)
    assert isinstance(termination, Termination)
    assert termination is not Termination.BRIDGE_FAULTED, scene.events("call.faulted")
    assert scene.events("call.faulted") == []
    assert scene.caller.closed is not None
    assert scene.played.count("disclosure") <= 1
    if not witnesses[0].given_floor:
        assert "second agent" not in [who for who, _, _ in heard(scene)], "held audio was heard"
    there = scene.agents if scene.agents[0].audio else scene.agents[1:]  # the scene has its first one from the start
    forgotten = [agent for agent in there if not agent.closed and agent is not scene.call.agent]
    assert forgotten == [], "an agent that nobody closes"
    return scene


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    steps=stories,
    world=worlds,
    start=st.sampled_from(["menu", "chat", "triage", "choose_language", "keys_only"]),
    switch=st.sampled_from(["agent", "reconnect"]),
    cached=st.booleans(),
)
@example(steps=[("pause", 0), ("key", 2), ("switch", 1), ("key", 0)], world=Outside(), start="menu", switch="reconnect",
         cached=False)  # fmt: skip
def test_any_story_ends_once_and_leaves_nothing_behind(
    steps: list[tuple[str, int]], world: Outside, start: str, switch: str, cached: bool
) -> None:
    one_call(steps, world, start, switch, cached=cached)


def test_200_calls_of_one_story_are_all_the_same() -> None:
    steps = [("pause", 0), ("words", 0), ("choose", 1), ("agent speaks", 2), ("pause", 1), ("closes", 1), ("pause", 3)]
    seen = {
        tuple((line["event"], line.get("node"), line.get("rung")) for line in one_call(
            steps, Outside(), "menu", "agent", cached=False).logs if not line["event"].startswith("tool."))
        for _ in range(20)
    }  # fmt: skip
    assert len(seen) == 1
