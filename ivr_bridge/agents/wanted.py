"""Everything that `config/` wants of the vendor's agents and tools, in one reading."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ivr_bridge.agents.agent_faults import Surroundings, check_agents, flow_documents
from ivr_bridge.agents.agent_file import prompt_text, read_agent_files
from ivr_bridge.agents.desired import WantedAgent, WantedDocument, wanted_agent
from ivr_bridge.agents.handlers import read_handlers
from ivr_bridge.agents.knowledge_file import read_knowledge
from ivr_bridge.agents.marks import ContentMark
from ivr_bridge.agents.tool_config import WantedTool, wanted_tool
from ivr_bridge.config_file import load_document
from ivr_bridge.errors import ConfigError
from ivr_bridge.settings import BridgeConfig


@dataclass(frozen=True, slots=True)
class Wanted:
    """Agents in the order of their files, and what any of them is to have."""

    agents: tuple[WantedAgent, ...]
    tools: tuple[WantedTool, ...]
    documents: Mapping[str, WantedDocument]
    """Those of `config/knowledge/`, by name."""


def read_wanted(config_dir: Path) -> Wanted:
    """Read every file that has to do with agents.

    Args:
        config_dir: such as `config`.

    Raises:
        ConfigError: there is no agent's file, or something that `ivr-bridge check` calls a problem.
    """
    bridge = load_document(config_dir / "bridge.yaml", BridgeConfig)
    handlers = read_handlers(config_dir, bridge.content.tools_module)
    knowledge = read_knowledge(config_dir)
    around = Surroundings(handlers, frozenset(knowledge), bridge, flow_documents(config_dir))
    problems = [problem for problem in check_agents(config_dir, around) if problem.severity == "error"]
    if problems:
        raise ConfigError(*problems)
    documents = read_agent_files(config_dir)
    if not documents:
        raise ConfigError(f"{config_dir / 'agents'} holds no agent; write one, or: ivr-bridge agents pull --agent ID")
    names = tuple(handler.name for handler in handlers)
    agents = tuple(
        wanted_agent(name, document.content, prompt_text(document), names) for name, document in documents.items()
    )
    used = {tool for agent in agents for tool in agent.tools}
    timeout_s = bridge.content.tool_timeout_s
    tools = tuple(wanted_tool(handler.schema, timeout_s) for handler in handlers if handler.name in used)
    wanted_documents = {
        name: WantedDocument(ContentMark(name, document.content_hash), document.usage_mode)
        for name, document in knowledge.items()
    }
    return Wanted(agents, tools, wanted_documents)
