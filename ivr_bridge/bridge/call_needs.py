"""What the desk hands to a call."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from ivr_bridge.bridge.agent_order import AgentOrder
from ivr_bridge.bridge.fallback import Ladder
from ivr_bridge.bridge.greeting_choice import Greeting
from ivr_bridge.bridge.journey import Journey
from ivr_bridge.bridge.legs import AgentLeg
from ivr_bridge.bridge.parked_agents import ParkedAgent
from ivr_bridge.bridge.transcript import Transcript
from ivr_bridge.flows.model import HttpNode, Language
from ivr_bridge.flows.moves import AskHttp, HttpAnswered
from ivr_bridge.settings import Settings
from ivr_bridge.speech.prompt import Prompt
from ivr_bridge.telemetry.log import Log
from ivr_bridge.tools.context import CallInfo
from ivr_bridge.tools.registry import ToolRegistry
from ivr_bridge.tools.threads import ToolThreads


@dataclass(frozen=True, slots=True)
class Opening:
    """How a stream begins: the agent on its way, if the flow wants one, and the first words."""

    agent: ParkedAgent | None
    order: AgentOrder
    """By which that agent was dialled."""
    greeting: Greeting


@dataclass(frozen=True, slots=True)
class CallNeeds:
    """What every call is given by the desk."""

    settings: Settings
    journey: Journey
    ladder: Callable[[], Ladder]
    """Of the flow where the call stands."""
    transcript: Transcript
    prompt: Callable[[str, Language], Prompt | None]
    """An operator's prompt by name; None when it was never rendered."""
    tools: ToolRegistry
    tool_timeout_s: float
    tell_agent_what_was_heard: bool
    info: Callable[[], CallInfo]
    log: Log
    order: Callable[[], AgentOrder]
    """What the flow, the node and the call's language want now."""
    dial: Callable[[AgentOrder], Awaitable[AgentLeg]]
    register: Callable[[AgentOrder], Awaitable[str]]
    """The vendor's own route: TwiML. Raises VendorError."""
    greets: Callable[[AgentOrder], bool]
    """Whether the agent of this order has first words of its own, as far as is known."""
    dismiss: Callable[[AgentLeg, bool], None]
    """Close a leg that another one takes the place of; whether it is we who close."""
    discard: Callable[[ParkedAgent], None]
    """Let go of an agent that nobody waits for any more."""
    ask_http: Callable[[AskHttp, HttpNode], Awaitable[HttpAnswered]]
    tool_threads: ToolThreads | None = None
    """Where sync tools of all calls run; None: threads of this call's own."""
