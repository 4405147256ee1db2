"""A plan for people, and for machines."""

import difflib
from typing import Any

import orjson
from rich.console import Console
from rich.text import Text

from ivr_bridge.agents.danger import worst
from ivr_bridge.agents.difference import Change
from ivr_bridge.agents.plan import AgentStep, Plan, ToolStep

STYLES = {"safe": "green", "caution": "yellow", "danger": "bold red"}
REMARK_STYLES = {"error": "bold red", "warning": "yellow", "note": "dim"}
_ACTIONS = {"make": "make", "mend": "set right", "remove": "remove", "change": "change", "none": "as it should be"}
_ACTION_STYLES = {"make": "green", "mend": "yellow", "remove": "red", "change": "yellow", "none": "dim"}
_LONG_TEXT = 80
_CONTEXT_LINES = 2


def plan_json(plan: Plan) -> dict[str, Any]:
    """`differs`, `steps`, `agents`, `tools`, `remarks`."""
    return {
        "differs": plan.differs,
        "steps": plan.steps,
        "agents": [_agent_json(step) for step in plan.agents],
        "tools": [
            {"name": step.name, "id": step.tool_id, "action": step.action} for step in (*plan.tools, *plan.removals)
        ],
        "remarks": [
            {"severity": remark.severity, "text": remark.text, "remedy": remark.remedy} for remark in plan.remarks
        ],
    }


def _agent_json(step: AgentStep) -> dict[str, Any]:
    return {
        "name": step.name,
        "agent_id": step.agent_id,
        "action": step.action,
        "level": worst([change.danger for change in step.changes]),
        "changes": [change.as_json() for change in step.changes],
    }


def show_plan(console: Console, plan: Plan) -> None:
    """Every step with its danger, and every remark."""
    for tool in plan.tools:
        _show_tool(console, tool)
    for agent in plan.agents:
        heading = Text.assemble(("agent ", "bold"), (agent.name, "bold"), "  ")
        if agent.agent_id is not None:
            heading.append(f"{agent.agent_id}  ", "dim")
        heading.append(_ACTIONS[agent.action], _ACTION_STYLES[agent.action])
        console.print(heading)
        if agent.action == "make":
            tools = ", ".join(ref.name for ref in agent.tool_refs) or "none"
            console.print(
                Text(f"  safe: nobody calls it until ELEVENLABS_AGENT_ID names it; its tools: {tools}", "dim")
            )
        for change in agent.changes if agent.agent_id is not None else ():
            _show_change(console, change)
    for tool in plan.removals:
        _show_tool(console, tool)
    for remark in plan.remarks:
        style = REMARK_STYLES[remark.severity]
        console.print(Text.assemble((remark.severity, style), "  ", remark.text, (f"; {remark.remedy}", "dim")))
    console.print(Text(_summary(plan), "bold red" if plan.errors else "bold"))


def _show_tool(console: Console, step: ToolStep) -> None:
    line = Text.assemble(("tool ", "bold"), (step.name, "bold"), "  ")
    if step.tool_id is not None:
        line.append(f"{step.tool_id}  ", "dim")
    line.append(_ACTIONS[step.action], _ACTION_STYLES[step.action])
    if step.action == "mend":
        line.append("  somebody changed it at the vendor, and the agent calls it so", "dim")
    if step.action == "remove":
        line.append("  no agent uses it any more once this is applied", "dim")
    console.print(line)


def _show_change(console: Console, change: Change) -> None:
    level = change.danger.level
    line = Text.assemble("  ", (f"{level:<8}", STYLES[level]), (change.place, "bold"))
    diff = _unified(change)
    if not diff:
        line.append(f"  {_told(change.before)} -> {_told(change.after)}")
    console.print(line)
    for row in diff:
        style = "green" if row.startswith("+") else "red" if row.startswith("-") else "dim"
        console.print(Text(f"    {row}", style))
    console.print(Text(f"          {change.danger.words}", "dim"))


def _unified(change: Change) -> list[str]:
    """The lines of a long text that change; empty for a short one."""
    before, after = change.before or "", change.after or ""
    if not (isinstance(before, str) and isinstance(after, str)):
        return []
    if max(len(before), len(after)) <= _LONG_TEXT and "\n" not in before + after:
        return []
    rows = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=_CONTEXT_LINES)
    return list(rows)[2:]


def _told(value: Any) -> str:
    return "nothing" if value is None else value if isinstance(value, str) else orjson.dumps(value).decode()


def _summary(plan: Plan) -> str:
    if plan.errors:
        return f"{_count(len(plan.errors), 'error')}: nothing can be applied"
    if plan.steps == 0:
        return "nothing to do" if not plan.differs else "nothing to apply"
    level = worst([change.danger for step in plan.agents for change in step.changes])
    return f"{_count(plan.steps, 'step')}, {level}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + "s" * (number != 1)
