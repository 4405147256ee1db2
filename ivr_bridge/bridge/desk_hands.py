"""What the desk does for a stream that asks: prompts, agents, services, and closing what is not needed any more."""

from collections.abc import Awaitable, Callable

from ivr_bridge.bridge.admission import greets, wanted_agent
from ivr_bridge.bridge.agent_order import AgentOrder
from ivr_bridge.bridge.fallback import Ladder
from ivr_bridge.bridge.legs import AgentLeg
from ivr_bridge.bridge.live_calls import LiveCall
from ivr_bridge.bridge.parked_agents import ParkedAgent
from ivr_bridge.bridge.switchboard import Switchboard
from ivr_bridge.flows.model import HttpNode, Language
from ivr_bridge.flows.moves import AskHttp, HttpAnswered, PromiseCallback
from ivr_bridge.speech.prompt import Prompt
from ivr_bridge.telemetry import events
from ivr_bridge.tools.context import CallInfo


async def close_agent(live: LiveCall, agent: AgentLeg, *, by_us: bool) -> None:
    """Close the leg of a call's agent.

    Args:
        live: the call.
        agent: nobody talks with it any more.
        by_us: whether it is still open, so that the account and the log name us.
    """
    if by_us:
        live.account.agent_close_code = 1000
        live.log.emit(events.AGENT_CLOSED, close_code=1000, reason="the call is over", by="bridge")
    await agent.close("the call is over")


class HandsForCall:
    """The `DeskHands` of one call.

    Args:
        live: the call.
        switchboard: dials agents and services.
        in_background: does what the stream does not wait for.
    """

    __slots__ = ("_in_background", "_live", "_switchboard")

    def __init__(
        self, live: LiveCall, switchboard: Switchboard, in_background: Callable[[Awaitable[None]], None]
    ) -> None:
        self._live = live
        self._switchboard = switchboard
        self._in_background = in_background

    def info(self) -> CallInfo:
        """What a tool may know of the call."""
        return self._live.info()

    def prompt(self, name: str, language: Language) -> Prompt | None:
        """An operator's prompt, of the configuration that the call began with."""
        return self._live.ivr.prompts.get(name, language)

    def ladder(self) -> Ladder:
        """Of the flow where the call stands."""
        return self._live.ladder()

    def order(self) -> AgentOrder:
        """The agent that the call wants where it stands."""
        return wanted_agent(self._live)

    def greets(self, order: AgentOrder) -> bool:
        """Whether that agent has first words of its own, as far as is known."""
        return greets(self._live, order)

    def dial(self, order: AgentOrder) -> ParkedAgent:
        """Bring an agent."""
        return ParkedAgent(lambda: self._switchboard.dial(self._live, order), self._live.log)

    def discard(self, parked: ParkedAgent) -> None:
        """Let go of an agent in the background."""
        self._in_background(parked.discard("another one is tried"))

    def dismiss(self, agent: AgentLeg, *, by_us: bool) -> None:
        """Close a leg in the background."""
        self._in_background(close_agent(self._live, agent, by_us=by_us))

    def register(self, order: AgentOrder) -> Awaitable[str]:
        """The TwiML of the vendor's own route. Raises VendorError."""
        return self._switchboard.register(self._live, order)

    def ask_http(self, asked: AskHttp, node: HttpNode) -> Awaitable[HttpAnswered]:
        """Ask a service of the operator's."""
        return self._switchboard.ask(self._live, asked, node)

    def promise_callback(self, asked: PromiseCallback) -> Awaitable[bool]:
        """Keep that the caller is to be called back."""
        return self._switchboard.promise_callback(self._live, asked)
