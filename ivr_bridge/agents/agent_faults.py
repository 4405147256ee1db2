"""What is wrong with `config/agents/` in the light of the other files; the vendor is never asked."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ivr_bridge.agents.agent_file import (
    ULAW,
    AgentFile,
    agent_paths,
    dynamic_variables,
    override_names,
    prompt_template,
    read_agent_file,
)
from ivr_bridge.agents.handlers import Handler
from ivr_bridge.agents.tool_config import LONGEST_WAIT_S, SPARE_S, wanted_tool
from ivr_bridge.agents.vendor_schema import UntellableError
from ivr_bridge.config_file import Document, Place, Problem, load_document
from ivr_bridge.errors import ConfigError
from ivr_bridge.flows.model import AgentChoice, AgentNode, Flow, LanguageNode

_LANGUAGE = "agent.language"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the agents' files are held against. What could not be read is None: nothing is then said about it."""

    handlers: Sequence[Handler] | None
    knowledge: frozenset[str] | None
    """Names of the files of `config/knowledge/`."""
    bridge: Document[Any] | None
    """`bridge.yaml`; its content has `overrides`, `dynamic_variables` and `tool_timeout_s`."""
    flows: Sequence[Document[Flow]] = field(default=())


def flow_documents(config_dir: Path) -> list[Document[Flow]]:
    """The flows that can be read; what is wrong with the others is told elsewhere."""
    documents = []
    for path in sorted((config_dir / "flows").glob("*.yaml")):
        try:
            documents.append(load_document(path, Flow))
        except ConfigError:
            continue
    return documents


def check_agents(config_dir: Path, around: Surroundings) -> list[Problem]:
    """Every problem and warning of the agents' files.

    Args:
        config_dir: such as `config`.
        around: the other files.
    """
    documents: list[Document[AgentFile]] = []
    problems: list[Problem] = []
    paths = agent_paths(config_dir)
    for path in paths:
        try:
            documents.append(read_agent_file(path))
        except ConfigError as error:
            problems += map(Problem.of, error.problems)
    filled = _filled(around)
    for document in documents:
        problems += _prompt_problems(document, filled)
        problems += _tool_problems(document, around.handlers)
        problems += _knowledge_problems(document, around.knowledge)
        problems += _oddities(document, around.flows)
    if documents:
        problems += _time_limit(around.bridge)
    if documents and len(documents) == len(paths):
        problems += _not_allowed(documents, around)
    return problems


def _prompt_problems(document: Document[AgentFile], filled: set[str] | None) -> list[Problem]:
    """The template, and the vendor's variables, which end a conversation when nobody fills them."""
    file = document.content
    texts = {f"first_message.{language}": text for language, text in file.first_message.items()}
    problems: list[Problem] = []
    try:
        template = prompt_template(document)
    except ConfigError as error:
        problems += map(Problem.of, error.problems)
    else:
        problems += template.problems(file.variables, document, ("variables",))
        texts = {"prompt" if file.prompt_file is None else "prompt_file": template.text, **texts}
    for name, place in dynamic_variables(texts).items() if filled is not None else ():
        if name not in (filled or ()):
            text = f"nobody fills {{{{{name}}}}}: the vendor refuses a conversation without it"
            remedy = "write it in dynamic_variables of bridge.yaml, or of the agent in a flow"
            tried = "warning" if name in file.placeholders else "error"
            problems.append(document.problem(tuple(place.split(".")), text, remedy, severity=tried))  # type: ignore[arg-type]
    return problems


def _tool_problems(document: Document[AgentFile], handlers: Sequence[Handler] | None) -> list[Problem]:
    if handlers is None:
        return []
    by_name = {handler.name: handler for handler in handlers}
    named = document.content.tools
    problems = []
    for index, name in enumerate(by_name if named is None else named):
        place: Place = ("tools",) if named is None else ("tools", index)
        handler = by_name.get(name)
        if handler is None:
            text, remedy = f"there is no handler {name!r}: the agent would call it in vain", ", ".join(by_name)
            problems.append(document.problem(place, text, f"one of: {remedy}; or write it (@tool, config/tools/)"))
            continue
        try:
            wanted_tool(handler.schema, 1)
        except UntellableError as error:
            text = f"the agent cannot be told of the handler {name!r} ({handler.place}): {error}"
            problems.append(document.problem(place, text, "change the handler, or name only other tools here"))
    return problems


def _knowledge_problems(document: Document[AgentFile], known: frozenset[str] | None) -> list[Problem]:
    if known is None:
        return []
    one_of = f"one of: {', '.join(sorted(known))}" if known else "put it there"
    return [
        document.problem(("knowledge", index), f"there is no {name!r} in config/knowledge/", one_of)
        for index, name in enumerate(document.content.knowledge)
        if name not in known
    ]


def _oddities(document: Document[AgentFile], flows: Sequence[Document[Flow]]) -> Iterator[Problem]:
    file = document.content
    for side in ("input", "output"):
        if getattr(file.audio, side) != ULAW:
            text = f"is not {ULAW}, what a telephone speaks: each call is transcoded, and register_call cannot be used"
            yield document.problem(("audio", side), text, f"write {ULAW}", severity="warning")
    if _LANGUAGE not in file.allowed_overrides:
        others = sorted({language for flow in flows for language in _languages(flow.content)} - {file.language})
        if others:
            text = f"{_LANGUAGE} is not among them, and flows speak {', '.join(others)}: it cannot be asked for"
            yield document.problem(("allowed_overrides",), text, f"add {_LANGUAGE}", severity="warning")


def _languages(flow: Flow) -> Iterator[str]:
    """In which a conversation may be begun."""
    if flow.language is not None:
        yield flow.language
    for node in flow.nodes.values():
        if isinstance(node, LanguageNode):
            yield from (node.language,) if node.language is not None else node.options.values()


def _time_limit(bridge: Document[Any] | None) -> list[Problem]:
    if bridge is None:
        return []
    limit_s = bridge.content.tool_timeout_s
    most_s = LONGEST_WAIT_S - SPARE_S
    if not isinstance(limit_s, int | float) or not most_s < limit_s <= LONGEST_WAIT_S:
        return []
    text = f"an agent waits {LONGEST_WAIT_S} s for a tool and no longer: the answer would come too late"
    return [bridge.problem(("tool_timeout_s",), text, f"at most {most_s}")]


def _not_allowed(documents: Sequence[Document[AgentFile]], around: Surroundings) -> Iterator[Problem]:
    """Overrides that are sent and that no agent here allows; the agent may be one that has no file."""
    allowed = {name for document in documents for name in document.content.allowed_overrides}
    for document, place, names in _sent(around):
        for name in names:
            if name not in allowed:
                text = (
                    f"{name} is sent to the agent, and no agent of config/agents/ allows it: it would refuse the call"
                )
                yield document.problem(place, text, "add it to allowed_overrides of that agent", severity="warning")


def _sent(around: Surroundings) -> Iterator[tuple[Document[Any], Place, list[str]]]:
    if around.bridge is not None and isinstance(around.bridge.content.overrides, Mapping):
        yield around.bridge, ("overrides",), override_names(around.bridge.content.overrides)
    for flow in around.flows:
        for place, choice in _choices(flow.content):
            if choice.agent_id is None:
                yield flow, (*place, "overrides"), override_names(choice.overrides)
                yield flow, (*place, "language"), [_LANGUAGE] if choice.language is not None else []


def _choices(flow: Flow) -> Iterator[tuple[Place, AgentChoice]]:
    yield ("agent",), flow.agent
    for name, node in flow.nodes.items():
        if isinstance(node, AgentNode):
            yield ("nodes", name), node


def _filled(around: Surroundings) -> set[str] | None:
    """The vendor's variables that some call fills."""
    if around.bridge is None or not isinstance(around.bridge.content.dynamic_variables, Mapping):
        return None
    names = set(around.bridge.content.dynamic_variables)
    for flow in around.flows:
        for _, choice in _choices(flow.content):
            names |= set(choice.dynamic_variables)
    return names
