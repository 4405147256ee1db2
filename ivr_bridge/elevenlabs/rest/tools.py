"""Tools that agents may call, as the vendor keeps them.

Source: https://elevenlabs.io/docs/api-reference/tools
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Literal

from ivr_bridge.elevenlabs.rest.answer import Answer
from ivr_bridge.elevenlabs.rest.asking import ask
from ivr_bridge.elevenlabs.rest.dependents import DependentAgent, DependentAgentsPage
from ivr_bridge.elevenlabs.rest.pages import pages
from ivr_bridge.elevenlabs.rest.request import Repeat, Request, segment
from ivr_bridge.elevenlabs.rest.transport import Transport

_PATH = "/v1/convai/tools"
_PAGE_SIZE = 100


class Tool(Answer):
    """One tool; what it is stands in `tool_config`, whose fields depend on its `type`."""

    id: str
    tool_config: dict[str, Any]

    @property
    def name(self) -> str:
        """What an agent calls it by; empty when the vendor gives none."""
        name = self.tool_config.get("name")
        return name if isinstance(name, str) else ""

    @property
    def type(self) -> str:
        """`client`, `webhook`, `system`, `mcp`; empty when the vendor gives none."""
        kind = self.tool_config.get("type")
        return kind if isinstance(kind, str) else ""


class ToolsPage(Answer):
    """One page of the list."""

    tools: tuple[Tool, ...]
    next_cursor: str | None = None
    has_more: bool | None = None


class Tools:
    """The account's tools."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(
        self,
        *,
        search: str | None = None,
        types: Sequence[Literal["webhook", "client", "system", "mcp"]] | None = None,
        created_by_user_id: str | None = None,
        sort_by: Literal["name", "created_at"] | None = None,
        sort_direction: Literal["asc", "desc"] | None = None,
        page_size: int = _PAGE_SIZE,
    ) -> AsyncIterator[Tool]:
        """Every tool that fits, page by page.

        Args:
            search: what its name begins with.
            types: only these.
            created_by_user_id: whose; `@me` for the key's owner.
            sort_by: which field; without it the vendor's order.
            sort_direction: the vendor's default is `desc`.
            page_size: 1 to 100 in one answer.
        """
        query = {
            "page_size": page_size,
            "search": search,
            "types": types,
            "created_by_user_id": created_by_user_id,
            "sort_by": sort_by,
            "sort_direction": sort_direction,
        }
        return pages(self._transport, Request("GET", _PATH, query), ToolsPage, lambda page: page.tools)

    async def get(self, tool_id: str) -> Tool:
        """One tool."""
        return await ask(self._transport, Request("GET", _of(tool_id)), Tool)

    async def create(self, tool_config: Mapping[str, object]) -> Tool:
        """Make a tool of a whole `tool_config`: `type`, `name`, `description` and what the type wants."""
        request = Request("POST", _PATH, json={"tool_config": tool_config}, repeat=Repeat.UNSENT)
        return await ask(self._transport, request, Tool)

    async def update(self, tool_id: str, tool_config: Mapping[str, object]) -> Tool:
        """Give a tool another `tool_config`, which is whole as well."""
        return await ask(self._transport, Request("PATCH", _of(tool_id), json={"tool_config": tool_config}), Tool)

    async def delete(self, tool_id: str, *, force: bool = False) -> None:
        """Delete a tool; one that an agent uses only with `force`, which takes it from the agent as well."""
        await self._transport.empty(Request("DELETE", _of(tool_id), {"force": True if force else None}))

    def dependent_agents(self, tool_id: str, *, page_size: int = _PAGE_SIZE) -> AsyncIterator[DependentAgent]:
        """Every agent that uses the tool."""
        request = Request("GET", f"{_of(tool_id)}/dependent-agents", {"page_size": page_size})
        return pages(self._transport, request, DependentAgentsPage, lambda page: page.agents)


def _of(tool_id: str) -> str:
    return f"{_PATH}/{segment(tool_id)}"
