"""A call over in-memory legs on virtual time: a scene, and a story that plays both sides."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from structlog.testing import capture_logs

from ivr_bridge.audio.formats import AudioFormat
from ivr_bridge.bridge.account import CallAccount
from ivr_bridge.bridge.call import Call, CallNeeds, Opening
from ivr_bridge.bridge.greeting_choice import AGENT_GREETS, Greeting
from ivr_bridge.bridge.parked_agents import ParkedAgent
from ivr_bridge.bridge.termination import Termination
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


def prompt(name: str, length_ms: int = 1000) -> Prompt:
    return Prompt(name=name, language="en", text=name.replace("_", " "), mulaw=bytes([0x30]) * (length_ms * 8))


@dataclass
class Scene:
    caller: FakeCaller
    agent: FakeAgent
    call: Call
    account: CallAccount
    played: list[str] = field(default_factory=list)
    logs: list[Any] = field(default_factory=list)

    def events(self, name: str) -> list[Any]:
        return [line for line in self.logs if line["event"] == name]


Story = Callable[[Scene], Awaitable[None]]


def play(
    story: Story,
    *,
    greeting: Greeting = AGENT_GREETS,
    output: str = "ulaw_8000",
    dial_error: Exception | None = None,
    tell: bool = False,
    prompts: bool = True,
    echo_marks: bool = True,
    **limits: float,
) -> tuple[Termination, Scene]:
    """Run one call; `story` plays both sides until it returns, then the call must end by itself within 200 s."""

    async def scene() -> tuple[Termination, Scene]:
        caller, agent = (
            FakeCaller(echo_marks=echo_marks),
            FakeAgent(AudioFormat.parse(output), AudioFormat.parse(output)),
        )

        async def dial() -> FakeAgent:
            if dial_error is not None:
                raise dial_error
            return agent

        log = Log()
        account = CallAccount(asyncio.get_running_loop().time())
        needs = CallNeeds(
            settings=Settings(**limits),  # type: ignore[arg-type]
            prompt=lambda name: prompt(name) if prompts else None,
            tools=registry(),
            tool_timeout_s=5,
            tell_agent_what_was_heard=tell,
            info=lambda: INFO,
            log=log,
        )
        call = Call(caller, Opening(ParkedAgent(dial, log), greeting), needs, account)
        made = Scene(caller, agent, call, account)
        running = asyncio.ensure_future(call.run())
        steady = asyncio.ensure_future(caller.keeps_sending())
        await story(made)
        async with asyncio.timeout(200):
            termination = await running
        steady.cancel()
        if call.unclaimed is not None:
            await call.unclaimed.discard("test")
        await caller.close()
        await asyncio.sleep(0)
        return termination, made

    with capture_logs() as logs:
        termination, made = run_virtual(scene())
    made.logs = logs
    made.played = [line["prompt"] for line in logs if line["event"] == "prompt.played"]
    return termination, made


def registry() -> ToolRegistry:
    return ToolRegistry.from_module(__name__)


async def hangs_up(scene: Scene) -> None:
    scene.caller.says(StreamStopped())
