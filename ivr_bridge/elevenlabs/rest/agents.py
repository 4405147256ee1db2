"""Agents as the vendor keeps them.

Source: https://elevenlabs.io/docs/api-reference/agents/get
"""

from collections.abc import AsyncGenerator, Mapping
from typing import Any, Literal

from ivr_bridge.elevenlabs.rest.answer import Answer
from ivr_bridge.elevenlabs.rest.asking import ask, ask_cached, given
from ivr_bridge.elevenlabs.rest.pages import pages
from ivr_bridge.elevenlabs.rest.request import Repeat, Request, segment
from ivr_bridge.elevenlabs.rest.transport import Transport

_PATH = "/v1/convai/agents"
_PAGE_SIZE = 100
_DEFAULT_FORMAT = "pcm_16000"
_VOICE_SETTINGS = ("stability", "similarity_boost", "speed", "style", "use_speaker_boost")


class Agent(Answer):
    """One agent, whole; the properties are what a call depends on, and empty where the vendor left them out."""

    agent_id: str
    name: str = ""
    conversation_config: dict[str, Any]
    platform_settings: dict[str, Any] | None = None
    tags: tuple[str, ...] = ()
    metadata: dict[str, Any] | None = None
    workflow: dict[str, Any] | None = None

    @property
    def first_message(self) -> str:
        """Empty: the agent waits for the caller to speak."""
        return _text(_object(self.conversation_config, "agent"), "first_message")

    @property
    def language(self) -> str:
        """Its own: `en`, `es`, `zh` ..."""
        return _text(_object(self.conversation_config, "agent"), "language")

    @property
    def voice_id(self) -> str:
        """Whose voice it has."""
        return _text(_object(self.conversation_config, "tts"), "voice_id")

    @property
    def model_id(self) -> str:
        """Of its voice; may be a model that text to speech does not take."""
        return _text(_object(self.conversation_config, "tts"), "model_id")

    @property
    def voice_settings(self) -> dict[str, Any]:
        """Only what is set, by the names that text to speech takes too."""
        tts = _object(self.conversation_config, "tts")
        return {key: tts[key] for key in _VOICE_SETTINGS if isinstance(tts.get(key), int | float)}

    @property
    def input_format(self) -> str:
        """What it hears, as configured; the conversation's metadata has the last word."""
        return _text(_object(self.conversation_config, "asr"), "user_input_audio_format") or _DEFAULT_FORMAT

    @property
    def output_format(self) -> str:
        """What it speaks, as configured."""
        return _text(_object(self.conversation_config, "tts"), "agent_output_audio_format") or _DEFAULT_FORMAT

    @property
    def allowed_overrides(self) -> frozenset[str]:
        """Dotted names such as `agent.first_message`."""
        overrides = _object(self.platform_settings or {}, "overrides")
        allowed = _allowed(_object(overrides, "conversation_config_override"))
        if overrides.get("custom_llm_extra_body") is True:
            allowed.add("custom_llm_extra_body")
        return frozenset(allowed)

    @property
    def client_events(self) -> tuple[str, ...]:
        """What it tells us; without `interruption` a caller cannot barge in. Empty: the vendor's default."""
        events = _object(self.conversation_config, "conversation").get("client_events")
        return tuple(event for event in events if isinstance(event, str)) if isinstance(events, list) else ()

    @property
    def has_variables(self) -> bool:
        """Whether the first message can only be spoken once a call's variables are known."""
        return "{{" in self.first_message


class AgentSummary(Answer):
    """One line of the list of agents."""

    agent_id: str
    name: str = ""
    tags: tuple[str, ...] = ()
    archived: bool = False


class AgentsPage(Answer):
    """One page of the list."""

    agents: tuple[AgentSummary, ...]
    next_cursor: str | None = None
    has_more: bool | None = None


class AgentMade(Answer):
    """The id of a new agent."""

    agent_id: str


class Agents:
    """Agents of the account. All raise `VendorError`: no answer, an error (404: no such agent), or something else."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def get(
        self,
        agent_id: str,
        *,
        version_id: str | None = None,
        branch_id: str | None = None,
        max_age_s: float = 0.0,
        repeat: Repeat = Repeat.SAFE,
        timeout_s: float = 10.0,
    ) -> Agent:
        """One agent.

        Args:
            agent_id: which.
            version_id: as it was then; None: as it is.
            branch_id: None: the branch that answers calls.
            max_age_s: an earlier answer will do that is no older, and any while the vendor fails; 0: only a new one.
            repeat: `NEVER` for who tries again in a rhythm of their own.
            timeout_s: for one attempt.
        """
        query = {"version_id": version_id, "branch_id": branch_id}
        request = Request("GET", _of(agent_id), query, repeat=repeat, timeout_s=timeout_s)
        return await ask_cached(self._transport, request, Agent, max_age_s=max_age_s)

    def list(
        self,
        *,
        search: str | None = None,
        archived: bool | None = None,
        created_by_user_id: str | None = None,
        sort_by: Literal["name", "created_at", "call_count_7d"] | None = None,
        sort_direction: Literal["asc", "desc"] | None = None,
        page_size: int = _PAGE_SIZE,
        repeat: Repeat = Repeat.SAFE,
        timeout_s: float = 10.0,
    ) -> AsyncGenerator[AgentSummary, None]:
        """Every agent that fits, page by page.

        Args:
            search: in its name.
            archived: only such, or only others, which is the vendor's default.
            created_by_user_id: whose; `@me` for the key's owner.
            sort_by: which field; without it the vendor's order.
            sort_direction: the vendor's default is `desc`.
            page_size: 1 to 100 in one answer.
            repeat: `NEVER` for who tries again in a rhythm of their own, or has somebody waiting.
            timeout_s: for one attempt at one page.
        """
        query = {
            "page_size": page_size,
            "search": search,
            "archived": archived,
            "created_by_user_id": created_by_user_id,
            "sort_by": sort_by,
            "sort_direction": sort_direction,
        }
        request = Request("GET", _PATH, query, repeat=repeat, timeout_s=timeout_s)
        return pages(self._transport, request, AgentsPage, lambda page: page.agents)

    async def create(self, document: Mapping[str, object], *, timeout_s: float = 30.0) -> str:
        """A new agent; its id.

        Tried again only when the vendor surely made none: after a lost answer look for it before you make another.

        Args:
            document: `conversation_config` at least; `platform_settings`, `workflow`, `name`, `tags`.
            timeout_s: for one attempt.
        """
        request = Request("POST", f"{_PATH}/create", json=document, repeat=Repeat.UNSENT, timeout_s=timeout_s)
        return (await ask(self._transport, request, AgentMade)).agent_id

    async def update(
        self,
        agent_id: str,
        document: Mapping[str, object],
        *,
        branch_id: str | None = None,
        timeout_s: float = 30.0,
    ) -> Agent:
        """Change an agent; as it is then.

        Args:
            agent_id: which.
            document: fields as in `create`; objects are joined field by field, lists are replaced, what is left out
                stays.
            branch_id: None: the branch that answers calls.
            timeout_s: for one attempt.
        """
        query = {"branch_id": branch_id} if branch_id else None
        request = Request("PATCH", _of(agent_id), query, json=document, timeout_s=timeout_s)
        try:
            return await ask(self._transport, request, Agent)
        finally:
            await self._transport.forget(_of(agent_id))

    async def delete(self, agent_id: str, *, force: bool = False, timeout_s: float = 30.0) -> None:
        """Remove an agent for good; `force`: even where another agent hands over to it.

        `force` is newer than the vendor's published contract.
        """
        query = {"force": True} if force else None
        try:
            await self._transport.empty(Request("DELETE", _of(agent_id), query, timeout_s=timeout_s))
        finally:
            await self._transport.forget(_of(agent_id))

    async def duplicate(self, agent_id: str, *, name: str | None = None, timeout_s: float = 30.0) -> str:
        """A copy of an agent; its id. Tried again as `create` is."""
        request = Request(
            "POST", f"{_of(agent_id)}/duplicate", json=given(name=name), repeat=Repeat.UNSENT, timeout_s=timeout_s
        )
        return (await ask(self._transport, request, AgentMade)).agent_id


def _of(agent_id: str) -> str:
    return f"{_PATH}/{segment(agent_id)}"


def _allowed(fields: dict[str, Any], prefix: str = "") -> set[str]:
    names: set[str] = set()
    for key, value in fields.items():
        if value is True:
            names.add(prefix + key)
        elif isinstance(value, dict):
            names |= _allowed(value, f"{prefix}{key}.")
    return names


def _object(fields: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = fields.get(key)
    return value if isinstance(value, dict) else {}


def _text(fields: Mapping[str, Any], key: str) -> str:
    value = fields.get(key)
    return value if isinstance(value, str) else ""
