from typing import Any

import pytest
from hypothesis import given

from ivr_bridge.flows.model import Flow
from ivr_bridge.flows.reach import Edge, doors, edges, traps, unreached
from tests.flows.random_flow import flows as any_flow

END = {"kind": "hang_up"}


def flow(start: str = "a", **nodes: Any) -> Flow:
    rest = {name: nodes.pop(name) for name in ("person", "ladder") if name in nodes}
    return Flow.model_validate({"start": start, "nodes": {"end": END, **nodes}, **rest})


def say(following: str) -> dict[str, Any]:
    return {"kind": "prompt", "prompt": "welcome", "next": following}


def menu(otherwise: str, **options: str) -> dict[str, Any]:
    written = {
        name: {"key": str(key), "says": name, "next": target} for key, (name, target) in enumerate(options.items(), 1)
    }
    return {"kind": "menu", "prompt": "main", "options": written or {"x": {"key": "9", "says": "x", "next": "end"}},
            "otherwise": otherwise}  # fmt: skip


def put(following: str) -> dict[str, Any]:
    return {"kind": "set", "variable": "x", "value": "1", "next": following}


def transfer(failed: str) -> dict[str, Any]:
    return {"kind": "transfer", "number": "${NOBODY}", "failed": failed}


DIGITS = {"kind": "digits", "prompt": "ask", "variable": "x"}
HTTP = {"kind": "http", "url": "https://example.com"}


# The ways out of a node


@pytest.mark.parametrize(
    ("node", "ways"),
    [
        (say("b"), [Edge("", "b", ("next",))]),
        (
            menu("d", book="b", info="c"),
            [
                Edge("1 book", "b", ("options", "book", "next"), silent=False),
                Edge("2 info", "c", ("options", "info", "next"), silent=False),
                Edge("otherwise", "d", ("otherwise",)),
            ],
        ),
        ({"kind": "agent"}, []),
        ({"kind": "agent", "next": "b"}, [Edge("ended", "b", ("next",), silent=False)]),
        (
            {**DIGITS, "next": "b", "otherwise": "c"},
            [Edge("digits", "b", ("next",), silent=False), Edge("otherwise", "c", ("otherwise",))],
        ),
        (
            {"kind": "hours", "hours": "h", "open": "b", "closed": "c"},
            [Edge("open", "b", ("open",)), Edge("closed", "c", ("closed",))],
        ),
        (
            {"kind": "hours", "hours": "h", "open": "b", "closed": "c", "holiday": "d"},
            [Edge("open", "b", ("open",)), Edge("closed", "c", ("closed",)), Edge("holiday", "d", ("holiday",))],
        ),
        ({"kind": "language", "language": "es", "next": "b"}, [Edge("", "b", ("next",))]),
        (put("b"), [Edge("", "b", ("next",))]),
        (
            {"kind": "condition", "variable": "x", "equals": "1", "then": "b", "otherwise": "c"},
            [Edge("then", "b", ("then",)), Edge("otherwise", "c", ("otherwise",))],
        ),
        ({**HTTP, "next": "b", "failed": "c"}, [Edge("answered", "b", ("next",)), Edge("failed", "c", ("failed",))]),
        (transfer("b"), [Edge("failed", "b", ("failed",))]),
        (
            {**transfer("b"), "next": "c"},
            [Edge("have talked", "c", ("next",), silent=False), Edge("failed", "b", ("failed",))],
        ),
        ({"kind": "voicemail"}, []),
        (END, []),
        ({"kind": "flow", "flow": "other"}, [Edge("", "other", ("flow",), to_flow=True)]),
    ],
    ids=lambda value: value["kind"] if isinstance(value, dict) else "",
)
def test_the_ways_out_of_a_node(node: dict[str, Any], ways: list[Edge]):
    made = flow(a=node)
    assert list(edges(made, made.nodes["a"])) == ways


def test_doors_and_what_nothing_leads_to():
    made = flow(
        "a",
        a=menu("end", on="b"),
        b=say("a"),
        person=None,
        lost=say("lost_too"),
        lost_too=say("lost"),
        helper=transfer("end"),
        box={"kind": "voicemail"},
    )
    assert doors(made) == ("a",)
    assert unreached(made) == ("lost", "lost_too", "helper", "box")
    with_doors = made.model_copy(
        update={"person": "helper", "ladder": flow(ladder=[{"kind": "voicemail", "node": "box"}]).ladder}
    )
    assert doors(with_doors) == ("a", "helper", "box")
    assert unreached(with_doors) == ("lost", "lost_too")


def test_names_that_nothing_has_lead_nowhere():
    made = flow("nobody", a=say("nothing"), person="gone", ladder=[{"kind": "menu", "node": "none"}])
    assert doors(made) == ()
    assert unreached(made) == ("end", "a")
    assert traps({"main": made, "other": flow("x", a={"kind": "flow", "flow": "nowhere"})}) == ()
    assert traps({"main": flow(a={"kind": "flow", "flow": "main"}, start="gone")}) == ()


# Traps


@pytest.mark.parametrize(
    ("nodes", "circle", "mute"),
    [
        ({"a": say("a")}, "a -> a", False),
        ({"a": say("b"), "b": menu("a")}, "a -> b -> a", False),
        ({"a": menu("b", on="end"), "b": put("a")}, "a -> b -> a", False),
        ({"a": put("b"), "b": put("a")}, "a -> b -> a", True),
        ({"a": {"kind": "language", "language": "es", "next": "a"}}, "a -> a", True),
        ({"a": {"kind": "language", "prompt": "x", "options": {"1": "es"}, "next": "a"}}, "a -> a", False),
        ({"a": {"kind": "hours", "hours": "h", "open": "end", "closed": "a"}}, "a -> a", True),
        ({"a": {"kind": "hours", "hours": "h", "open": "end", "closed": "end", "holiday": "a"}}, "a -> a", True),
        (
            {
                "a": put("b"),
                "b": {"kind": "condition", "variable": "x", "equals": "1", "then": "a", "otherwise": "end"},
            },
            "a -> b -> a",
            True,
        ),
        ({"a": {**HTTP, "next": "end", "failed": "a"}}, "a -> a", False),
        ({"a": {**HTTP, "next": "a", "failed": "end"}}, "a -> a", False),
        ({"a": menu("b"), "b": transfer("a")}, "a -> b -> a", False),
        ({"a": {**DIGITS, "next": "end", "otherwise": "a"}}, "a -> a", False),
        ({"a": {"kind": "flow", "flow": "main"}}, "a -> a", True),
        ({"a": say("end"), "z": say("y"), "y": menu("z")}, "z -> y -> z", False),  # though nothing leads to it
    ],
)
def test_a_circle_of_silent_ways_is_a_trap(nodes: dict[str, Any], circle: str, mute: bool):
    (trap,) = traps({"main": flow(**nodes)})
    assert str(trap) == circle
    assert trap.mute is mute


@pytest.mark.parametrize(
    "nodes",
    [
        {"a": menu("end", again="a", more="b"), "b": say("a")},
        {"a": menu("b"), "b": {"kind": "agent", "next": "a"}},
        {"a": {**DIGITS, "next": "b", "otherwise": "end"}, "b": {**HTTP, "next": "end", "failed": "a"}},
        {"a": say("b"), "b": {"kind": "voicemail"}},
        {"a": menu("b", on="a"), "b": transfer("c"), "c": {"kind": "voicemail"}},
    ],
)
def test_a_way_back_that_the_caller_chooses_is_none(nodes: dict[str, Any]):
    assert traps({"main": flow(**nodes)}) == ()


def test_a_trap_may_go_through_several_flows():
    made = {
        "one": flow(a=say("b"), b={"kind": "flow", "flow": "two"}),
        "two": flow("x", x={"kind": "flow", "flow": "one"}),
    }
    (trap,) = traps(made)
    assert str(trap) == "a -> b -> two.x -> a"
    assert trap.spots == (("one", "a"), ("one", "b"), ("two", "x"))
    assert not trap.mute


def test_all_traps_are_told_in_the_order_of_the_nodes():
    made = {"one": flow(a=menu("b"), b=say("a"), c=put("d"), d=put("c")), "two": flow(a=say("a"))}
    assert [str(trap) for trap in traps(made)] == ["a -> b -> a", "c -> d -> c", "a -> a"]


def silent(made: dict[str, Flow], spot: tuple[str, str]) -> list[tuple[str, str]]:
    found = []
    for edge in edges(made[spot[0]], made[spot[0]].nodes[spot[1]]):
        if edge.to_flow:
            found.extend([(edge.target, made[edge.target].start)] if edge.target in made else [])
        elif edge.silent:
            found.append((spot[0], edge.target))
    return found


@given(first=any_flow(), second=any_flow(most=4))
def test_traps_are_found_exactly_when_a_silent_caller_would_never_come_to_an_end(first: Flow, second: Flow):
    made = {"main": first, "node_1": second}
    spots = [(name, node) for name, each in made.items() for node in each.nodes]
    ends_within: dict[tuple[str, str], int] = {}  # worst case, over all branches
    for _ in spots:
        for spot in spots:
            ways = silent(made, spot)
            if all(way in ends_within for way in ways):
                ends_within[spot] = 1 + max((ends_within[way] for way in ways), default=0)
    found = traps(made)
    assert bool(found) is (len(ends_within) < len(spots))
    for trap in found:
        for here, there in zip(trap.spots, (*trap.spots[1:], trap.spots[0]), strict=True):
            assert there in silent(made, here)


@pytest.mark.parametrize("length", [30])
def test_a_long_flow_costs_no_recursion(length: int):
    nodes = {f"n{number}": say(f"n{number + 1}") for number in range(length * 100)}
    assert traps({"main": flow("n0", **nodes, **{f"n{length * 100}": END})}) == ()
