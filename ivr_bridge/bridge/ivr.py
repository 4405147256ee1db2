"""All that an operator configured, as one call sees it from its first second to its last."""

from dataclasses import dataclass

from ivr_bridge.bridge.agent_profile import AgentProfile
from ivr_bridge.bridge.prompt_links import PromptLinks
from ivr_bridge.flows.engine import Engine
from ivr_bridge.flows.flow_book import FlowBook
from ivr_bridge.language import Language
from ivr_bridge.settings import BridgeConfig
from ivr_bridge.speech.prompts import Prompts
from ivr_bridge.tools.registry import ToolRegistry
from ivr_bridge.twilio.call_desk import Spoken


@dataclass(frozen=True, slots=True)
class Ivr:
    """One reading of `config/`. A change makes a new one for new calls; calls in progress keep theirs."""

    config: BridgeConfig
    book: FlowBook
    engine: Engine
    prompts: Prompts
    profile: AgentProfile
    tools: ToolRegistry
    links: PromptLinks | None = None
    """Where Twilio finds the audio of prompts; None: nowhere, its own voice says them."""

    def spoken(self, prompt: str, language: Language) -> Spoken:
        """A prompt for a moment without a stream: its audio, where there is any, else Twilio's own voice."""
        url = self.links.url_of(self.prompts.get(prompt, language)) if self.links is not None else None
        return Spoken(self.prompts.text(prompt, language), language, (url,) if url else ())
