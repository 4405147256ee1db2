"""What the desk hands to a call, and what a stream of it leaves behind."""

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Protocol

from ivr_bridge.bridge.agent_order import AgentOrder
from ivr_bridge.bridge.fallback import Ladder
from ivr_bridge.bridge.greeting_choice import Greeting
from ivr_bridge.bridge.journey import Journey
from ivr_bridge.bridge.legs import AgentLeg
from ivr_bridge.bridge.parked_agents import ParkedAgent
from ivr_bridge.bridge.playout import Interruption
from ivr_bridge.bridge.sounds import Sounds
from ivr_bridge.bridge.transcript import Transcript
from ivr_bridge.flows.model import HttpNode, Language
from ivr_bridge.flows.moves import AskHttp, HttpAnswered, PromiseCallback
from ivr_bridge.settings import Settings
from ivr_bridge.speech.prompt import Prompt
from ivr_bridge.telemetry.log import Log
from ivr_bridge.tools.context import CallInfo
from ivr_bridge.tools.registry import ToolRegistry
from ivr_bridge.tools.threads import ToolThreads


class DeskHands(Protocol):
    """What a stream asks of the desk while it lives."""

    def info(self) -> CallInfo:
        """What a tool may know of the call."""
        ...

    def prompt(self, name: str, language: Language) -> Prompt | None:
        """An operator's prompt; None when it was never rendered."""
        ...

    def ladder(self) -> Ladder:
        """Of the flow where the call stands."""
        ...

    def order(self) -> AgentOrder:
        """The agent that the flow, the node and the call's language want now."""
        ...

    def greets(self, order: AgentOrder) -> bool:
        """Whether the agent of this order has first words of its own, as far as is known."""
        ...

    def dial(self, order: AgentOrder) -> ParkedAgent:
        """Bring an agent; what goes wrong is told when it is claimed."""
        ...

    def discard(self, parked: ParkedAgent) -> None:
        """Let go of an agent that nobody waits for any more."""
        ...

    def dismiss(self, agent: AgentLeg, *, by_us: bool) -> None:
        """Close a leg that another one takes the place of; whether it is we who close."""
        ...

    def register(self, order: AgentOrder) -> Awaitable[str]:
        """The vendor's own route: TwiML. Raises VendorError."""
        ...

    def ask_http(self, asked: AskHttp, node: HttpNode) -> Awaitable[HttpAnswered]:
        """Ask a service of the operator's; whatever goes wrong, the flow goes on."""
        ...

    def promise_callback(self, asked: PromiseCallback) -> Awaitable[bool]:
        """Keep that the caller is to be called back; False when it cannot be kept."""
        ...


@dataclass(frozen=True, slots=True)
class Opening:
    """How a stream begins: the agent on its way, if the flow wants one, and the first words."""

    agent: ParkedAgent | None
    order: AgentOrder
    """By which that agent was dialled."""
    greeting: Greeting
    back: str = ""
    """That agent has talked with this caller before, and is told this; empty: it is a new one."""
    resumed: bool = False
    """The flow goes on where it stood, after another stream of the call."""
    lost: bool = False
    """Nobody meant that other stream to end."""


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """A conversation whose stream is over."""

    agent: AgentLeg
    order: AgentOrder
    """By which it was dialled."""
    unanswered: Sequence[str] = ()
    """The ids of tool calls that were under way."""
    cut: Interruption | None = None
    """The words of the agent that the stream's end cut off."""


@dataclass(frozen=True, slots=True)
class CallNeeds:
    """What every call is given by the desk."""

    desk: DeskHands
    settings: Settings
    journey: Journey
    transcript: Transcript
    tools: ToolRegistry
    tool_timeout_s: float
    tell_agent_what_was_heard: bool
    log: Log
    tool_threads: ToolThreads | None = None
    """Where sync tools of all calls run; None: threads of this call's own."""
    sounds: Sounds | None = None
    """Where messages and recordings go; None: nothing is recorded here."""
