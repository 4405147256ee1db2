"""What the bridge knows of its agent: read at start, again and again until that worked; never in a caller's way."""

import asyncio
from contextlib import aclosing

from ivr_bridge.bridge.agent_order import LANGUAGE
from ivr_bridge.bridge.greeting_choice import AGENT, CACHED, Greeting, choose
from ivr_bridge.elevenlabs.rest.agents import Agent
from ivr_bridge.elevenlabs.rest.client import ElevenLabsAPIClient
from ivr_bridge.elevenlabs.rest.request import Repeat
from ivr_bridge.errors import AgentRefused, AgentUnreachable, BridgeError, VendorError, VendorRejected
from ivr_bridge.settings import BridgeConfig
from ivr_bridge.speech.prompt import Prompt
from ivr_bridge.speech.prompts import Prompts
from ivr_bridge.telemetry import events
from ivr_bridge.telemetry.log import Log

FIRST_RETRY_S = 2.0
LONGEST_RETRY_S = 60.0


class AgentProfile:
    """The agent as the vendor described it, and its greeting in its own voice.

    It tries again by itself, and callers have their own next step: the client is told to ask once.
    """

    def __init__(self, rest: ElevenLabsAPIClient, agent_id: str | None, log: Log) -> None:
        """Without `agent_id` it is the first one that the vendor lists and that is not archived. Then `use`."""
        self._rest = rest
        self._agent_id = agent_id
        self._config = BridgeConfig()
        self._prompts: Prompts | None = None
        self._log = log
        self.agent: Agent | None = None
        self._first_message: Prompt | None = None
        self._last_error = ""

    def use(self, config: BridgeConfig, prompts: Prompts) -> None:
        """The configuration that calls get from now on."""
        self._config, self._prompts = config, prompts

    @property
    def state(self) -> str:
        """For /readyz."""
        return "ok" if self.agent is not None else "unread"

    def is_of(self, agent_id: str | None) -> bool:
        """Whether this is the agent that is meant; None means the one of the environment."""
        return agent_id is None or agent_id == self._agent_id

    async def agent_id(self) -> str:
        """Who answers.

        Raises:
            AgentUnreachable: it has to be looked up and the vendor does not answer.
            AgentRefused: the vendor lists no agent, or does not accept the key.
        """
        try:
            return await self._find_id()
        except VendorError as error:
            kind = AgentUnreachable if error.retryable else AgentRefused
            raise kind(str(error)) from error

    async def _find_id(self) -> str:
        if self._agent_id is None:
            async with aclosing(self._rest.agents.list(repeat=Repeat.NEVER)) as agents:
                first = await anext((agent async for agent in agents if not agent.archived), None)
            if first is None:
                raise VendorRejected("this account has no agent; make one, and set ELEVENLABS_AGENT_ID", status=404)
            self._agent_id = first.agent_id
        return self._agent_id

    async def keep_read(self) -> None:
        """Read the agent and render what callers hear first; tries again, ever less often, until both are there."""
        retry_s = FIRST_RETRY_S
        while not await self._read_once():
            await asyncio.sleep(retry_s)
            retry_s = min(retry_s * 2, LONGEST_RETRY_S)

    async def _read_once(self) -> bool:
        try:
            if self.agent is None:
                self.agent = await self._rest.agents.get(await self._find_id(), repeat=Repeat.NEVER)
                self._log.emit(events.AGENT_READ, agent_id=self._agent_id, greeting=self._config.greeting)
            if self._config.greeting == CACHED and self._first_message is None:
                await self._render(self.agent)
        except BridgeError as error:
            if str(error) != self._last_error:
                self._last_error = str(error)
                self._log.emit(events.AGENT_UNREAD, agent_id=self._agent_id, error=f"{error.code}: {error}")
            return False
        return True

    async def _render(self, agent: Agent) -> None:
        if not agent.first_message or agent.has_variables or self._prompts is None:
            return
        self._first_message = await self._prompts.render(
            agent.first_message,
            voice_id=agent.voice_id,
            model_id=agent.model_id,
            language=agent.language or self._config.language,
            voice_settings=agent.voice_settings,
        )

    def greeting(self, mode: str, language: str) -> Greeting:
        """What a call that is answered now, in this language, is greeted with.

        The agent's own first words are in its own language: in another one it says them itself.
        """
        own = mode in (CACHED, AGENT) or self._prompts is None
        operators = None if own or self._prompts is None else self._prompts.get(mode, language)
        cached = None if self.language_override(language) else self._first_message
        return choose(mode, self.agent, cached, operators)

    def language_override(self, language: str) -> bool:
        """Whether a conversation in this language must, and may, be asked for."""
        agent = self.agent
        return agent is not None and agent.language not in ("", language) and LANGUAGE in agent.allowed_overrides
