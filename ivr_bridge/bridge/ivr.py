"""All that an operator configured, as one call sees it from its first second to its last."""

from dataclasses import dataclass

from ivr_bridge.bridge.agent_profile import AgentProfile
from ivr_bridge.flows.engine import Engine
from ivr_bridge.flows.flow_book import FlowBook
from ivr_bridge.settings import BridgeConfig
from ivr_bridge.speech.prompts import Prompts
from ivr_bridge.tools.registry import ToolRegistry


@dataclass(frozen=True, slots=True)
class Ivr:
    """One reading of `config/`. A change makes a new one for new calls; calls in progress keep theirs."""

    config: BridgeConfig
    book: FlowBook
    engine: Engine
    prompts: Prompts
    profile: AgentProfile
    tools: ToolRegistry
