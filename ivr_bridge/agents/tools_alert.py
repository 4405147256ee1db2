"""Whether the agent that answers calls and the handlers of this server are of one mind: asked once, at start."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ivr_bridge.agents.agent_file import read_agent_file
from ivr_bridge.agents.found import found_agent
from ivr_bridge.agents.handlers import registered
from ivr_bridge.agents.tools_difference import ToolsDifference, tools_difference
from ivr_bridge.elevenlabs.rest.agents import Agent
from ivr_bridge.elevenlabs.rest.client import ElevenLabsAPIClient
from ivr_bridge.errors import ConfigError, VendorError
from ivr_bridge.telemetry import events
from ivr_bridge.telemetry.log import Log
from ivr_bridge.tools.registry import ToolRegistry


async def alert_of_tools(
    client: ElevenLabsAPIClient, agent: Agent, tools: ToolRegistry, config_dir: Path, log: Log
) -> None:
    """Write an alert when the agent and the handlers differ; no call is refused for it.

    Args:
        client: of the agent's account.
        agent: as it was read.
        tools: those of this server.
        config_dir: where the agent's file may be.
        log: of the server.
    """
    try:
        told = await told_tools(client, agent)
    except VendorError as error:
        log.emit(events.AGENT_TOOLS_UNREAD, agent_id=agent.agent_id, error=str(error))
        return
    difference = agent_difference(agent, told, tools, config_dir)
    if difference:
        log.emit(
            events.AGENT_TOOLS_DIFFER,
            agent_id=agent.agent_id,
            missing_here=list(difference.missing_here),
            missing_there=list(difference.missing_there),
            differing=list(difference.differing),
        )


async def told_tools(client: ElevenLabsAPIClient, agent: Agent) -> list[Mapping[str, Any]]:
    """`tool_config` of every tool that the agent has; one that is gone is left out.

    Raises:
        VendorError: the vendor did not answer, or refused.
    """
    found = found_agent(agent)
    told: list[Mapping[str, Any]] = []
    for tool_id in found.tool_ids:
        try:
            told.append((await client.tools.get(tool_id)).tool_config)
        except VendorError as error:
            if error.status != 404:
                raise
    names = {config.get("name") for config in told}
    # The vendor copies the tools behind `tool_ids` into `tools`, where an older agent holds its own.
    return told + [tool for tool in found.inline_tools if tool.get("name") not in names]


def agent_difference(
    agent: Agent, told: list[Mapping[str, Any]], tools: ToolRegistry, config_dir: Path
) -> ToolsDifference:
    """The difference between an agent and the handlers.

    Args:
        agent: its tags lead to its file.
        told: as `told_tools` gives them.
        tools: those of this server.
        config_dir: where the agent's file may be; without a file no handler is missed at the agent.
    """
    expected: set[str] = set()
    for name in found_agent(agent).names:
        path = config_dir / "agents" / f"{name}.yaml"
        try:
            listed = read_agent_file(path).content.tools if path.is_file() else []
        except ConfigError:
            continue  # `check` tells what is wrong with it
        expected |= set(tools.names if listed is None else listed)
    return tools_difference(registered(tools), told, expected)
