"""The REST API of agents: create, list, get, change, delete, duplicate."""

import time
from typing import Any

from aiohttp import web

from ivr_bridge.simulator.service.account import ACCESS, Account, new_id
from ivr_bridge.simulator.service.agent_document import check_body, check_whole, complete, summary_of
from ivr_bridge.simulator.service.agents import AGENTS
from ivr_bridge.simulator.service.faults import FaultPlan
from ivr_bridge.simulator.service.merge import merged
from ivr_bridge.simulator.service.paging import Row, is_on, one_page
from ivr_bridge.simulator.service.refusals import Invalid, field, found, not_found, read_object

_SORTS = ("name", "created_at", "call_count_7d")


def fill(account: Account, output_format: str, input_format: str) -> None:
    """Put the built-in agents into a fresh account; the default one is the newest, so that it is listed first."""
    if not account.is_fresh:
        return
    for agent in reversed(AGENTS.values()):
        document = {**agent.as_json(output_format, input_format), "access_info": ACCESS}
        account.agents.put(agent.agent_id, complete(document))
    account.mark_filled()


class AgentRest:
    """The handlers; `routes` lists them."""

    def __init__(self, account: Account, plan: FaultPlan) -> None:
        self._account = account
        self._plan = plan

    def routes(self) -> list[web.RouteDef]:
        """Every route of agents."""
        return [
            web.post("/v1/convai/agents/create", self._create),
            web.get("/v1/convai/agents", self._list),
            web.get("/v1/convai/agents/summaries", self._summaries),
            web.get("/v1/convai/agents/{agent_id}", self._get),
            web.patch("/v1/convai/agents/{agent_id}", self._change),
            web.delete("/v1/convai/agents/{agent_id}", self._delete),
            web.post("/v1/convai/agents/{agent_id}/duplicate", self._duplicate),
            web.get("/v1/convai/agents/{agent_id}/link", self._link),
            web.get("/v1/convai/agent/{agent_id}/knowledge-base/size", self._knowledge_size),
        ]

    def _document(self, request: web.Request) -> dict[str, Any]:
        """The agent of the path, unless a fault hides all of them."""
        hidden = self._plan.now() == "no_agent"
        return found(None if hidden else self._account.agents.get(request.match_info["agent_id"]), "agent")

    async def _create(self, request: web.Request) -> web.Response:
        """A new agent: what is not said has its default."""
        body = check_body(await read_object(request), self._account, creates=True)
        return web.json_response({"agent_id": self._add(body, str(body.get("name") or "New agent"))})

    def _add(self, body: dict[str, Any], name: str) -> str:
        """Keep a new agent; gives its id."""
        agent_id, now = new_id("agent"), int(time.time())
        document = complete(
            {
                **body,
                "agent_id": agent_id,
                "name": name,
                "metadata": {"created_at_unix_secs": now, "updated_at_unix_secs": now},
                "access_info": ACCESS,
            }
        )
        check_whole(document)
        self._account.agents.put(agent_id, document)
        return agent_id

    async def _list(self, request: web.Request) -> web.Response:
        """One page of summaries; the newest first, unless a direction is asked for."""
        query = request.query
        sort_by = query.get("sort_by", "created_at")
        if sort_by not in _SORTS:
            raise Invalid("query.sort_by", f"Input should be {' or '.join(map(repr, _SORTS))}", "enum")
        search, tags = query.get("search", "").lower(), query.getall("tags", [])
        archived = is_on(query, "archived")
        calls = self._last_calls()
        rows: list[Row] = []
        for entry in self._account.agents.entries():
            summary = summary_of(entry.document, calls.get(entry.document["agent_id"]))
            fits = search in summary["name"].lower() and summary["archived"] == archived
            if fits and (not tags or set(tags) & set(summary["tags"])):
                key = summary["name"].lower() if sort_by == "name" else 0
                rows.append((key, entry.order, summary))
        page, cursor = one_page(rows, query)
        return web.json_response({"agents": page, "next_cursor": cursor, "has_more": cursor is not None})

    def _last_calls(self) -> dict[str, int]:
        """Agent id -> when its last conversation began."""
        return {
            document["agent_id"]: int(document["metadata"]["start_time_unix_secs"])
            for document in self._account.conversations.documents()
        }

    async def _summaries(self, request: web.Request) -> web.Response:
        """Summaries of the agents that are asked for."""
        answer: dict[str, Any] = {}
        for agent_id in request.query.getall("agent_ids", []):
            document = self._account.agents.get(agent_id)
            answer[agent_id] = (
                no_such("agent") if document is None else {"status": "success", "data": summary_of(document)}
            )
        return web.json_response(answer)

    async def _get(self, request: web.Request) -> web.Response:
        """One agent as it is configured."""
        return web.json_response(self._document(request))

    async def _change(self, request: web.Request) -> web.Response:
        """Join what is said with what is there; lists are replaced."""
        old = self._document(request)
        body = check_body(await read_object(request), self._account, creates=False)
        metadata = {"metadata": {"updated_at_unix_secs": int(time.time())}}
        document = complete(merged(merged(old, body), metadata))
        check_whole(document)
        self._account.agents.put(document["agent_id"], document)
        return web.json_response(document)

    async def _delete(self, request: web.Request) -> web.Response:
        """Forget an agent."""
        self._account.agents.remove(self._document(request)["agent_id"])
        return web.Response(status=204)

    async def _duplicate(self, request: web.Request) -> web.Response:
        """The same agent again, under a name of its own."""
        old = self._document(request)
        name = field(await read_object(request, optional=True), "name", str)
        body = {key: value for key, value in old.items() if key not in ("agent_id", "metadata", "phone_numbers")}
        return web.json_response({"agent_id": self._add(body, name or f"{old['name']} (copy)")})

    async def _link(self, request: web.Request) -> web.Response:
        """An agent without a shareable link."""
        return web.json_response({"agent_id": self._document(request)["agent_id"], "token": None})

    async def _knowledge_size(self, request: web.Request) -> web.Response:
        """How many pages (of 2000 characters) the agent's documents have."""
        locators = self._document(request)["conversation_config"]["agent"]["prompt"]["knowledge_base"]
        knowledge = self._account.knowledge
        found = [knowledge.get(locator["id"]) for locator in locators]
        size_bytes = sum(document["metadata"]["size_bytes"] for document in found if document is not None)
        return web.json_response({"number_of_pages": size_bytes / 2000})


def no_such(noun: str) -> dict[str, Any]:
    """The entry of a batch whose subject is not there."""
    error = not_found(noun)
    return {"status": "failure", "error_code": 404, "error_status": error.code, "error_message": str(error)}
