"""The engine of a flow: (state, input, moment) -> (state, actions).                                            pure

It holds nothing of a call: everything stands in `FlowState`, and whoever performs the actions (bridge/) keeps that.
Any input may come in any state, late, doubled or without sense: the step then has no actions, and never an error.

Who has the floor, where there is an agent: the agent while `waiting` is "agent", or while a menu is open and
`conversing`; else the flow, and the agent's audio is held.

After `waiting` has become "over" no step has an action. A state that waits has either a `due_at`, or one of these to
come: `PromptsPlayed` (prompt, key, digits), the agent's doing (agent, or a menu while conversing), `HttpAnswered`
(http), `DialEnded` (away).
"""

from collections.abc import Mapping
from datetime import datetime

from ivr_bridge.flows.arrival import settle
from ivr_bridge.flows.inputs import take
from ivr_bridge.flows.model import AgentNode, Flow, FlowNode, HoursNode, Language, LanguageNode, MenuNode, Node
from ivr_bridge.flows.moves import Action, FlowInput, FlowState, Moment
from ivr_bridge.flows.reach import edges
from ivr_bridge.flows.walk import Book, Hours, Walk, values


class Engine:
    """All flows of one configuration; calls that run keep the engine they began with."""

    def __init__(
        self,
        flows: Mapping[str, Flow],
        calendars: Mapping[str, Hours],
        environ: Mapping[str, str] | None = None,
    ) -> None:
        """Take what `flow_book` has checked: every name that a node gives is there.

        Args:
            flows: by name.
            calendars: by name; a missing one counts as closed.
            environ: for `${NAME}` in numbers and headers; a missing one is empty.
        """
        self._book = Book(flows, calendars, environ or {})

    def begin(self, flow: str, language: Language, variables: Mapping[str, str]) -> FlowState:
        """The state of a call before anything has happened; give `CallBegun` next.

        Args:
            flow: its name.
            language: the call's; the flow's own is the caller's matter.
            variables: `caller`, `called`, `call_sid` and whatever else templates may name.

        Raises:
            KeyError: no such flow.
        """
        begun = self._book.flows[flow]
        return FlowState(
            flow=flow, node=begun.start, language=language, variables=dict(variables), disclosure=begun.disclosure or ""
        )

    def step(self, state: FlowState, happened: FlowInput, now: Moment) -> tuple[FlowState, tuple[Action, ...]]:
        """Take one input.

        Args:
            state: of `begin` or of the step before.
            happened: what has come to pass.
            now: when; never earlier than in the step before.

        Returns:
            The new state, and what is to be done, in this order.
        """
        if state.waiting == "over":
            return state, ()
        walk = Walk(self._book, state, now)
        take(walk, happened)
        settle(walk)
        return walk.done()

    def node(self, state: FlowState) -> Node:
        """The node where a call stands."""
        return self._book.node(state)

    def flow(self, state: FlowState) -> Flow:
        """The flow where a call stands: not always the one it began in."""
        return self._book.flows[state.flow]

    def options(self, state: FlowState) -> Mapping[str, str]:
        """What `choose_option` takes now, name -> words; empty when no menu is open to the agent."""
        menu = self._book.open_menu(state)
        return {name: option.says for name, option in menu.options.items()} if menu else {}

    def values(self, state: FlowState) -> Mapping[str, str]:
        """What a template may name now, `language` included."""
        return values(state)

    def agent_has_floor(self, state: FlowState) -> bool:
        """Whether the agent's audio goes to the caller now; else it is held."""
        return state.waiting == "agent" or state.conversing

    def needs_agent(self, flow: str, wall: datetime | None = None) -> bool:
        """Whether a call that begins at this flow may come to talk with the agent: then one is dialled for it.

        Every way through the flow is looked at, those of other flows that it leads to as well.

        Args:
            flow: its name.
            wall: now, with a time zone: opening hours are then taken as they are, so that a closed line dials nobody.
        """
        seen: set[tuple[str, str]] = set()
        ahead = [(flow, self._book.flows[flow].start)]
        while ahead:
            place = ahead.pop()
            if place in seen:
                continue
            seen.add(place)
            name, node = place[0], self._book.flows[place[0]].nodes[place[1]]
            if isinstance(node, AgentNode) or (isinstance(node, MenuNode) and node.agent):
                return True
            ahead.extend(self._ways(name, node, wall))
        return False

    def _ways(self, name: str, node: Node, wall: datetime | None) -> list[tuple[str, str]]:
        flow = self._book.flows[name]
        match node:
            case FlowNode():
                return [(node.flow, self._book.flows[node.flow].start)]
            case HoursNode() if wall is not None:
                return [(name, self._book.branch(node, wall))]
            case MenuNode() | LanguageNode() if flow.person is not None:
                return [(name, flow.person), *((name, edge.target) for edge in edges(flow, node))]
            case _:
                return [(name, edge.target) for edge in edges(flow, node)]
