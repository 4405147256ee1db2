"""What is at the vendor: the agents, tools and documents that a plan starts from.

`read_found` asks and changes nothing. What bears none of our marks is read only as far as our agents use it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from ivr_bridge.agents.marks import ContentMark, name_of_tag, read_document_name, read_tool_mark
from ivr_bridge.elevenlabs.rest.client import ElevenLabsAPIClient


@dataclass(frozen=True, slots=True)
class FoundAgent:
    """An agent that bears our tag."""

    agent_id: str
    names: tuple[str, ...]
    """Of its tags; more than one when somebody tagged it twice."""
    document: Mapping[str, Any]
    """`name`, `tags`, `conversation_config` and `platform_settings`, as the vendor gives them."""

    @property
    def prompt(self) -> Mapping[str, Any]:
        """`conversation_config.agent.prompt`; empty when there is none."""
        place: Any = self.document
        for key in ("conversation_config", "agent", "prompt"):
            place = place.get(key) if isinstance(place, Mapping) else None
        return place if isinstance(place, Mapping) else {}

    @property
    def tool_ids(self) -> tuple[str, ...]:
        """The tools that it may call, in its order."""
        return tuple(each for each in self.prompt.get("tool_ids") or () if isinstance(each, str))

    @property
    def inline_tools(self) -> tuple[Mapping[str, Any], ...]:
        """Tools in the vendor's older form, and copies of those in `tool_ids`."""
        return tuple(each for each in self.prompt.get("tools") or () if isinstance(each, Mapping))

    @property
    def knowledge(self) -> tuple[Mapping[str, Any], ...]:
        """The documents that it knows, in its order."""
        return tuple(each for each in self.prompt.get("knowledge_base") or () if isinstance(each, Mapping))


@dataclass(frozen=True, slots=True)
class FoundTool:
    """A tool of the account."""

    tool_id: str
    config: Mapping[str, Any]
    users: tuple[str, ...] = ()
    """Agents that use it; asked only for tools that bear our mark."""

    @property
    def mark(self) -> ContentMark | None:
        """None: we did not make it."""
        return read_tool_mark(self.config)

    @property
    def name(self) -> str:
        """What an agent calls it by."""
        return str(self.config.get("name") or "")

    @property
    def is_client_tool(self) -> bool:
        """Whether it is this server that answers it, or another client."""
        return self.config.get("type") == "client"


@dataclass(frozen=True, slots=True)
class FoundDocument:
    """A knowledge document that bears our mark."""

    document_id: str
    vendor_name: str
    kind: str
    """`text`, `url`, `file`."""

    @property
    def mark(self) -> ContentMark | None:
        """What it was made from."""
        return read_document_name(self.vendor_name)


@dataclass(frozen=True, slots=True)
class Found:
    """The account as far as we care."""

    agents: tuple[FoundAgent, ...] = ()
    tools: tuple[FoundTool, ...] = ()
    documents: tuple[FoundDocument, ...] = ()
    _by_id: dict[str, FoundTool] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_id", {tool.tool_id: tool for tool in self.tools})

    def tool(self, tool_id: str) -> FoundTool | None:
        """The tool of this id."""
        return self._by_id.get(tool_id)


class Progress(Protocol):
    """Is told what is being done, in words."""

    def __call__(self, words: str, /) -> None:
        """Such as `reading agent desk`."""
        ...


async def read_found(
    client: ElevenLabsAPIClient, *, knowledge: bool, progress: Progress = lambda _words: None
) -> Found:
    """Read the account.

    Args:
        client: of the account.
        knowledge: whether any file names a document.
        progress: told before each request.

    Raises:
        VendorError: the vendor did not answer, or refused.
    """
    progress("reading the list of agents")
    agents = []
    for entry in [each async for each in client.agents.list()]:
        names = our_names(entry.tags)
        if names and not entry.archived:
            progress(f"reading agent {', '.join(names)}")
            agents.append(found_agent(await client.agents.get(entry.agent_id)))
    progress("reading the tools")
    tools = []
    for tool in [each async for each in client.tools.list()]:
        found = FoundTool(tool.id, tool.tool_config)
        if found.mark is not None:
            progress(f"asking who uses tool {found.name}")
            users = [each.id async for each in client.tools.dependent_agents(tool.id)]
            found = FoundTool(tool.id, tool.tool_config, tuple(users))
        tools.append(found)
    documents = []
    if knowledge:
        progress("reading the list of documents")
        async for each in client.knowledge_base.list():
            document = FoundDocument(each.id, each.name, each.type)
            if document.mark is not None:
                documents.append(document)
    return Found(tuple(agents), tuple(tools), tuple(documents))


def found_agent(agent: Any) -> FoundAgent:
    """An `Agent` of the REST API with the parts that we compare."""
    document = {
        "name": agent.name,
        "tags": list(agent.tags),
        "conversation_config": agent.conversation_config,
        "platform_settings": agent.platform_settings,
    }
    return FoundAgent(agent.agent_id, our_names(agent.tags), document)


def our_names(tags: Any) -> tuple[str, ...]:
    """The names in those tags that are ours."""
    return tuple(name for tag in tags or () if (name := name_of_tag(tag)) is not None)
