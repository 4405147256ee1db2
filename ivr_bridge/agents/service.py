"""What a program asks of ElevenLabs, in one place: agents, their prompts, what they know, conversations with them.

`ElevenLabsService` is asynchronous. The functions of the same names are its blocking form, for programs without an
event loop; they share one service, made from the environment with the first use:

    agent_id = create_agent(Agent(name="Restaurant", system_prompt="You take bookings.", tools=["end_call"]))
    conversation = create_conversation(agent_id=agent_id, audio_interface=microphone)
    await conversation.start_session()
"""

import asyncio
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ivr_bridge.agents.agent_file import read_agent_files
from ivr_bridge.agents.blocking import Blocking
from ivr_bridge.agents.desired import joined, without_none
from ivr_bridge.agents.knowledge_file import (
    KnowledgeDocument,
    file_document,
    page_document,
    read_knowledge,
    text_document,
)
from ivr_bridge.agents.knowledge_plan import make_knowledge_plan
from ivr_bridge.agents.knowledge_sync import (
    KnowledgeReport,
    KnowledgeSync,
    find_readers,
    missing_agents,
    read_shelf,
    reader_of,
)
from ivr_bridge.agents.prompt_template import PromptTemplate
from ivr_bridge.agents.service_agent import (
    SYSTEM_TOOLS,
    Agent,
    agent_document,
    prompt_templates,
    render_system_prompt,
    system_tools,
)
from ivr_bridge.elevenlabs.conversation.audio_interface import AudioInterface
from ivr_bridge.elevenlabs.conversation.client import ElevenLabsConversation, TextCallback, ToolCallback
from ivr_bridge.elevenlabs.rest.agents import Agent as VendorAgent
from ivr_bridge.elevenlabs.rest.client import ElevenLabsAPIClient
from ivr_bridge.elevenlabs.rest.tools import Tool
from ivr_bridge.errors import ConfigError, LocalProtocolError, VendorRejected
from ivr_bridge.settings import Settings, read_settings

__all__ = [
    "Agent",
    "ElevenLabsService",
    "KnowledgeDocument",
    "KnowledgeReport",
    "create_agent",
    "create_conversation",
    "delete_agent",
    "file_document",
    "get_agent",
    "page_document",
    "prompt_templates",
    "render_system_prompt",
    "sync_knowledge_base",
    "text_document",
    "update_agent",
]

_SETTINGS = ("CONFIG_DIR", "ELEVENLABS_API_KEY", "ELEVENLABS_BASE_URL", "ELEVEN_LABS_API_KEY", "ELEVEN_LABS_BASE_URL")
_REMEMBERED_S = 60.0


class ElevenLabsService:
    """Agents of one account; used by tasks of one event loop, closed at the end.

    Its methods raise `VendorError` when the vendor does not answer or refuses, and `ConfigError` for what was asked
    wrongly. Cancelling one is safe, though what it asked for may have happened.

    Args:
        client: of the account; it stays open when the service is closed. None: one made from `settings`.
        settings: None: read from the environment.
    """

    def __init__(self, client: ElevenLabsAPIClient | None = None, settings: Settings | None = None) -> None:
        settings = settings or _settings_of_environment()
        self._config_dir = settings.config_dir
        self._owns_client = client is None
        self.client = client or ElevenLabsAPIClient(settings.elevenlabs_base_url, settings.elevenlabs_api_keys)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the client, if it was made here."""
        if self._owns_client:
            await self.client.close()

    async def create_agent(self, agent: Agent) -> str:
        """Make an agent; its id. Each call makes another one: it is sent again only if the vendor surely made none."""
        prompt = await self._prompt_of(agent)
        document = joined(await self._tools_of(agent), agent_document(agent, prompt))
        return await self.client.agents.create(without_none(document))

    async def update_agent(self, agent_id: str, agent: Agent) -> VendorAgent:
        """Change an agent; as it is then. What `agent` was not given stays as it is at the vendor."""
        prompt = await self._prompt_of(agent)
        document = agent_document(agent, prompt, only_given=True)
        if "tools" in agent.model_fields_set:
            document = joined(await self._tools_of(agent), document)
        return await self.client.agents.update(agent_id, document)

    async def get_agent(self, agent_id: str, *, max_age_s: float = _REMEMBERED_S) -> VendorAgent:
        """An agent as it is at the vendor.

        Args:
            agent_id: which.
            max_age_s: an earlier answer will do that is no older, and any while the vendor fails; 0: only a new one.
        """
        return await self.client.agents.get(agent_id, max_age_s=max_age_s)

    async def delete_agent(self, agent_id: str) -> None:
        """Remove an agent for good, and the documents that `sync_knowledge_base` made for it alone."""
        missing: VendorRejected | None = None
        try:
            await self.client.agents.delete(agent_id)
        except VendorRejected as error:
            if error.status != 404:
                raise
            missing = error  # unless a run that broke off has left its documents behind
        shelf = [each for each in await read_shelf(self.client) if each.mark.scope == agent_id]
        if missing is not None and not shelf:
            raise missing
        plan = make_knowledge_plan([], [], shelf, agent_id)
        await KnowledgeSync(self.client, plan, scope=agent_id, remove_gone=True).run()

    def create_conversation(
        self,
        agent_id: str,
        audio_interface: AudioInterface | None = None,
        on_tool_use: ToolCallback | None = None,
        on_agent_response: TextCallback | None = None,
        on_user_transcript: TextCallback | None = None,
        **more: Any,
    ) -> ElevenLabsConversation:
        """A conversation with this service's key, not yet begun; `more` and the callbacks: `ElevenLabsConversation`."""
        return ElevenLabsConversation(
            agent_id,
            audio_interface,
            on_tool_use,
            on_agent_response,
            on_user_transcript,
            client=self.client,
            **more,
        )

    async def sync_knowledge_base(
        self,
        agent_id: str | None = None,
        sources: Sequence[KnowledgeDocument | Path] | None = None,
        *,
        remove_gone: bool = True,
    ) -> KnowledgeReport:
        """Bring what agents know to what it is to be: made, made anew, indexed, given to them, removed when gone.

        Only what was made here is ever changed. Broken off at any point, the next call does the rest.

        Args:
            agent_id: one agent, whose documents are its own. None: `config/knowledge/` for the agents of
                `config/agents/`, as `ivr-bridge knowledge sync` does it.
            sources: what that agent is to know: files, and what `text_document`, `page_document` and `file_document`
                give. Empty: nothing. None: all of `config/knowledge/`.
            remove_gone: also remove what was made here and stands for nothing any more.

        Raises:
            LocalProtocolError: sources and no agent.
        """
        if agent_id is None:
            if sources is not None:
                raise LocalProtocolError("sync_knowledge_base: whose are the sources? give agent_id, too")
            return await self._sync_config(remove_gone=remove_gone)
        documents = await asyncio.to_thread(self._documents, sources)
        agent = await self.client.agents.get(agent_id)
        reader = reader_of(agent, [each.name for each in documents], agent.name or agent_id)
        plan = make_knowledge_plan(documents, [reader], await read_shelf(self.client), agent_id)
        return await KnowledgeSync(self.client, plan, scope=agent_id, remove_gone=remove_gone).run()

    async def prompt_templates(self) -> dict[str, PromptTemplate]:
        """Every template of `config/agents/prompts/` by name; `variables` says what each wants."""
        return await asyncio.to_thread(prompt_templates, self._config_dir)

    async def _sync_config(self, *, remove_gone: bool) -> KnowledgeReport:
        documents = await asyncio.to_thread(read_knowledge, self._config_dir)
        files = await asyncio.to_thread(read_agent_files, self._config_dir)
        wanted = {name: tuple(file.content.knowledge) for name, file in files.items()}
        readers, missing = await find_readers(self.client, wanted)
        plan = make_knowledge_plan(documents.values(), readers, await read_shelf(self.client))
        report = await KnowledgeSync(self.client, plan, remove_gone=remove_gone).run()
        report.warnings += missing_agents(missing)
        return report

    def _documents(self, sources: Sequence[KnowledgeDocument | Path] | None) -> list[KnowledgeDocument]:
        if sources is None:
            return list(read_knowledge(self._config_dir).values())
        documents = [each if isinstance(each, KnowledgeDocument) else file_document(each) for each in sources]
        names = [each.name for each in documents]
        if doubled := sorted({name for name in names if names.count(name) > 1}):
            raise ConfigError(f"sources: {', '.join(doubled)} is there twice; documents are known by their names")
        return documents

    async def _prompt_of(self, agent: Agent) -> str:
        return await asyncio.to_thread(render_system_prompt, agent.system_prompt, self._config_dir)

    async def _tools_of(self, agent: Agent) -> dict[str, Any]:
        """The part of the vendor's document that says which tools it may call; tools that are missing are made."""
        wanted = [tool for tool in agent.tools if tool not in SYSTEM_TOOLS]
        account = [tool async for tool in self.client.tools.list()] if wanted else []
        tool_ids = []
        for tool in wanted:
            if isinstance(tool, str):
                tool_ids.append(_named(tool, account))
            else:
                same = next((each.id for each in account if _holds(each.tool_config, tool)), None)
                tool_ids.append(same if same is not None else (await self.client.tools.create(tool)).id)
        named = system_tools(tool for tool in agent.tools if isinstance(tool, str))
        built_in = {name: named.get(name) for name in SYSTEM_TOOLS}
        prompt = {"tool_ids": list(dict.fromkeys(tool_ids)), "built_in_tools": built_in}
        return {"conversation_config": {"agent": {"prompt": prompt}}}


def _named(name: str, account: Sequence[Tool]) -> str:
    found = [tool.id for tool in account if tool.name == name]
    if len(found) == 1:
        return found[0]
    if found:
        raise ConfigError(f"tools: {' and '.join(found)} are both called {name!r}; give the whole tool_config instead")
    there = ", ".join(sorted({*SYSTEM_TOOLS, *(tool.name for tool in account if tool.name)}))
    raise ConfigError(f"tools: there is no {name!r}; there are: {there}")


def _holds(found: object, wanted: object) -> bool:
    """Whether everything that is wanted is there; the vendor adds defaults of its own."""
    if isinstance(wanted, Mapping):
        return isinstance(found, Mapping) and all(_holds(found.get(key), value) for key, value in wanted.items())
    if isinstance(wanted, list | tuple) and isinstance(found, list):
        return len(wanted) == len(found) and all(map(_holds, found, wanted))
    return bool(found == wanted)


def _settings_of_environment() -> Settings:
    """Only what concerns the account: a program that makes agents need not be a server that knows its own."""
    own = {name: value for name, value in os.environ.items() if name.upper() in _SETTINGS}
    return read_settings(own, elevenlabs_agent_id="none")


_SERVICE = Blocking(ElevenLabsService, name="elevenlabs-service")

create_agent = _SERVICE.method(ElevenLabsService.create_agent)
update_agent = _SERVICE.method(ElevenLabsService.update_agent)
get_agent = _SERVICE.method(ElevenLabsService.get_agent)
delete_agent = _SERVICE.method(ElevenLabsService.delete_agent)
sync_knowledge_base = _SERVICE.method(ElevenLabsService.sync_knowledge_base)


def create_conversation(
    agent_id: str,
    audio_interface: AudioInterface | None = None,
    on_tool_use: ToolCallback | None = None,
    on_agent_response: TextCallback | None = None,
    on_user_transcript: TextCallback | None = None,
    **more: Any,
) -> ElevenLabsConversation:
    """A conversation that lives in the event loop which starts it, with a client of its own, not the blocking one's.

    Everything else: `ElevenLabsConversation`.
    """
    return ElevenLabsConversation(agent_id, audio_interface, on_tool_use, on_agent_response, on_user_transcript, **more)
