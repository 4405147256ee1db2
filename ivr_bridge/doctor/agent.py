"""The agents that callers get: whether they exist, and whether bridge and agent understand each other."""

from collections.abc import Mapping
from typing import Any

from ivr_bridge.agents.agent_file import NEEDED_EVENTS, ULAW, override_names, read_agent_files
from ivr_bridge.agents.found import found_agent
from ivr_bridge.agents.tools_difference import tools_difference
from ivr_bridge.audio.formats import FORMAT_NAMES
from ivr_bridge.doctor.finding import Finding, NotAsked, fine, joined, wrong
from ivr_bridge.doctor.surroundings import NamedAgent, Surroundings, Written, choices
from ivr_bridge.elevenlabs.rest.agents import Agent
from ivr_bridge.elevenlabs.rest.client import ElevenLabsAPIClient
from ivr_bridge.errors import ConfigError
from ivr_bridge.flows.model import LanguageNode, RegisterCallRung

DEFAULT_EVENTS = (
    "audio",
    "interruption",
    "agent_response",
    "user_transcript",
    "tentative_user_transcript",
    "conversation_initiation_metadata",
    "ping",
)
"""What an agent tells that was told nothing."""
LANGUAGE = "agent.language"
APPLY = "or write it in config/agents/ and run `ivr-bridge agents apply`"


async def exists(around: Surroundings) -> Finding:
    """Every agent that a call may get is there."""
    named = await around.agents()
    if not named:
        return wrong("the account has no agent", f"make one at the vendor and set ELEVENLABS_AGENT_ID, {APPLY}")
    return joined(_exists(each) for each in named)


def _exists(each: NamedAgent) -> Finding:
    if each.agent is not None:
        return fine(f"{each.label}: {each.named_by}")
    if each.error is not None and each.error.status != 404:
        return wrong(f"{each.agent_id} cannot be read: {each.error}", "see the checks of the key")
    remedy = "copy the agent's id from its page at the vendor; it may be in another account, or region"
    return wrong(f"{each.agent_id} ({each.named_by}) does not exist", remedy)


async def _readable(around: Surroundings) -> list[tuple[NamedAgent, Agent]]:
    found = [(each, each.agent) for each in await around.agents() if each.agent is not None]
    if not found:
        raise NotAsked("no agent could be read", "see the check `agent`")
    return found


async def formats(around: Surroundings) -> Finding:
    """Agents hear and speak mu-law 8000, as telephones do, so that nothing is transcoded."""
    written = await around.written()
    handed_over = any(isinstance(rung, RegisterCallRung) for flow in written.flows.values() for rung in flow.ladder)
    return joined(_formats(each, agent, handed_over) for each, agent in await _readable(around))


def _formats(each: NamedAgent, agent: Agent, handed_over: bool) -> Finding:
    sides = {"hears": agent.input_format, "speaks": agent.output_format}
    found = f"{each.label} " + ", ".join(f"{does} {name}" for does, name in sides.items())
    if set(sides.values()) == {ULAW}:
        return fine(found)
    remedy = f"set both audio formats of the agent to {ULAW}, {APPLY}"
    if handed_over:
        return wrong(found, f"{remedy}: a ladder has register_call, and Twilio would play noise")
    if unknown := set(sides.values()) - set(FORMAT_NAMES):
        return wrong(f"{found}, and the bridge does not know {', '.join(sorted(unknown))}", remedy)
    return fine(found, f"{remedy}: as it is, each frame of each call is transcoded")


async def events(around: Surroundings) -> Finding:
    """Agents tell the bridge everything that it goes by."""
    return joined(_events(each, agent) for each, agent in await _readable(around))


def _events(each: NamedAgent, agent: Agent) -> Finding:
    told = agent.client_events or DEFAULT_EVENTS
    missing = [event for event in NEEDED_EVENTS if event not in told]
    if not missing:
        return fine(f"{each.label} tells all that is needed")
    deaf = "; without `interruption` nobody can barge in" if "interruption" in missing else ""
    remedy = f"switch these client events on at the agent, {APPLY}"
    return wrong(f"{each.label} does not tell {', '.join(missing)}{deaf}", remedy)


async def overrides(around: Surroundings) -> Finding:
    """Agents allow what is sent to them; one field too many, and the conversation is closed with 1008."""
    written = await around.written()
    readable = await _readable(around)
    own_id = (await around.agents())[0].agent_id
    sent = sent_overrides(written, own_id)
    speaks_others = any(
        isinstance(node, LanguageNode) for flow in written.flows.values() for node in flow.nodes.values()
    )
    return joined(_overrides(each, agent, sent.get(each.agent_id, {}), speaks_others) for each, agent in readable)


def sent_overrides(written: Written, own_id: str) -> dict[str, dict[str, str]]:
    """Agent -> each field that a conversation with it overrides (`tts.voice_id`) -> where that is written.

    Args:
        written: `config/`.
        own_id: the agent of calls whose flow names none.
    """
    everywhere = dict.fromkeys(override_names(written.bridge.overrides), "bridge.yaml")
    sent: dict[str, dict[str, str]] = {own_id: dict(everywhere)}
    for name, flow in written.flows.items():
        for choice in choices(flow):
            fields = sent.setdefault(choice.agent_id or own_id, dict(everywhere))
            own = override_names({**flow.agent.overrides, **choice.overrides})
            if choice.language is not None:
                own.append(LANGUAGE)
            for field in own:
                fields.setdefault(field, f"flow {name}")
    return sent


def _overrides(each: NamedAgent, agent: Agent, sent: Mapping[str, str], speaks_others: bool) -> Finding:
    allowed = agent.allowed_overrides
    refused = {field: place for field, place in sent.items() if field not in allowed}
    if refused:
        fields = ", ".join(f"{field} ({place})" for field, place in refused.items())
        remedy = f"allow them under the agent's Security, Overrides, {APPLY}; as it is, it refuses these calls"
        return wrong(f"{each.label} does not allow {fields}", remedy)
    found = f"{each.label} allows all that is sent" if sent else f"{each.label} is sent no overrides"
    if speaks_others and LANGUAGE not in allowed:
        return fine(f"{found}, and not {LANGUAGE}", f"allow {LANGUAGE}: a flow lets callers choose their language")
    return fine(found)


async def tools(around: Surroundings) -> Finding:
    """What agents may call, this server answers, with the same arguments."""
    client, written = await around.vendor(), await around.written()
    wanted = await around.in_thread(lambda: _wanted_tools(around))
    findings: list[Finding] = []
    for each, agent in await _readable(around):
        found = found_agent(agent)
        told = await _told(client, found.tool_ids, found.inline_tools)
        expected = [name for tag in found.names for name in _expected(written, wanted, tag)]
        findings.append(_tools(each, written, told, expected))
    return joined(findings)


def _tools(each: NamedAgent, written: Written, told: list[Mapping[str, Any]], expected: list[str]) -> Finding:
    difference = tools_difference(written.handlers, told, expected)
    if not difference:
        n_tools = sum(config.get("type") == "client" for config in told)
        return fine(f"{each.label} has {n_tools} client tool{'s' * (n_tools != 1)}, all answered here")
    parts = {
        "calls what nobody here answers": difference.missing_here,
        "was not told of": difference.missing_there,
        "has other arguments than we for": difference.differing,
    }
    said = "; ".join(f"{words} {', '.join(names)}" for words, names in parts.items() if names)
    return wrong(f"{each.label} {said}", "run `ivr-bridge agents plan`, then apply; or write the missing handler")


def _expected(written: Written, wanted: Mapping[str, list[str] | None], name: str) -> list[str]:
    """The handlers that the agent of this file is to have; of an agent without a file none in particular."""
    named = wanted.get(name, [])
    return [handler.name for handler in written.handlers] if named is None else named


def _wanted_tools(around: Surroundings) -> dict[str, list[str] | None]:
    """File of `config/agents/` -> the tools that it names; None: all."""
    try:
        return {name: each.content.tools for name, each in read_agent_files(around.settings.config_dir).items()}
    except ConfigError:
        return {}


async def _told(
    client: ElevenLabsAPIClient, tool_ids: tuple[str, ...], inline: tuple[Mapping[str, Any], ...]
) -> list[Mapping[str, Any]]:
    """Every tool that the agent was told of; one that stands there twice is looked at once, as it is kept."""
    kept: list[Mapping[str, Any]] = [(await client.tools.get(tool_id)).tool_config for tool_id in tool_ids]
    names = {config.get("name") for config in kept}
    return [*kept, *(config for config in inline if config.get("name") not in names)]
