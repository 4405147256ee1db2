"""A flow's stage with fakes of the call and of the agent's side around it, on virtual time."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from structlog.testing import capture_logs

from ivr_bridge.bridge.caller_to_agent import CallerToAgent
from ivr_bridge.bridge.floor import Floor
from ivr_bridge.bridge.flow_stage import FlowStage
from ivr_bridge.bridge.journey import Journey
from ivr_bridge.bridge.termination import Termination
from ivr_bridge.bridge.transcript import Transcript
from ivr_bridge.flows.model import HttpNode
from ivr_bridge.flows.moves import AskHttp, HttpAnswered, PromiseCallback, TakeVoicemail
from ivr_bridge.language import Language
from ivr_bridge.telemetry.log import Log
from tests.support.call_scene import journey
from tests.support.virtual_time import run_virtual

FLOW: dict[str, Any] = {
    "disclosure": False,
    "person": "desk",
    "start": "menu",
    "nodes": {
        "menu": {
            "kind": "menu",
            "prompt": "main_menu",
            "tries": 2,
            "wait_s": 5,
            "options": {
                "talk": {"key": "1", "says": "talk to us", "next": "agent"},
                "order": {"key": "2", "says": "an order", "next": "look_up"},
                "pin": {"key": "3", "says": "a PIN", "next": "pin"},
            },
            "otherwise": "bye",
        },
        "agent": {"kind": "agent"},
        "look_up": {
            "kind": "http",
            "url": "https://h.example/o",
            "save": {"state": "/state"},
            "next": "told",
            "failed": "bye",
        },
        "told": {"kind": "prompt", "prompt": "order_sent", "next": "menu"},
        "pin": {"kind": "digits", "prompt": "ask_pin", "variable": "pin", "sensitive": True, "next": "agent",
                "otherwise": "bye"},
        "desk": {"kind": "transfer", "number": "+15550100", "failed": "menu"},
        "message": {"kind": "voicemail"},
        "bye": {"kind": "hang_up", "prompt": "goodbye"},
    },
}  # fmt: skip

AGENT_ONLY: dict[str, Any] = {"disclosure": False, "start": "agent", "nodes": FLOW["nodes"]}
SPANISH = "Buenos días, quisiera saber a qué hora abren ustedes la tienda mañana por la mañana, por favor"


@dataclass
class FakeSides:
    """The call, the agent's side and the voice to the caller; `done` has everything in order."""

    journey: Journey
    done: list[tuple[Any, ...]] = field(default_factory=list)
    rendered: bool = True
    keeps_callbacks: bool = True
    answers: "asyncio.Queue[HttpAnswered]" = field(default_factory=asyncio.Queue)
    tasks: list["asyncio.Task[None]"] = field(default_factory=list)

    # CallHands

    ending = over = False

    def say(self, prompt: str, language: Language) -> bool:
        self.done.append(("say", prompt, language))
        return self.rendered

    def caller_waits(self, why: str) -> None:
        self.done.append(("waits", why))

    async def ask_http(self, asked: AskHttp, node: HttpNode) -> HttpAnswered:
        self.done.append(("ask", asked.url, node.next))
        return await self.answers.get()

    async def promise_callback(self, asked: PromiseCallback) -> bool:
        self.done.append(("promise", asked.number, asked.flow))
        return self.keeps_callbacks

    def record_message(self, asked: TakeVoicemail) -> bool:
        return False

    def announce_recording(self) -> None:
        """Nothing is recorded here."""

    def in_background(self, work: Coroutine[Any, Any, None]) -> None:
        self.tasks.append(asyncio.ensure_future(work))

    def end(self, termination: Termination, *, at_once: bool = False) -> None:
        self.done.append(("end", termination))

    def stream_over(self, termination: Termination) -> None:
        raise AssertionError("a flow leaves a stream, and does not say that it is gone")

    # AgentHands

    def converse(self, talk: Any, *, speaks_anyway: bool = False) -> None:
        self.done.append(("converse", talk.greet))

    def answer_out_loud(self) -> None:
        self.done.append(("answer",))

    def tell(self, text: str, context_id: str | None = None) -> None:
        self.done.append(("tell", text, context_id))

    def say_for_caller(self, text: str) -> None:
        self.done.append(("for caller", text))

    def language_changed(self, language: Language) -> None:
        self.done.append(("agent's language", language, self.journey.language))

    # AgentToCaller

    def interrupt(self) -> None:
        self.done.append(("stop",))


class Stage(FlowStage):
    """The one under test, with its surroundings."""

    sides: FakeSides
    journey: Journey
    floor: Floor
    to_agent: CallerToAgent

    def all(self) -> list[tuple[Any, ...]]:
        """What was done since the last time."""
        done, self.sides.done = self.sides.done, []
        return done


Story = Callable[[Stage], Awaitable[None]]


def play(story: Story, flow: dict[str, Any] = FLOW, *, begins: bool = True) -> list[Any]:
    async def scene() -> None:
        log, floor, to_agent = Log(), Floor(), CallerToAgent.__new__(CallerToAgent)
        to_agent.muted = False
        way = journey(flow, log)
        sides = FakeSides(way)
        to_caller: Any = sides
        stage = Stage(
            way, sides, sides, floor=floor, to_caller=to_caller, to_agent=to_agent, transcript=Transcript(), log=log
        )
        stage.sides, stage.journey, stage.floor, stage.to_agent = sides, way, floor, to_agent
        if begins:
            stage.begin()
        await story(stage)
        for task in sides.tasks:
            task.cancel()
        await asyncio.gather(*sides.tasks, return_exceptions=True)

    with capture_logs() as logs:
        run_virtual(scene())
    return logs
