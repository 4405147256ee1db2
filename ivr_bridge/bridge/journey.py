"""A call's way through its flow: where the engine stands, across all streams of the call."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from ivr_bridge.flows.engine import Engine
from ivr_bridge.flows.model import AgentNode, DigitsNode, Flow, Language, MenuNode, Node, TransferNode
from ivr_bridge.flows.moves import Action, FlowInput, FlowState, Moment, TakeVoicemail, Transfer
from ivr_bridge.telemetry import events
from ivr_bridge.telemetry.log import Log

Leaving = Transfer | TakeVoicemail


def utc_now() -> datetime:
    """The wall clock, by which opening hours are told."""
    return datetime.now(UTC)


class Journey:
    """The engine's state of one call, and what Twilio shall do when its stream is over.

    Args:
        engine: of the configuration that the call began with.
        flow: where it begins.
        language: the call's at its beginning.
        variables: `caller`, `called`, `call_sid`.
        log: of the call.
        wall: tells the time.
    """

    __slots__ = (
        "_engine", "_log", "_wall", "changed", "digits_due", "leaving", "news", "pending", "recording_announced",
        "said_on_leaving", "state", "vendors_twiml",
    )  # fmt: skip

    def __init__(
        self,
        engine: Engine,
        flow: str,
        language: Language,
        variables: Mapping[str, str],
        log: Log,
        *,
        wall: Callable[[], datetime] = utc_now,
    ) -> None:
        self._engine = engine
        self._log = log
        self._wall = wall
        self.state: FlowState = engine.begin(flow, language, variables)
        self.changed: Callable[[], None] | None = None
        """Called after each step."""
        self.pending: tuple[Action, ...] = ()
        """Of a step that was taken between two streams: to be performed in the next one."""
        self.leaving: Leaving | None = None
        """What the stream was left for."""
        self.said_on_leaving = False
        """Whether the recorder's prompt was heard in the stream already."""
        self.news = ""
        """What the agent is told when it sits in the next stream."""
        self.recording_announced = False
        """Whether the caller has heard that the call is recorded."""
        self.digits_due = ""
        """What Twilio is to press before the next stream."""
        self.vendors_twiml: str | None = None
        """What the stream was left for when it is the vendor's own route."""
        log.emit(events.FLOW_CHOSEN, flow=flow, language=language)

    @property
    def flow(self) -> Flow:
        """The flow that the call is in."""
        return self._engine.flow(self.state)

    @property
    def node(self) -> Node:
        """Where it stands."""
        return self._engine.node(self.state)

    @property
    def language(self) -> Language:
        """What it is spoken in."""
        return self.state.language

    @property
    def options(self) -> Mapping[str, str]:
        """Of the open menu, name -> words; empty when none is open."""
        return self._engine.options(self.state)

    @property
    def options_by_key(self) -> bool:
        """Whether a menu waits for a key."""
        return isinstance(self.node, MenuNode)

    @property
    def talk_ends_call(self) -> bool:
        """Whether the call ends when caller and person have talked."""
        return not isinstance(self.node, TransferNode) or self.node.next is None

    @property
    def agent_has_floor(self) -> bool:
        """Whether the flow lets the agent be heard now."""
        return self._engine.agent_has_floor(self.state)

    @property
    def values(self) -> Mapping[str, str]:
        """What a template may name now."""
        return self._engine.values(self.state)

    @property
    def may_need_agent(self) -> bool:
        """Whether an agent should be dialled for what lies ahead."""
        return self.state.waiting != "over" and self._engine.needs_agent(self.state.flow, self._wall())

    def begin_anew(self) -> None:
        """Somebody sent the call here again while it waited for what does not come any more."""
        if self.state.waiting in ("away", "http", "over"):
            self.state = self._engine.begin(self.state.flow, self.language, self.state.variables)

    def came_back(self) -> None:
        """What the stream was left for is over."""
        self.leaving = None
        self.said_on_leaving = False
        self.vendors_twiml = None

    @property
    def agent_node(self) -> AgentNode | None:
        """The agent node that it stands at, if it does."""
        return self.node if isinstance(self.node, AgentNode) else None

    def step(self, happened: FlowInput) -> tuple[Action, ...]:
        """Move on; what is to be done now, in order."""
        before = self.state
        now = Moment(asyncio.get_running_loop().time(), self._wall())
        self.state, actions = self._engine.step(before, happened, now)
        self._tell_collected(before)
        if self.changed is not None:
            self.changed()
        if (self.state.flow, self.state.node) != (before.flow, before.node) or not before.began:
            self._log.emit(
                events.NODE_ENTERED, flow=self.state.flow, node=self.state.node, kind=self._engine.node(self.state).kind
            )
        return actions

    def _tell_collected(self, before: FlowState) -> None:
        node = self._engine.node(before)
        if not isinstance(node, DigitsNode) or self.state.node == before.node:
            return
        digits = self.state.variables.get(node.variable, "")
        if digits and digits != before.variables.get(node.variable):
            shown = "*" * len(digits) if node.sensitive else digits
            self._log.emit(
                events.DIGITS_COLLECTED,
                node=before.node,
                n_digits=len(digits),
                sensitive=node.sensitive,
                pii={"digits": shown},
            )

    def agent_back(self) -> None:
        """An agent is there again, so menus may have one."""
        self.state = replace(self.state, agent_there=True)
