"""Where a flow leads: the ways out of each node, what is never reached, and what no caller would get out of.     pure

A caller who does nothing takes the *silent* ways: `next`, `otherwise`, `failed`, either side of a branch. They end at a
hang-up, a voicemail or an agent. If no silent way ever leads back to where it was, then doing nothing brings the call
to its end, whatever the caller has done before: so a circle of silent ways is a trap, and a flow that has one is
refused. Ways that a caller chooses (an option, digits keyed in) may lead back as they like.

A transfer that fails counts as a step like any other, because an unset number fails at once. What a condition asks is
not looked into: a circle that some variable would break is refused as well; `tries` of a menu does the same honestly.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from ivr_bridge.flows.model import (
    ConditionNode,
    Flow,
    FlowNode,
    HoursNode,
    LanguageNode,
    MenuNode,
    Node,
    NodeRung,
    SetNode,
)

Spot = tuple[str, str]
"""Flow, node."""


@dataclass(frozen=True, slots=True)
class Edge:
    """One way out of a node.

    `target` is a node of the same flow; of an edge with `to_flow`, a flow, at whose start the call goes on.
    """

    label: str
    target: str
    field: tuple[str, ...]
    """Where the target is written, from the node on: `("options", "booking", "next")`."""
    silent: bool = True
    """Whether a caller who does nothing may come this way."""
    to_flow: bool = False


def edges(flow: Flow, node: Node) -> tuple[Edge, ...]:
    """The ways out of one node, in the order in which they are written in the model.

    Labels: `1 booking` for an option, the field's name for a branch, nothing for a plain `next`. What belongs to the
    whole flow (key 0 to `flow.person`, the ladder) is not among them: see `doors`.
    """
    del flow  # the ways of today's kinds are all written in the node itself
    if isinstance(node, FlowNode):
        return (Edge("", node.flow, ("flow",), to_flow=True),)
    found: list[Edge] = []
    if isinstance(node, MenuNode):
        for name, option in node.options.items():
            found.append(Edge(f"{option.key} {name}", option.next, ("options", name, "next"), silent=False))
    for field, label in _WAYS.items():
        target = getattr(node, field, None)
        if target is not None:
            found.append(Edge(_LABELS.get((node.kind, field), label), target, (field,), _silent(node, field)))
    return tuple(found)


_WAYS = {
    "next": "",
    "open": "open",
    "closed": "closed",
    "holiday": "holiday",
    "then": "then",
    "otherwise": "otherwise",
    "failed": "failed",
}
"""Field of a node that names another one -> its label."""

_LABELS = {
    ("agent", "next"): "ended",
    ("digits", "next"): "digits",
    ("http", "next"): "answered",
    ("transfer", "next"): "have talked",
    ("callback", "next"): "promised",
}


def _silent(node: Node, field: str) -> bool:
    """`next` of an agent or a person needs a conversation, that of digits or a callback somebody's keys."""
    return field != "next" or node.kind not in ("agent", "digits", "transfer", "callback")


def doors(flow: Flow) -> tuple[str, ...]:
    """The nodes at which a call may come in: the start, a person, what the ladder names."""
    rungs = (rung.node for rung in flow.ladder if isinstance(rung, NodeRung))
    named = (flow.start, *([flow.person] if flow.person else []), *rungs)
    return tuple(name for name in dict.fromkeys(named) if name in flow.nodes)


def unreached(flow: Flow) -> tuple[str, ...]:
    """The nodes that no way leads to, in their order."""
    seen: set[str] = set()
    ahead = list(doors(flow))
    while ahead:
        name = ahead.pop()
        if name in seen:
            continue
        seen.add(name)
        ways = edges(flow, flow.nodes[name])
        ahead.extend(edge.target for edge in ways if not edge.to_flow and edge.target in flow.nodes)
    return tuple(name for name in flow.nodes if name not in seen)


@dataclass(frozen=True, slots=True)
class Trap:
    """A circle of silent ways, from `spots[0]` round to it again."""

    spots: tuple[Spot, ...]
    mute: bool
    """Whether nothing on it ever waits: then the caller would not even hear anything."""

    def __str__(self) -> str:
        """The circle in words: `a -> b -> a`; a node of another flow than the first one's with its flow's name."""
        own = self.spots[0][0]
        names = [node if flow == own else f"{flow}.{node}" for flow, node in (*self.spots, self.spots[0])]
        return " -> ".join(names)


def traps(flows: Mapping[str, Flow]) -> tuple[Trap, ...]:
    """Every circle that a caller who does nothing would go round for ever.

    Each node stands in one of them at most: of two circles that cross, one is found, and the other when it is mended.
    A way to a node or flow that is not there ends.
    """
    graph = {spot: list(_silent_ways(flows, spot)) for spot in _spots(flows)}
    found: list[Trap] = []
    while circle := _circle(graph):
        first = min(range(len(circle)), key=lambda index: _position(flows, circle[index]))
        spots = (*circle[first:], *circle[:first])
        found.append(Trap(spots, mute=all(_never_waits(flows[flow].nodes[node]) for flow, node in spots)))
        graph = {
            spot: [target for target in targets if target not in spots]
            for spot, targets in graph.items()
            if spot not in spots
        }
    return tuple(sorted(found, key=lambda trap: _position(flows, trap.spots[0])))


def _spots(flows: Mapping[str, Flow]) -> Iterator[Spot]:
    return ((name, node) for name, flow in flows.items() for node in flow.nodes)


def _silent_ways(flows: Mapping[str, Flow], spot: Spot) -> Iterator[Spot]:
    flow = flows[spot[0]]
    for edge in edges(flow, flow.nodes[spot[1]]):
        if edge.to_flow and edge.target in flows and flows[edge.target].start in flows[edge.target].nodes:
            yield edge.target, flows[edge.target].start
        elif not edge.to_flow and edge.silent and edge.target in flow.nodes:
            yield spot[0], edge.target


def _circle(graph: Mapping[Spot, list[Spot]]) -> tuple[Spot, ...]:
    """One circle in the direction of the ways; empty when there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return tuple(reversed(error.args[1][1:]))
    return ()


def _position(flows: Mapping[str, Flow], spot: Spot) -> tuple[int, int]:
    return list(flows).index(spot[0]), list(flows[spot[0]].nodes).index(spot[1])


def _never_waits(node: Node) -> bool:
    if isinstance(node, LanguageNode):
        return node.language is not None
    return isinstance(node, SetNode | ConditionNode | HoursNode | FlowNode)
