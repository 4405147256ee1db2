"""What is wrong with flows that each fit the model: names that nothing has, traps, and what is only odd.       pure"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from ivr_bridge.config_file import Document, Place, Problem
from ivr_bridge.flows.callback_node import DIGIT_PROMPTS, CallbackNode
from ivr_bridge.flows.model import ApologyRung, Flow, FlowNode, HoursNode, HttpNode, Node, NodeRung, TransferNode
from ivr_bridge.flows.reach import edges, traps, unreached

NOTHING_FOR_MACHINES = "hang_up"
"""What `outbound.machine` may be beside a prompt."""
GREETINGS = ("cached", "agent")
"""What `greeting` may be beside a prompt."""
RUNG_KINDS = {"person": "transfer", "menu": "menu", "voicemail": "voicemail"}
"""Rung that names a node -> the kind of node that it needs."""

_PROMPT_FIELDS = ("prompt", "no_input", "no_match", "confirm", "ask_number", "confirmed")
_ENVIRONMENT = re.compile(r"\$\{([A-Z_][A-Z0-9_]*)\}")
_SECRET_HEADER = re.compile(r"(?i)auth|token|secret|cookie|key")
_NAMES_LISTED = 12

Documents = Mapping[str, Document[Flow]]
"""Flows by name, as far as they could be read."""


@dataclass(frozen=True, slots=True)
class KnownNames:
    """What a flow may name outside itself; None where that could not be read, so that nothing is said about it."""

    flows: Collection[str]
    prompts: Collection[str] | None
    calendars: Collection[str] | None


def faults(documents: Documents, known: KnownNames) -> Iterator[Problem]:
    """Everything for which a configuration is refused."""
    for document in documents.values():
        yield from _flow_faults(document, known)
        for name, node in document.content.nodes.items():
            yield from _node_faults(document, name, node, known)
    yield from _shared_numbers(documents)
    for trap in traps({name: document.content for name, document in documents.items()}):
        named, stop = trap.spots[0]
        what = (
            "nobody hears anything and it goes round for ever" if trap.mute else "who does nothing goes round for ever"
        )
        yield documents[named].problem(
            ("nodes", stop),
            f"{what}: {trap}",
            "lead one of these on to hang_up, voicemail or an agent",
        )


def oddities(documents: Documents, environ: Mapping[str, str]) -> Iterator[Problem]:
    """What an operator should know of, though calls are taken: warnings."""
    led_to = _led_to(documents)
    for name, document in documents.items():
        flow = document.content
        if not flow.disclosure:
            yield _odd(
                document,
                ("disclosure",),
                "callers are not told that they speak with a machine",
                "remove the line, and the prompt `disclosure` is said first",
            )
        if name not in led_to:
            yield _odd(document, ("numbers",), "no call comes here", "give it numbers, or lead to it by a flow node")
        for lost in unreached(flow):
            yield _odd(document, ("nodes", lost), "nothing leads here", "lead to it, or remove it")
        for label, node in flow.nodes.items():
            yield from _environment_oddities(document, ("nodes", label), node, environ)


def _flow_faults(document: Document[Flow], known: KnownNames) -> Iterator[Problem]:
    flow = document.content
    if flow.start not in flow.nodes:
        yield _unknown(document, ("start",), "node", flow.start, flow.nodes)
    if flow.person is not None:
        yield from _kind_faults(document, ("person",), flow.person, "transfer")
    for number, rung in enumerate(flow.ladder):
        if isinstance(rung, NodeRung):
            yield from _kind_faults(document, ("ladder", number, "node"), rung.node, RUNG_KINDS[rung.kind])
        if isinstance(rung, ApologyRung) and number + 1 < len(flow.ladder):
            yield document.problem(("ladder", number), "ends the call, so the rungs after it never come", "put it last")
    if flow.disclosure:
        yield from _prompt_faults(document, ("disclosure",), flow.disclosure, known)
    if flow.recording is not None:
        yield from _prompt_faults(document, ("recording", "announce"), flow.recording.announce, known)
    if flow.outbound is not None:
        if flow.outbound.machine != NOTHING_FOR_MACHINES:
            yield from _prompt_faults(document, ("outbound", "machine"), flow.outbound.machine, known)
        if flow.outbound.hours is not None:
            yield from _calendar_faults(document, ("outbound", "hours"), flow.outbound.hours, known)
    if flow.greeting is not None and flow.greeting not in GREETINGS:
        yield from _prompt_faults(document, ("greeting",), flow.greeting, known)


def _node_faults(document: Document[Flow], name: str, node: Node, known: KnownNames) -> Iterator[Problem]:
    flow, place = document.content, ("nodes", name)
    for edge in edges(flow, node):
        kind, names = ("flow", known.flows) if edge.to_flow else ("node", flow.nodes)
        if edge.target not in names:
            yield _unknown(document, (*place, *edge.field), kind, edge.target, names)
    for field in _PROMPT_FIELDS:
        prompt = getattr(node, field, None)
        if prompt is not None:
            yield from _prompt_faults(document, (*place, field), prompt, known)
    if isinstance(node, HoursNode):
        yield from _calendar_faults(document, (*place, "hours"), node.hours, known)
    if isinstance(node, CallbackNode):
        unwritten = [digit for digit in DIGIT_PROMPTS if known.prompts is not None and digit not in known.prompts]
        if unwritten:
            text = f"a number is read out by prompts, and there is no {unwritten[0]!r}"
            yield document.problem(place, text, f"write {', '.join(unwritten)} in every language")
        if node.flow is not None and node.flow not in known.flows:
            yield _unknown(document, (*place, "flow"), "flow", node.flow, known.flows)


def _calendar_faults(document: Document[Flow], place: Place, name: str, known: KnownNames) -> Iterator[Problem]:
    if known.calendars is not None and name not in known.calendars:
        yield _unknown(document, place, "calendar of hours.yaml", name, known.calendars)


def _kind_faults(document: Document[Flow], place: Place, name: str, kind: str) -> Iterator[Problem]:
    nodes = document.content.nodes
    fitting = [each for each, node in nodes.items() if node.kind == kind]
    if name not in nodes:
        yield _unknown(document, place, "node", name, fitting)
    elif nodes[name].kind != kind:
        text = f"{name!r} is a node of kind {nodes[name].kind}, and {kind} is needed"
        yield document.problem(place, text, _which(name, fitting, "node"))


def _prompt_faults(document: Document[Flow], place: Place, prompt: str, known: KnownNames) -> Iterator[Problem]:
    if known.prompts is not None and prompt not in known.prompts:
        yield _unknown(document, place, "prompt", prompt, known.prompts)


def _shared_numbers(documents: Documents) -> Iterator[Problem]:
    taken: dict[str, str] = {}
    for document in documents.values():
        for index, pattern in enumerate(document.content.numbers):
            place = ("numbers", index)
            if other := taken.get(pattern.casefold()):
                yield document.problem(place, f"{pattern!r} begins at {other} already", "remove one of the two")
            taken.setdefault(pattern.casefold(), f"{document.path}:{document.line_of(place)}")


def _led_to(documents: Documents) -> set[str]:
    """The flows that a call can come to: by its number, because we make it, or from such a flow."""
    ahead = [name for name, document in documents.items() if document.content.numbers]
    ahead += [name for name, document in documents.items() if document.content.outbound is not None]
    found: set[str] = set()
    while ahead:
        name = ahead.pop()
        if name in found or name not in documents:
            continue
        found.add(name)
        for node in documents[name].content.nodes.values():
            if isinstance(node, FlowNode | CallbackNode) and node.flow is not None:
                ahead.append(node.flow)
    return found


def _environment_oddities(
    document: Document[Flow], place: Place, node: Node, environ: Mapping[str, str]
) -> Iterator[Problem]:
    if isinstance(node, TransferNode):
        yield from _transfer_oddities(document, place, node, environ)
    elif isinstance(node, CallbackNode):
        if not (environ.get("OUTBOUND_CALLER_ID") and _can_ask_twilio(environ)):
            text = "nobody is called back by this server, for it can make no calls"
            yield _odd(document, place, text, "set OUTBOUND_CALLER_ID, and what Twilio's REST API needs")
    elif isinstance(node, HttpNode):
        for header, value in node.headers.items():
            where = (*place, "headers", header)
            for name in _unset(value, environ):
                yield _odd(document, where, f"{name} is not set", f"set {name} in the environment")
            if _SECRET_HEADER.search(header) and not _ENVIRONMENT.search(value):
                yield _odd(document, where, "a secret does not belong into a file", "write ${NAME} and set it there")


def _transfer_oddities(
    document: Document[Flow], place: Place, node: TransferNode, environ: Mapping[str, str]
) -> Iterator[Problem]:
    for index, address in enumerate(node.addresses):
        where = (*place, "number") if node.number is not None else (*place, "numbers", index)
        for name in _unset(address, environ):
            yield _odd(document, where, f"{name} is not set, so nobody is called", f"set {name} in the environment")
    for name in _unset(node.caller_id or "", environ):
        where = (*place, "caller_id")
        yield _odd(document, where, f"{name} is not set, so it is left to Twilio", f"set {name} in the environment")
    if node.mode == "warm" and not _can_ask_twilio(environ):
        text = "a warm transfer needs Twilio's REST API; without it this one is made cold"
        remedy = "set TWILIO_ACCOUNT_SID, and TWILIO_API_KEY_SID with TWILIO_API_KEY_SECRET or TWILIO_AUTH_TOKEN"
        yield _odd(document, (*place, "mode"), text, remedy)


def _can_ask_twilio(environ: Mapping[str, str]) -> bool:
    key = environ.get("TWILIO_API_KEY_SID") and environ.get("TWILIO_API_KEY_SECRET")
    return bool(environ.get("TWILIO_ACCOUNT_SID") and (key or environ.get("TWILIO_AUTH_TOKEN")))


def _unset(text: str, environ: Mapping[str, str]) -> Iterator[str]:
    return (name for name in _ENVIRONMENT.findall(text) if not environ.get(name))


def _unknown(document: Document[Flow], place: Place, kind: str, name: str, names: Collection[str]) -> Problem:
    return document.problem(place, f"there is no {kind} {name!r}", _which(name, names, kind))


def _which(name: str, names: Collection[str], kind: str) -> str:
    """The names that come near; else those that there are."""
    near = get_close_matches(name, list(names), 3)
    if near:
        return f"one of: {', '.join(near)}"
    listed = sorted(names)
    more = ", ..." if len(listed) > _NAMES_LISTED else ""
    return f"one of: {', '.join(listed[:_NAMES_LISTED])}{more}" if listed else f"write a {kind} of that name"


def _odd(document: Document[Flow], place: Place, text: str, remedy: str) -> Problem:
    return document.problem(place, text, remedy, "warning")
