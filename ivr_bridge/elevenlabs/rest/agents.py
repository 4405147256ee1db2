"""Agents as the vendor keeps them, as far as a call depends on them.

Source: https://elevenlabs.io/docs/api-reference/agents/get and .../agents/list
"""

from dataclasses import dataclass
from typing import Any

from ivr_bridge.elevenlabs.rest.client import RestClient, segment
from ivr_bridge.errors import VendorFailed

_PAGE_SIZE = 100
_MAX_PAGES = 50
_DEFAULT_FORMAT = "pcm_16000"
_VOICE_SETTINGS = ("stability", "similarity_boost", "speed", "style", "use_speaker_boost")


@dataclass(frozen=True, slots=True)
class Agent:
    """What the bridge wants to know of an agent before it answers a call.

    What the vendor left out is empty; `allowed_overrides` has dotted names such as `agent.first_message`.
    """

    agent_id: str
    name: str
    first_message: str
    """Empty: the agent waits for the caller to speak."""
    language: str
    voice_id: str
    model_id: str
    """Of its voice; may be a model that text to speech does not take."""
    voice_settings: dict[str, Any]
    """Only what is set, by the names that text to speech takes too."""
    input_format: str
    """What it hears, as configured; the conversation's metadata has the last word."""
    output_format: str
    allowed_overrides: frozenset[str]
    client_events: tuple[str, ...]
    """What it tells us; without `interruption` a caller cannot barge in. Empty: the vendor's default."""

    @property
    def has_variables(self) -> bool:
        """Whether the first message can only be spoken once a call's variables are known."""
        return "{{" in self.first_message


@dataclass(frozen=True, slots=True)
class AgentEntry:
    """One line of the list of agents."""

    agent_id: str
    name: str
    archived: bool


async def get_agent(client: RestClient, agent_id: str) -> Agent:
    """One agent.

    Raises:
        VendorError: no answer, an error (`VendorRejected` with status 404: no such agent), or no agent in it.
    """
    answer = await client.get_json(f"/v1/convai/agents/{segment(agent_id)}")
    if not isinstance(answer, dict) or not isinstance(answer.get("conversation_config"), dict):
        raise VendorFailed("the answer to get agent holds no agent", status=200)
    config = answer["conversation_config"]
    agent, tts, asr, conversation = (_object(config, key) for key in ("agent", "tts", "asr", "conversation"))
    overrides = _object(_object(answer, "platform_settings"), "overrides")
    allowed = _allowed(_object(overrides, "conversation_config_override"))
    if overrides.get("custom_llm_extra_body") is True:
        allowed.add("custom_llm_extra_body")
    events = conversation.get("client_events")
    return Agent(
        agent_id=_text(answer, "agent_id") or agent_id,
        name=_text(answer, "name"),
        first_message=_text(agent, "first_message"),
        language=_text(agent, "language"),
        voice_id=_text(tts, "voice_id"),
        model_id=_text(tts, "model_id"),
        voice_settings={key: tts[key] for key in _VOICE_SETTINGS if isinstance(tts.get(key), int | float)},
        input_format=_text(asr, "user_input_audio_format") or _DEFAULT_FORMAT,
        output_format=_text(tts, "agent_output_audio_format") or _DEFAULT_FORMAT,
        allowed_overrides=frozenset(allowed),
        client_events=tuple(event for event in events if isinstance(event, str)) if isinstance(events, list) else (),
    )


async def list_agents(client: RestClient) -> list[AgentEntry]:
    """All agents of the account, page by page, in the vendor's order.

    Raises:
        VendorError: no answer, an error, or no list in it.
    """
    entries: list[AgentEntry] = []
    cursor: str | None = None
    for _ in range(_MAX_PAGES):
        page = await client.get_json("/v1/convai/agents", query={"page_size": _PAGE_SIZE, "cursor": cursor})
        if not isinstance(page, dict) or not isinstance(page.get("agents"), list):
            raise VendorFailed("the answer to list agents holds no list", status=200)
        entries += [
            AgentEntry(entry["agent_id"], _text(entry, "name"), entry.get("archived") is True)
            for entry in page["agents"]
            if isinstance(entry, dict) and isinstance(entry.get("agent_id"), str)
        ]
        cursor = _text(page, "next_cursor") or None
        if cursor is None:
            break
    return entries


def _allowed(fields: dict[str, Any], prefix: str = "") -> set[str]:
    names: set[str] = set()
    for key, value in fields.items():
        if value is True:
            names.add(prefix + key)
        elif isinstance(value, dict):
            names |= _allowed(value, f"{prefix}{key}.")
    return names


def _object(fields: dict[str, Any], key: str) -> dict[str, Any]:
    value = fields.get(key)
    return value if isinstance(value, dict) else {}


def _text(fields: dict[str, Any], key: str) -> str:
    value = fields.get(key)
    return value if isinstance(value, str) else ""
