"""A plan carried out at the vendor, step by step.

Each step is one request, and the plan can be made anew after any of them: killed before or after the vendor did what
was asked, the next run finds what is there by its mark and does the rest.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

from ivr_bridge.agents.desired import joined, nested, without_none
from ivr_bridge.agents.difference import patch
from ivr_bridge.agents.marks import tag_of
from ivr_bridge.agents.plan import AgentStep, Plan, ToolStep
from ivr_bridge.elevenlabs.rest.client import ElevenLabsAPIClient
from ivr_bridge.errors import VendorError

_PROMPT = ("conversation_config", "agent", "prompt")


@dataclass(frozen=True, slots=True)
class Done:
    """One step that was carried out."""

    words: str
    """Such as `tool book_table made`."""
    vendor_id: str
    was_done: bool = True
    """False: the vendor refused to remove what somebody uses after all; it stays."""


async def apply(client: ElevenLabsAPIClient, plan: Plan) -> AsyncIterator[Done]:
    """Carry out every step, in order; gives each when it is done.

    Args:
        client: of the account.
        plan: without errors.

    Raises:
        VendorError: the vendor did not answer, or refused; what was done stays done.
    """
    made: dict[str, str] = {}
    for tool in plan.tools:
        done = await _make_or_mend(client, tool)
        made[tool.name] = done.vendor_id
        yield done
    for agent in plan.agents:
        if agent.action != "none":
            yield await _set_agent(client, agent, made)
    for tool in plan.removals:
        yield await _remove(client, tool)


async def _make_or_mend(client: ElevenLabsAPIClient, step: ToolStep) -> Done:
    if step.tool_id is None:
        tool = await client.tools.create(step.config)
        return Done(f"tool {step.name} made", tool.id)
    await client.tools.update(step.tool_id, step.config)
    return Done(f"tool {step.name} set right", step.tool_id)


async def _set_agent(client: ElevenLabsAPIClient, step: AgentStep, made: Mapping[str, str]) -> Done:
    tool_ids = [ref.tool_id or made[ref.name] for ref in step.tool_refs]
    lists: dict[str, Any] = {}
    if step.agent_id is None or step.tools_changed:
        lists = joined(lists, nested((*_PROMPT, "tool_ids"), tool_ids))
    if step.agent_id is None or step.knowledge_changed:
        lists = joined(lists, nested((*_PROMPT, "knowledge_base"), [dict(entry) for entry in step.knowledge]))
    if step.agent_id is None:
        document = without_none(joined(dict(step.document), lists))
        agent_id = await client.agents.create({**document, "tags": [tag_of(step.name)]})
        return Done(f"agent {step.name} made", agent_id)
    plain = tuple(each for each in step.changes if each.path[0] not in ("tools", "knowledge"))
    await client.agents.update(step.agent_id, joined(patch(plain), lists))
    return Done(f"agent {step.name} changed", step.agent_id)


async def _remove(client: ElevenLabsAPIClient, step: ToolStep) -> Done:
    tool_id = step.tool_id or ""
    # Asked again at the last moment: somebody may have given it to an agent since the plan was made.
    users = [each.id async for each in client.tools.dependent_agents(tool_id)]
    if users:
        return Done(f"old tool {step.name} stays: {', '.join(users)} uses it", tool_id, was_done=False)
    try:
        await client.tools.delete(tool_id)
    except VendorError as error:
        if error.status == 404:
            return Done(f"old tool {step.name} was removed already", tool_id)
        if error.status in (400, 409):
            return Done(f"old tool {step.name} stays: {error}", tool_id, was_done=False)
        raise
    return Done(f"old tool {step.name} removed", tool_id)
