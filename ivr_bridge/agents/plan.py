"""From what is wanted and what is there to the steps between them.                                          pure

The order of the steps is the safety of the whole: first new tools are made, then agents are made or changed to use
them, last of all tools that nobody uses any more are removed. Ended at any point, the next plan holds what is left.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from ivr_bridge.agents.danger import RUNNING, Danger
from ivr_bridge.agents.desired import WantedAgent, WantedDocument
from ivr_bridge.agents.difference import Change, change, differences
from ivr_bridge.agents.found import Found, FoundAgent, FoundTool
from ivr_bridge.agents.marks import document_name, tag_of
from ivr_bridge.agents.tool_config import WantedTool, same_parameters, same_tool

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True, slots=True)
class Remark:
    """Something that no step settles. With an error nothing is applied."""

    severity: Severity
    text: str
    remedy: str


@dataclass(frozen=True, slots=True)
class ToolStep:
    """A tool to make, to set right (somebody changed what bears our mark), or to remove."""

    action: Literal["make", "mend", "remove"]
    name: str
    tool_id: str | None
    config: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ToolRef:
    """A tool of an agent; without an id it is made first."""

    name: str
    tool_id: str | None


@dataclass(frozen=True, slots=True)
class AgentStep:
    """One agent, and everything about it that changes."""

    name: str
    agent_id: str | None
    """None: it is made."""
    document: Mapping[str, Any]
    """What is wanted of it, without tools and knowledge."""
    changes: tuple[Change, ...]
    tool_refs: tuple[ToolRef, ...]
    """All tools that it is to have, those of others too, in order."""
    tools_changed: bool
    knowledge: tuple[Mapping[str, Any], ...]
    """All documents that it is to know, those of others too."""
    knowledge_changed: bool

    @property
    def action(self) -> Literal["make", "change", "none"]:
        """What is done."""
        if self.agent_id is None:
            return "make"
        return "change" if self.changes else "none"


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps in their order, and remarks."""

    tools: tuple[ToolStep, ...] = ()
    """To make and to set right: before the agents."""
    agents: tuple[AgentStep, ...] = ()
    removals: tuple[ToolStep, ...] = ()
    """Behind the agents."""
    remarks: tuple[Remark, ...] = field(default=())

    @property
    def errors(self) -> tuple[Remark, ...]:
        """Why nothing is applied; empty: it may be."""
        return tuple(remark for remark in self.remarks if remark.severity == "error")

    @property
    def steps(self) -> int:
        """How many requests change something; 0: nothing to do."""
        return len(self.tools) + sum(step.action != "none" for step in self.agents) + len(self.removals)

    @property
    def differs(self) -> bool:
        """Whether the vendor holds anything else than the files say."""
        return self.steps > 0 or any(remark.severity != "note" for remark in self.remarks)


@dataclass(frozen=True, slots=True)
class _Scene:
    """What each part of a plan is made from; remarks are added on the way."""

    found: Found
    wanted: Mapping[str, WantedTool]
    kept: Mapping[str, FoundTool | None]
    """The tool at the vendor that is the wanted one already."""
    documents: Mapping[str, WantedDocument]
    remarks: list[Remark]

    def ref(self, name: str) -> ToolRef:
        """The wanted tool of this name."""
        keeper = self.kept[name]
        return ToolRef(name, None if keeper is None else keeper.tool_id)

    def remark(self, severity: Severity, text: str, remedy: str) -> None:
        """Keep what an operator has to know."""
        self.remarks.append(Remark(severity, text, remedy))


def make_plan(
    agents: Sequence[WantedAgent],
    tools: Sequence[WantedTool],
    documents: Mapping[str, WantedDocument],
    found: Found,
) -> Plan:
    """The steps from what is there to what is wanted.

    Args:
        agents: of all files.
        tools: of all handlers; only those are made that an agent is to have.
        documents: of `config/knowledge/`, by name; `knowledge sync` makes them, a plan joins them to agents.
        found: as `read_found` read it.
    """
    used = {name for agent in agents for name in agent.tools}
    wanted = {tool.name: tool for tool in tools if tool.name in used}
    kept = {name: _keeper(tool, found) for name, tool in wanted.items()}
    scene = _Scene(found, wanted, kept, documents, [*_doubled(agents, found), *_without_file(agents, found)])
    tool_steps = []
    for name, tool in wanted.items():
        keeper = kept[name]
        if keeper is None:
            tool_steps.append(ToolStep("make", name, None, tool.config))
        elif not same_tool(tool.config, keeper.config):
            tool_steps.append(ToolStep("mend", name, keeper.tool_id, tool.config))
    agent_steps = []
    for agent in agents:
        of_its_name = [each for each in found.agents if agent.name in each.names]
        if len(of_its_name) <= 1:  # more are told by `_doubled`
            agent_steps.append(_agent_step(agent, of_its_name[0] if of_its_name else None, scene))
    removals = _removals(agent_steps, scene)
    return Plan(tuple(tool_steps), tuple(agent_steps), removals, tuple(scene.remarks))


def _doubled(agents: Sequence[WantedAgent], found: Found) -> list[Remark]:
    remarks = []
    for agent in agents:
        ids = [each.agent_id for each in found.agents if agent.name in each.names]
        if len(ids) > 1:
            text = f"agents {' and '.join(ids)} both bear the tag {tag_of(agent.name)}: which one is meant?"
            remarks.append(Remark("error", text, "take the tag off one of them at the vendor"))
    for there in found.agents:
        if len(there.names) > 1:
            tags = " and ".join(map(tag_of, there.names))
            text = f"agent {there.agent_id} bears two of our tags: {tags}"
            remarks.append(Remark("error", text, "take one of them off at the vendor"))
    return remarks


def _without_file(agents: Sequence[WantedAgent], found: Found) -> list[Remark]:
    names = {agent.name for agent in agents}
    return [
        Remark(
            "note",
            f"agent {there.agent_id} bears the tag {tag_of(name)}, and there is no file for it; it is left alone",
            f"ivr-bridge agents pull --agent {there.agent_id}, or take the tag off at the vendor",
        )
        for there in found.agents
        for name in there.names
        if name not in names
    ]


def _keeper(wanted: WantedTool, found: Found) -> FoundTool | None:
    """The tool that is this one already; of several the one that an agent uses, so that the fewest change."""
    same = [tool for tool in found.tools if tool.mark == wanted.mark]
    return min(same, key=lambda tool: (not tool.users, tool.tool_id), default=None)


def _agent_step(agent: WantedAgent, there: FoundAgent | None, scene: _Scene) -> AgentStep:
    refs, tool_changes = _tool_refs(agent, there, scene)
    knowledge, knowledge_changes = _knowledge(agent, there, scene)
    plain = () if there is None else differences(agent.document, there.document)
    return AgentStep(
        name=agent.name,
        agent_id=None if there is None else there.agent_id,
        document=agent.document,
        changes=(*plain, *tool_changes, *knowledge_changes),
        tool_refs=refs,
        tools_changed=bool(tool_changes),
        knowledge=knowledge,
        knowledge_changed=bool(knowledge_changes),
    )


def _tool_refs(agent: WantedAgent, there: FoundAgent | None, scene: _Scene) -> tuple[tuple[ToolRef, ...], list[Change]]:
    """All tools of an agent, and how that differs from those it has."""
    after = {name: scene.wanted[name].mark for name in agent.tools if name in scene.wanted}
    refs: list[ToolRef] = []
    before: dict[str, FoundTool] = {}
    for tool_id in () if there is None else there.tool_ids:
        tool = scene.found.tool(tool_id)
        if tool is None or (tool.mark is None and tool.name not in after):
            refs.append(ToolRef(tool.name if tool else tool_id, tool_id))
            continue
        if tool.name not in after or scene.ref(tool.name).tool_id != tool_id:
            before[tool.name] = tool
        if tool.name in after and all(ref.name != tool.name for ref in refs):
            refs.append(scene.ref(tool.name))
    if there is not None:
        _refuse_unanswered(agent, there, scene)
    added = after.keys() - {ref.name for ref in refs}
    refs += [scene.ref(name) for name in after if name in added]
    changes = [_tool_change(name, old, scene.wanted[name] if name in after else None) for name, old in before.items()]
    changes += [_tool_change(name, None, scene.wanted[name]) for name in after if name in added]
    return tuple(refs), changes


def _tool_change(name: str, old: FoundTool | None, new: WantedTool | None) -> Change:
    before = None if old is None else f"{old.mark} ({old.tool_id})" if old.mark else f"{old.tool_id}, made by hand"
    told = change(("tools", name), before, None if new is None else str(new.mark))
    if old is not None and new is not None and same_parameters(new.config["parameters"], old.config.get("parameters")):
        danger = Danger("caution", f"its arguments stay as they are; its words or its time limit change; {RUNNING}")
        return replace(told, danger=danger)
    return told


def _refuse_unanswered(agent: WantedAgent, there: FoundAgent, scene: _Scene) -> None:
    """Tools made by hand that the agent calls and that nobody here answers, or that stand beside one of ours."""
    remedy = "write its handler, or take it off the agent at the vendor"
    attached = [tool for each in there.tool_ids if (tool := scene.found.tool(each)) is not None]
    for tool in attached:
        if tool.is_client_tool and tool.mark is None and tool.name not in agent.tools:
            text = f"agent {agent.name} calls the tool {tool.name!r} ({tool.tool_id}), and its file does not name it"
            scene.remark("error", text, remedy)
    known = {tool.name for tool in attached}
    for inline in there.inline_tools:
        name = str(inline.get("name") or "")
        if inline.get("type") == "client" and name not in known:
            beside = (
                "and one of ours of this name is to come" if name in scene.wanted else "and its file does not name it"
            )
            text = f"agent {agent.name} holds the tool {name!r} in itself, {beside}"
            scene.remark("error", text, "take it off the agent at the vendor")


def _knowledge(
    agent: WantedAgent, there: FoundAgent | None, scene: _Scene
) -> tuple[tuple[Mapping[str, Any], ...], list[Change]]:
    """All documents of an agent, those of others first as they are, and how that differs from those it knows."""
    ours = {document.document_id: document.mark for document in scene.found.documents}
    known = () if there is None else there.knowledge
    entries = [entry for entry in known if ours.get(str(entry.get("id"))) is None]
    attached: dict[str, list[Mapping[str, Any]]] = {}
    for entry in known:
        if mark := ours.get(str(entry.get("id"))):
            attached.setdefault(mark.name, []).append(entry)
    changes = [
        change(("knowledge", name), _told(before), None)
        for name, before in attached.items()
        if name not in agent.knowledge
    ]
    for name in agent.knowledge:
        before = attached.get(name, [])
        after = _entry(name, before, scene)
        if after is None:
            text = f"agent {agent.name} is to know {name!r}, and this version of it is not at the vendor"
            scene.remark("warning", text, "ivr-bridge knowledge sync")
            entries += before
            continue
        entries.append(after)
        if _told(before) != _told([after]):
            changes.append(change(("knowledge", name), _told(before), _told([after])))
    return tuple(entries), changes


def _entry(name: str, before: Sequence[Mapping[str, Any]], scene: _Scene) -> Mapping[str, Any] | None:
    """How an agent's list names a document; None when the vendor does not have it. Of several: the one it has."""
    wanted = scene.documents.get(name)
    if wanted is None:
        return None
    attached = {str(entry.get("id")) for entry in before}
    same = [each for each in scene.found.documents if each.mark == wanted.mark]
    if not same:
        return None
    document = min(same, key=lambda each: (each.document_id not in attached, each.document_id))
    full_name = document_name(wanted.mark.name, wanted.mark.content_hash)
    return {"type": document.kind, "id": document.document_id, "name": full_name, "usage_mode": wanted.usage_mode}


def _told(entries: Sequence[Mapping[str, Any]]) -> str | None:
    """Entries in words; None when there are none."""
    words = (f"{each.get('name')} ({each.get('id')}, {each.get('usage_mode') or 'auto'})" for each in entries)
    return ", ".join(words) or None


def _removals(steps: Sequence[AgentStep], scene: _Scene) -> tuple[ToolStep, ...]:
    """Our tools that are of no use any more: what any other agent still uses stays."""
    keepers = {tool.tool_id for tool in scene.kept.values() if tool is not None}
    settled = {step.agent_id for step in steps}
    removals = []
    for tool in scene.found.tools:
        if tool.mark is None or tool.tool_id in keepers:
            continue
        others = [user for user in tool.users if user not in settled]
        if others:
            text = f"the tool {tool.name!r} ({tool.tool_id}) is old, and {', '.join(others)} still uses it; it stays"
            scene.remark("note", text, "nothing, if that agent belongs to another server")
        else:
            removals.append(ToolStep("remove", tool.name, tool.tool_id, tool.config))
    return tuple(removals)
