"""The sandbox's account behind its REST API and a kill switch, and a client of it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from ivr_bridge.elevenlabs.rest.client import ElevenLabsAPIClient
from ivr_bridge.simulator.service.account import Account
from ivr_bridge.simulator.service.app import ACCOUNT, build_service
from ivr_bridge.simulator.service.stage import Pace
from tests.support.kill_points import KillSwitch

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class VendorAccount:
    """`answers` stand in for the account's own: `METHOD path` -> handler."""

    url: str
    client: ElevenLabsAPIClient
    account: Account
    kills: KillSwitch
    asked: list[str] = field(default_factory=list)
    answers: dict[str, Handler] = field(default_factory=dict)

    def put_agent(self, agent_id: str, *, tags: tuple[str, ...] = (), prompt: dict[str, Any] | None = None) -> None:
        """An agent with these tags and this `prompt`."""
        document = {
            "agent_id": agent_id,
            "name": f"Agent {agent_id}",
            "tags": list(tags),
            "metadata": {"created_at_unix_secs": 1, "updated_at_unix_secs": 1},
            "access_info": {},
            "conversation_config": {"agent": {"prompt": prompt or {}}},
            "platform_settings": {},
            "phone_numbers": [],
        }
        self.account.agents.put(agent_id, document)

    def put_document(self, document_id: str, name: str, content: str = "x" * 600, kind: str = "text") -> dict[str, Any]:
        """A document, made at second 1; gives its entry in an agent's list."""
        metadata = {"created_at_unix_secs": 1, "last_updated_at_unix_secs": 1, "size_bytes": len(content.encode())}
        document = {
            "id": document_id,
            "name": name,
            "type": kind,
            "metadata": metadata,
            "supported_usages": ["prompt", "auto"],
            "access_info": {},
            "folder_parent_id": None,
            "folder_path": [],
        }
        self.account.knowledge.put(document_id, document, {"content": content})
        return {"type": kind, "id": document_id, "name": name, "usage_mode": "auto"}

    def prompt_of(self, agent_id: str) -> dict[str, Any]:
        """An agent's prompt as it stands now."""
        document = self.account.agents.get(agent_id)
        assert document is not None, agent_id
        prompt: dict[str, Any] = document["conversation_config"]["agent"]["prompt"]
        return prompt

    def known_by(self, agent_id: str) -> list[str]:
        """The names of the documents that an agent knows; each of them is there."""
        entries = self.prompt_of(agent_id).get("knowledge_base", [])
        for entry in entries:
            document = self.account.knowledge.get(entry["id"])
            assert document is not None, entry
            assert (document["name"], document["type"]) == (entry["name"], entry["type"])
        return [entry["name"] for entry in entries]

    def clear(self) -> None:
        """Take every agent and document away."""
        for shelf in (self.account.agents, self.account.knowledge):
            for key in shelf:
                shelf.remove(key)

    @property
    def documents(self) -> list[str]:
        """The names of all documents, sorted; doubles are there twice."""
        return sorted(document["name"] for document in self.account.knowledge.documents())


@asynccontextmanager
async def vendor_account() -> AsyncIterator[VendorAccount]:
    """An account with the sandbox's own agents in it, and nothing else."""
    kills, app = KillSwitch(), build_service(pace=Pace(speed=200.0))
    seen: list[VendorAccount] = []

    @web.middleware
    async def watch(request: web.Request, handler: Handler) -> web.StreamResponse:
        (vendor,) = seen
        what = f"{request.method} {request.path}"
        vendor.asked.append(what)
        return await vendor.answers.get(what, handler)(request)

    app.middlewares[:0] = [kills.watch, watch]
    async with TestServer(app) as server:
        url = str(server.make_url("")).rstrip("/")
        async with ElevenLabsAPIClient(url, ("key",)) as client:
            seen.append(VendorAccount(url, client, app[ACCOUNT], kills))
            yield seen[0]
