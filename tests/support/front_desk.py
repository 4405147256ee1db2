"""A desk with everything behind it in memory: webhooks are calls of methods, legs are fakes, time is virtual."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from structlog.testing import capture_logs

from ivr_bridge.bridge.agent_order import AgentOrder
from ivr_bridge.bridge.desk import Desk, DeskNeeds
from ivr_bridge.bridge.greeting_choice import AGENT_GREETS, Greeting
from ivr_bridge.bridge.ivr import Ivr
from ivr_bridge.bridge.live_calls import LiveCall
from ivr_bridge.bridge.switchboard import CallbackTaker, Switchboard
from ivr_bridge.flows.engine import Engine
from ivr_bridge.flows.flow_book import FlowBook
from ivr_bridge.flows.model import Flow, HttpNode
from ivr_bridge.flows.moves import AskHttp, HttpAnswered, PromiseCallback
from ivr_bridge.settings import BridgeConfig, Settings
from ivr_bridge.speech.prompt import Prompt
from ivr_bridge.store.memory_store import MemoryStore
from ivr_bridge.telemetry.log import Log
from ivr_bridge.tools.registry import ToolRegistry
from ivr_bridge.twilio.call_desk import Answer, ConnectStream, IncomingCall
from ivr_bridge.twilio.stream_events import StreamClosed, StreamStopped
from ivr_bridge.twilio.stream_token import StreamTokens
from tests.support.call_scene import JUST_THE_AGENT
from tests.support.legs import FakeAgent, FakeCaller
from tests.support.people import People
from tests.support.sounds import Rows
from tests.support.virtual_time import run_virtual

ACCOUNT = "AC" + "3" * 32


def sid(number: int = 1) -> str:
    return f"CA{number:032}"


def incoming(
    call_sid: str = sid(), *, status: str = "in-progress", account_sid: str = ACCOUNT, **more: str
) -> IncomingCall:
    return IncomingCall(call_sid, account_sid, "+15550100001", "+15550100002", "inbound", status, **more)


def prompt(name: str, length_ms: int = 1000) -> Prompt:
    return Prompt(name=name, language="en", text=f"text of {name}", mulaw=bytes([0x30]) * (length_ms * 8))


class SlowStore(MemoryStore):
    """A store that takes its time: what else arrives meanwhile finds the call half admitted."""

    async def set(self, key: str, value: bytes, *, ttl_s: float | None) -> None:
        await asyncio.sleep(0.05)
        await super().set(key, value, ttl_s=ttl_s)

    async def take(self, key: str) -> bytes | None:
        await asyncio.sleep(0.05)
        return await super().take(key)


class FakePrompts:
    """Prompts that have all been rendered, or none."""

    def __init__(self, rendered: bool) -> None:
        self._rendered = rendered

    def get(self, name: str, language: str) -> Prompt | None:
        return prompt(name) if self._rendered else None

    def text(self, name: str, language: str) -> str:
        return f"text of {name}"


@dataclass
class FakeProfile:
    first_words: Greeting = AGENT_GREETS
    agent: None = None

    def is_of(self, agent_id: str | None) -> bool:
        return agent_id is None

    def language_override(self, _language: str) -> bool:
        return False

    def greeting(self, _mode: str, _language: str) -> Greeting:
        return self.first_words


@dataclass
class FakeSwitchboard:
    """Dials as the house does; services and the vendor's own route answer what the house was told."""

    house: "House"
    callbacks: CallbackTaker | None = None

    async def dial(self, live: LiveCall, _order: AgentOrder) -> FakeAgent:
        return await self.house.dial(live)

    async def register(self, _live: LiveCall, _order: AgentOrder) -> str:
        return self.house.vendors_twiml

    async def ask(self, _live: LiveCall, _asked: AskHttp, _node: HttpNode) -> HttpAnswered:
        return HttpAnswered(None)

    async def promise_callback(self, live: LiveCall, asked: PromiseCallback) -> bool:
        return await Switchboard.promise_callback(self, live, asked)  # type: ignore[arg-type]


@dataclass
class Phone:
    """One media stream: the caller's leg and the desk's task that runs it."""

    caller: FakeCaller
    running: "asyncio.Task[None]"

    async def stops(self) -> None:
        self.caller.says(StreamStopped())
        await self.running

    async def breaks(self) -> None:
        self.caller.says(StreamClosed(1006))
        await self.running

    @property
    def refused(self) -> bool:
        return self.caller.closed == (1008, "not admitted")


@dataclass
class House:
    """The desk, and what a test wants to know of what it did."""

    desk: Desk
    store: MemoryStore
    """Of tokens alone."""
    shared: MemoryStore
    """What workers know of each other's calls."""
    another: Callable[..., "House"]
    """Opens another worker's desk, with the same stores and `settings` of its own; close it."""
    profile: FakeProfile
    rows: Rows = field(default_factory=Rows)
    """Of messages that Twilio recorded."""
    dial_s: float = 0.1
    dial_error: Exception | None = None
    vendors_twiml: str = "<Response/>"
    dialled: list[str] = field(default_factory=list)
    agents: list[FakeAgent] = field(default_factory=list)
    logs: list[Any] = field(default_factory=list)
    tasks: list["asyncio.Task[None]"] = field(default_factory=list)

    async def dial(self, live: LiveCall) -> FakeAgent:
        self.dialled.append(live.call_sid)
        await asyncio.sleep(self.dial_s)
        if self.dial_error is not None:
            raise self.dial_error
        agent = FakeAgent()
        agent.conversation_id = f"conv_{len(self.agents) + 1}"
        self.agents.append(agent)
        return agent

    @property
    def now(self) -> float:
        return asyncio.get_running_loop().time()

    async def answers(self, call_sid: str = sid()) -> ConnectStream:
        """The voice webhook, answered with a stream."""
        answer = await self.desk.answer_voice(incoming(call_sid, status="ringing"))
        assert isinstance(answer, ConnectStream)
        return answer

    def connect(self, call_sid: str, token: str, *, account_sid: str = ACCOUNT) -> Phone:
        """Open a stream; 20 ms of silence come from it all the time."""
        caller = FakeCaller(call_sid, token)
        caller.started = replace(caller.started, account_sid=account_sid)
        running = asyncio.ensure_future(self.desk.run_stream(caller))
        steady = asyncio.ensure_future(caller.keeps_sending())
        running.add_done_callback(lambda _: steady.cancel())
        self.tasks += [running, steady]
        return Phone(caller, running)

    async def talks(self, call_sid: str = sid()) -> Phone:
        """A call that is admitted, connected, and going on."""
        phone = self.connect(call_sid, (await self.answers(call_sid)).token)
        await asyncio.sleep(1)
        assert not phone.running.done()
        return phone

    async def asks(self, status: str = "in-progress", call_sid: str = sid()) -> Answer:
        """The `action` webhook: what follows the stream?"""
        return await self.desk.stream_ended(incoming(call_sid, status=status))

    def events(self, name: str) -> list[Any]:
        return [line for line in self.logs if line["event"] == name]

    @property
    def reasons(self) -> list[str]:
        """How each call ended, in order."""
        return [line["reason"] for line in self.events("call.ended")]


Story = Callable[[House], Awaitable[None]]


def in_house(
    story: Story,
    *,
    rendered: bool = True,
    greeting: Greeting = AGENT_GREETS,
    flow: dict[str, Any] | None = None,
    slow_store: bool = False,
    people: People | None = None,
    closes: bool = True,
    **settings: Any,
) -> House:
    """Play `story` with a new desk, close the desk, and see that it left no task."""

    def build(store: MemoryStore, shared: MemoryStore, **own: Any) -> House:
        profile, rows = FakeProfile(greeting), Rows()
        book = FlowBook({"main": Flow.model_validate({"numbers": ["*"], **(flow or JUST_THE_AGENT)})}, {})
        ivr = Ivr(
            BridgeConfig(),
            book,
            Engine(book.flows, book.calendars),
            FakePrompts(rendered),  # type: ignore[arg-type]
            profile,  # type: ignore[arg-type]
            ToolRegistry.from_module(None),
        )
        switchboard = FakeSwitchboard(None)  # type: ignore[arg-type]
        needs = DeskNeeds(
            settings=Settings(**{"var_dir": Path("no-such-folder"), **settings, **own}),
            ivr=lambda: ivr,
            tokens=StreamTokens(store),
            switchboard=switchboard,  # type: ignore[arg-type]
            rows=rows,
            log=Log(),
            store=shared,
            warm=people.needs(shared) if people is not None else None,
        )
        another = partial(build, store, shared)
        switchboard.house = House(Desk(needs), store, shared, another, profile, rows, logs=logs)
        return switchboard.house

    async def play() -> House:
        clock = asyncio.get_running_loop().time
        store = SlowStore(clock=clock) if slow_store else MemoryStore(clock=clock)
        house = build(store, MemoryStore(clock=clock))
        if people is not None:
            people.desk = house.desk
        await story(house)
        if closes:
            await house.desk.close()
        if people is not None:
            await people.go_home()
        await asyncio.wait_for(asyncio.gather(*house.tasks, return_exceptions=True), 30)
        return house

    with capture_logs() as logs:
        return run_virtual(play())
