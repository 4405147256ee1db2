"""The vendor's account in memory: the resources that agents as code ask, with state, requests counted, and a death.

`die_at` kills the client at its n-th request (from 1), before or after the vendor has done what was asked.
"""

import copy
from collections.abc import AsyncIterator, Mapping
from typing import Any

from ivr_bridge.agents.desired import joined
from ivr_bridge.elevenlabs.rest.agents import Agent, AgentSummary
from ivr_bridge.elevenlabs.rest.dependents import DependentAgent
from ivr_bridge.elevenlabs.rest.knowledge_base import DocumentEntry
from ivr_bridge.elevenlabs.rest.tools import Tool
from ivr_bridge.errors import VendorRejected


class Killed(BaseException):
    """The process is gone."""


class FakeAccount:
    def __init__(self) -> None:
        self.agent_documents: dict[str, dict[str, Any]] = {}
        self.tool_configs: dict[str, dict[str, Any]] = {}
        self.documents: dict[str, dict[str, Any]] = {}
        self.requests: list[str] = []
        self.die_at: tuple[int, str] | None = None
        self.agents = _Agents(self)
        self.tools = _Tools(self)
        self.knowledge_base = _KnowledgeBase(self)
        self._ids = 0

    def new_id(self, kind: str) -> str:
        self._ids += 1
        return f"{kind}_{self._ids:03}"

    def asked(self, what: str) -> None:
        """Before the vendor does it."""
        self.requests.append(what)
        if self.die_at == (len(self.requests), "before"):
            raise Killed

    def did(self) -> None:
        """Behind it: the answer is lost."""
        if self.die_at == (len(self.requests), "after"):
            raise Killed

    @property
    def changes(self) -> list[str]:
        return [request for request in self.requests if not request.startswith(("GET", "LIST"))]

    def users(self, tool_id: str) -> list[str]:
        return [key for key, agent in self.agent_documents.items() if tool_id in tool_ids(agent)]

    def state(self) -> dict[str, Any]:
        return copy.deepcopy({"agents": self.agent_documents, "tools": self.tool_configs, "documents": self.documents})


class _Agents:
    def __init__(self, account: FakeAccount) -> None:
        self._account = account

    async def list(self) -> AsyncIterator[AgentSummary]:
        self._account.asked("LIST agents")
        entries = [
            AgentSummary(
                agent_id=key,
                name=agent.get("name", ""),
                tags=tuple(agent.get("tags", ())),
                archived=agent.get("platform_settings", {}).get("archived", False),
            )
            for key, agent in self._account.agent_documents.items()
        ]
        self._account.did()
        for entry in entries:
            yield entry

    async def get(self, agent_id: str) -> Agent:
        self._account.asked(f"GET agent {agent_id}")
        answer = self._answer(agent_id)
        self._account.did()
        return answer

    def _answer(self, agent_id: str) -> Agent:
        if agent_id not in self._account.agent_documents:
            raise VendorRejected(f"no agent {agent_id}", status=404)
        return Agent(agent_id=agent_id, **copy.deepcopy(self._account.agent_documents[agent_id]))

    async def create(self, document: Mapping[str, Any]) -> str:
        self._account.asked(f"POST agent {document.get('name')}")
        agent_id = self._account.new_id("agent")
        self._account.agent_documents[agent_id] = copy.deepcopy(dict(document))
        self._account.did()
        return agent_id

    async def update(self, agent_id: str, document: Mapping[str, Any]) -> Agent:
        self._account.asked(f"PATCH agent {agent_id}")
        before = self._account.agent_documents[agent_id]
        self._account.agent_documents[agent_id] = joined(before, copy.deepcopy(dict(document)))
        answer = self._answer(agent_id)
        self._account.did()
        return answer


class _Tools:
    def __init__(self, account: FakeAccount) -> None:
        self._account = account

    async def list(self) -> AsyncIterator[Tool]:
        self._account.asked("LIST tools")
        tools = [Tool(id=key, tool_config=copy.deepcopy(each)) for key, each in self._account.tool_configs.items()]
        self._account.did()
        for tool in tools:
            yield tool

    async def get(self, tool_id: str) -> Tool:
        self._account.asked(f"GET tool {tool_id}")
        tool = Tool(id=tool_id, tool_config=copy.deepcopy(self._account.tool_configs[tool_id]))
        self._account.did()
        return tool

    async def create(self, tool_config: Mapping[str, Any]) -> Tool:
        self._account.asked(f"POST tool {tool_config['name']}")
        tool_id = self._account.new_id("tool")
        # The vendor fills in defaults of its own.
        self._account.tool_configs[tool_id] = {"disable_interruptions": False, **copy.deepcopy(dict(tool_config))}
        self._account.did()
        return Tool(id=tool_id, tool_config=dict(tool_config))

    async def update(self, tool_id: str, tool_config: Mapping[str, Any]) -> Tool:
        self._account.asked(f"PATCH tool {tool_id}")
        self._account.tool_configs[tool_id] = copy.deepcopy(dict(tool_config))
        self._account.did()
        return Tool(id=tool_id, tool_config=dict(tool_config))

    async def delete(self, tool_id: str) -> None:
        self._account.asked(f"DELETE tool {tool_id}")
        if tool_id not in self._account.tool_configs:
            raise VendorRejected(f"no tool {tool_id}", status=404)
        if self._account.users(tool_id):
            raise VendorRejected("in use", status=400)
        del self._account.tool_configs[tool_id]
        self._account.did()

    async def dependent_agents(self, tool_id: str) -> AsyncIterator[DependentAgent]:
        self._account.asked(f"LIST users of tool {tool_id}")
        users = self._account.users(tool_id)
        self._account.did()
        for user in users:
            yield DependentAgent(id=user)


class _KnowledgeBase:
    def __init__(self, account: FakeAccount) -> None:
        self._account = account

    async def list(self) -> AsyncIterator[DocumentEntry]:
        self._account.asked("LIST documents")
        entries = [DocumentEntry(id=key, **each) for key, each in self._account.documents.items()]
        self._account.did()
        for entry in entries:
            yield entry


def prompt_of(document: Mapping[str, Any]) -> Any:
    """The agent's `prompt` object, which may be changed in place."""
    return document["conversation_config"]["agent"]["prompt"]


def tool_ids(document: Mapping[str, Any]) -> list[str]:
    prompt = document.get("conversation_config", {}).get("agent", {}).get("prompt", {})
    return list(prompt.get("tool_ids", ()))
