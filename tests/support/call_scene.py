"""A call over in-memory legs on virtual time: a scene, and a story that plays both sides."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from structlog.testing import capture_logs

from ivr_bridge.audio.formats import AudioFormat
from ivr_bridge.bridge.account import CallAccount
from ivr_bridge.bridge.agent_order import AgentOrder, order
from ivr_bridge.bridge.call import Call
from ivr_bridge.bridge.call_needs import CallNeeds, Opening
from ivr_bridge.bridge.call_parts import CallParts
from ivr_bridge.bridge.fallback import Ladder
from ivr_bridge.bridge.greeting_choice import AGENT_GREETS, Greeting
from ivr_bridge.bridge.journey import Journey
from ivr_bridge.bridge.legs import AgentLeg
from ivr_bridge.bridge.parked_agents import ParkedAgent
from ivr_bridge.bridge.sounds import Sounds
from ivr_bridge.bridge.termination import Termination
from ivr_bridge.bridge.transcript import Transcript
from ivr_bridge.flows.engine import Engine
from ivr_bridge.flows.model import Flow, HttpNode
from ivr_bridge.flows.moves import AskHttp, HttpAnswered, PromiseCallback
from ivr_bridge.settings import Settings
from ivr_bridge.speech.prompt import Prompt
from ivr_bridge.telemetry.log import Log
from ivr_bridge.tools.context import CallControl, CallInfo
from ivr_bridge.tools.registry import ToolRegistry, tool
from ivr_bridge.twilio.stream_events import StreamStopped
from tests.support.legs import FakeAgent, FakeCaller
from tests.support.virtual_time import run_virtual

INFO = CallInfo("CA1", "+15550100001", "+15550100002", "2026-01-01T00:00:00+00:00", 1.0, "en", "conv_1")


@tool
async def slow_lookup(seconds: float) -> str:
    """Take a while."""
    await asyncio.sleep(seconds)
    return "found"


@tool
async def say_bye(call: CallControl) -> str:
    """End the call."""
    call.hang_up_after_playout()
    return "bye"


def prompt(name: str, length_ms: int = 1000, language: str = "en") -> Prompt:
    return Prompt(name=name, language=language, text=name.replace("_", " "), mulaw=bytes([0x30]) * (length_ms * 8))


JUST_THE_AGENT: dict[str, Any] = {
    "disclosure": False,
    "ladder": [{"kind": "apology"}],
    "start": "agent",
    "nodes": {"agent": {"kind": "agent"}},
}
"""A flow that is nothing but the agent, and has nothing behind it."""


def journey(flow: dict[str, Any], log: Log) -> Journey:
    made = Flow.model_validate(flow)
    engine = Engine({"main": made}, {}, {})
    variables = {"caller": INFO.caller, "called": INFO.called, "call_sid": INFO.call_sid}
    return Journey(engine, "main", made.language or "en", variables, log)


@dataclass
class Outside:
    """What the call meets beyond its two legs: the first agents that fail, and what services answer."""

    dial_errors: list[Exception | None] = field(default_factory=list)
    """For each dial in turn; None, and all later ones, get an agent."""
    dial_s: float = 0.0
    answers: list[dict[str, str] | None] = field(default_factory=list)
    vendors_twiml: str | Exception = "<Response/>"
    greets: bool = False
    sounds: Sounds | None = None


class FakeDesk:
    """The `DeskHands` of one call: every prompt is there, and who is dialled comes when `Outside` says so.

    A test may put another method in the place of any of its own.
    """

    def __init__(self, way: Journey, world: Outside, spoken: AudioFormat, log: Log) -> None:
        self._journey = way
        self._world = world
        self._log = log
        self._spoken = spoken
        self._errors = list(world.dial_errors)
        self._ladders: dict[str, Ladder] = {}
        self.prompt: Callable[[str, str], Prompt | None] = lambda name, language: prompt(name, language=language)
        self.agents = [FakeAgent(spoken, spoken)]
        self.orders: list[AgentOrder] = []
        self.asked: list[AskHttp] = []
        self.promised: list[PromiseCallback] = []
        self.background: list[asyncio.Future[None]] = []

    def info(self) -> CallInfo:
        return INFO

    def ladder(self) -> Ladder:
        return self._ladders.setdefault(self._journey.state.flow, Ladder(self._journey.flow.ladder))

    def order(self) -> AgentOrder:
        return order(self._journey.flow.agent, self._journey.agent_node, self._journey.values, None)

    def greets(self, _order: AgentOrder) -> bool:
        return self._world.greets

    def dial(self, wanted: AgentOrder) -> ParkedAgent:
        return ParkedAgent(lambda: self._connect(wanted), self._log)

    async def _connect(self, wanted: AgentOrder) -> FakeAgent:
        self.orders.append(wanted)
        if self._world.dial_s:
            await asyncio.sleep(self._world.dial_s)
        if self._errors and (error := self._errors.pop(0)) is not None:
            raise error
        if len(self.orders) > 1 or self.agents[0].closed:
            self.agents.append(FakeAgent(self._spoken, self._spoken))
            self.agents[-1].conversation_id = f"conv_{len(self.agents)}"
        return self.agents[-1]

    def discard(self, parked: ParkedAgent) -> None:
        self.background.append(asyncio.ensure_future(parked.discard("test")))

    def dismiss(self, agent: AgentLeg, *, by_us: bool) -> None:
        self.background.append(asyncio.ensure_future(agent.close("dismissed")))

    async def register(self, _order: AgentOrder) -> str:
        if isinstance(self._world.vendors_twiml, Exception):
            raise self._world.vendors_twiml
        return self._world.vendors_twiml

    async def promise_callback(self, asked: PromiseCallback) -> bool:
        self.promised.append(asked)
        return True

    async def ask_http(self, asked: AskHttp, _node: HttpNode) -> HttpAnswered:
        self.asked.append(asked)
        return HttpAnswered(self._world.answers.pop(0) if self._world.answers else None)


@dataclass
class Scene:
    caller: FakeCaller
    agent: FakeAgent
    call: Call
    account: CallAccount
    journey: Journey
    desk: FakeDesk
    played: list[str] = field(default_factory=list)
    logs: list[Any] = field(default_factory=list)

    @property
    def agents(self) -> list[FakeAgent]:
        """All that were dialled, in order; `agent` is the first."""
        return self.desk.agents

    @property
    def orders(self) -> list[AgentOrder]:
        return self.desk.orders

    @property
    def asked(self) -> list[AskHttp]:
        return self.desk.asked

    @property
    def parts(self) -> CallParts:
        return self.call._parts

    @property
    def began_at(self) -> float:
        return self.account.begun_at

    def events(self, name: str) -> list[Any]:
        return [line for line in self.logs if line["event"] == name]


Story = Callable[[Scene], Awaitable[None]]


def play(
    story: Story,
    *,
    flow: dict[str, Any] | None = None,
    outside: Outside | None = None,
    greeting: Greeting = AGENT_GREETS,
    output: str = "ulaw_8000",
    dial_error: Exception | None = None,
    tell: bool = False,
    prompts: bool = True,
    echo_marks: bool = True,
    **limits: float,
) -> tuple[Termination, Scene]:
    """Run one call; `story` plays both sides until it returns, then the call must end by itself within 200 s."""
    world = outside or Outside()
    if dial_error is not None:
        world.dial_errors = [dial_error] * 10

    async def scene() -> tuple[Termination, Scene]:
        made = build_scene(
            flow or JUST_THE_AGENT, world, greeting, output=output, tell=tell, prompts=prompts, echo_marks=echo_marks,
            limits=limits,
        )  # fmt: skip
        call, caller = made.call, made.caller
        running = asyncio.ensure_future(call.run())
        steady = asyncio.ensure_future(caller.keeps_sending())
        await story(made)
        async with asyncio.timeout(200):
            termination = await running
        steady.cancel()
        if call.unclaimed is not None:
            await call.unclaimed.discard("test")
        if made.desk.background:
            await asyncio.wait(made.desk.background)
        await caller.close()
        await asyncio.sleep(0)
        return termination, made

    with capture_logs() as logs:
        termination, made = run_virtual(scene())
    made.logs = logs
    made.played = [line["prompt"] for line in logs if line["event"] == "prompt.played"]
    return termination, made


def build_scene(
    flow: dict[str, Any],
    world: Outside,
    greeting: Greeting,
    *,
    output: str = "ulaw_8000",
    tell: bool = False,
    prompts: bool = True,
    echo_marks: bool = True,
    limits: dict[str, float] | None = None,
) -> Scene:
    """A call that has not been run yet, and everything around it."""
    log = Log()
    caller = FakeCaller(echo_marks=echo_marks)
    account = CallAccount(asyncio.get_running_loop().time())
    way = journey(flow, log)
    desk = FakeDesk(way, world, AudioFormat.parse(output), log)
    if not prompts:
        desk.prompt = lambda _name, _language: None
    needs = CallNeeds(
        desk=desk,
        settings=Settings(**(limits or {})),  # type: ignore[arg-type]
        journey=way,
        transcript=Transcript(),
        tools=registry(),
        tool_timeout_s=5,
        tell_agent_what_was_heard=tell,
        log=log,
        sounds=world.sounds,
    )
    first = desk.order()
    parked = desk.dial(first) if way.may_need_agent else None
    call = Call(caller, Opening(parked, first, greeting), needs, account)
    return Scene(caller, desk.agents[0], call, account, way, desk)


def registry() -> ToolRegistry:
    return ToolRegistry.from_module(__name__)


async def hangs_up(scene: Scene) -> None:
    scene.caller.says(StreamStopped())
