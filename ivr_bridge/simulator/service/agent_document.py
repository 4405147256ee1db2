"""An agent as the vendor's JSON document: what it has by default, what is wrong with it, what a conversation reads.

Source: the vendor's OpenAPI of `/v1/convai/agents`; its defaults as they stand there.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from ivr_bridge.simulator.service.account import ACCESS, Account
from ivr_bridge.simulator.service.agents import Agent
from ivr_bridge.simulator.service.merge import copied, merged
from ivr_bridge.simulator.service.refusals import Invalid, field, input_invalid, not_found
from ivr_bridge.simulator.service.wire_audio import CONVERSATION_FORMATS

DEFAULTS: dict[str, Any] = {
    "conversation_config": {
        "agent": {
            "first_message": "",
            "language": "en",
            "disable_first_message_interruptions": False,
            "dynamic_variables": {"dynamic_variable_placeholders": {}},
            "prompt": {
                "prompt": "",
                "llm": "gemini-2.5-flash",
                "temperature": 0.0,
                "max_tokens": -1,
                "tool_ids": [],
                "built_in_tools": {},
                "knowledge_base": [],
                "rag": {"enabled": False, "max_vector_distance": 0.6, "max_documents_length": 50000},
            },
        },
        "asr": {"quality": "high", "user_input_audio_format": "pcm_16000", "keywords": []},
        "tts": {
            "model_id": "eleven_flash_v2",
            "voice_id": "cjVigY5qzO86Huf0OWal",
            "agent_output_audio_format": "pcm_16000",
            "optimize_streaming_latency": 3,
            "stability": 0.5,
            "speed": 1.0,
            "similarity_boost": 0.8,
            "pronunciation_dictionary_locators": [],
        },
        "turn": {"turn_timeout": 7.0, "silence_end_call_timeout": -1.0, "mode": "turn", "turn_eagerness": "normal"},
        "conversation": {
            "text_only": False,
            "max_duration_seconds": 600,
            "client_events": [
                "audio",
                "interruption",
                "agent_response",
                "user_transcript",
                "conversation_initiation_metadata",
                "ping",
            ],
        },
        "language_presets": {},
        "vad": {},
    },
    "platform_settings": {
        "auth": {"enable_auth": False, "allowlist": [], "require_origin_header": False},
        "overrides": {
            "conversation_config_override": {
                "agent": {"first_message": False, "language": False, "prompt": {"prompt": False, "llm": False}},
                "tts": {
                    "voice_id": False,
                    "model_id": False,
                    "stability": False,
                    "speed": False,
                    "similarity_boost": False,
                },
                "conversation": {"text_only": False, "max_duration_seconds": False},
                "asr": {"keywords": False},
            },
            "custom_llm_extra_body": False,
            "enable_conversation_initiation_client_data_from_webhook": False,
        },
        "call_limits": {"agent_concurrency_limit": -1, "daily_limit": 100000, "bursting_enabled": True},
        "archived": False,
    },
    "phone_numbers": [],
    "tags": [],
}
"""What a document that says nothing has."""

CLIENT_EVENTS = frozenset((
    "conversation_initiation_metadata", "asr_initiation_metadata", "ping", "audio", "interruption", "user_transcript",
    "tentative_user_transcript", "agent_response", "agent_response_correction", "client_tool_call", "mcp_tool_call",
    "mcp_connection_status", "agent_tool_request", "agent_tool_response", "agent_tool_response_full_payload",
    "agent_response_metadata", "vad_score", "agent_chat_response_part", "client_error", "guardrail_triggered",
    "dtmf_request", "agent_response_complete", "context_usage", "internal_turn_probability",
    "internal_tentative_agent_response",
))  # fmt: skip
"""Every event that an agent can be set to send."""
_MULTILINGUAL = (
    "eleven_turbo_v2_5",
    "eleven_flash_v2_5",
    "eleven_multilingual_v2",
    "eleven_v3_conversational",
)
_MODELS = ("eleven_turbo_v2", "eleven_flash_v2", *_MULTILINGUAL)
_CONFIG = "body.conversation_config"
_PROMPT = f"{_CONFIG}.agent.prompt"
_RANGES = {"speed": (0.7, 1.2), "stability": (0.0, 1.0), "similarity_boost": (0.0, 1.0)}


def complete(document: dict[str, Any]) -> dict[str, Any]:
    """The document with the defaults of all that it does not say, or says to be null.

    A language preset that is null is left out: so PATCH can take one away.
    """
    whole = _over(DEFAULTS, document)
    config = whole["conversation_config"]
    config["language_presets"] = {
        name: preset for name, preset in config["language_presets"].items() if preset is not None
    }
    return whole


def _over(defaults: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    """`document` over `defaults`."""
    whole = merged(defaults, {})
    for name, value in document.items():
        default = defaults.get(name)
        if value is None and default is not None:
            continue
        whole[name] = _over(default, value) if isinstance(default, dict) and isinstance(value, dict) else copied(value)
    return whole


def check_body(body: dict[str, Any], account: Account, *, creates: bool) -> dict[str, Any]:
    """What a request says of an agent: only what an agent has.

    Raises:
        Invalid: 422, a field that is missing or of another type.
        Refusal: 404, a tool or a document that is not there.
    """
    field(body, "conversation_config", dict, required=creates)
    for name in ("platform_settings", "workflow"):
        field(body, name, dict)
    field(body, "name", str)
    for tag in field(body, "tags", list) or ():
        if not isinstance(tag, str):
            raise Invalid("body.tags", "Input should be a valid string", "string_type")
    config = body.get("conversation_config") or {}
    for name in ("agent", "asr", "tts", "turn", "conversation", "language_presets"):
        field(config, name, dict, where=_CONFIG)
    prompt = field(config.get("agent") or {}, "prompt", dict, where=f"{_CONFIG}.agent") or {}
    for tool_id in field(prompt, "tool_ids", list, where=_PROMPT) or ():
        if tool_id not in account.tools:
            raise not_found("tool")
    for locator in field(prompt, "knowledge_base", list, where=_PROMPT) or ():
        if not isinstance(locator, dict) or not {"type", "id", "name"} <= set(locator):
            raise Invalid(f"{_PROMPT}.knowledge_base", "Field required", "missing")
        if locator["id"] not in account.knowledge:
            raise not_found("document")
    names = ("conversation_config", "platform_settings", "workflow", "name", "tags")
    return {name: body[name] for name in names if body.get(name) is not None}


def check_whole(document: dict[str, Any]) -> None:
    """Whether a complete document can be an agent.

    Raises:
        Invalid: 422, a value that the vendor does not have.
        Refusal: 400, a language that its model does not speak.
    """
    config = document["conversation_config"]
    tts, asr, agent = config["tts"], config["asr"], config["agent"]
    _one_of(tts["agent_output_audio_format"], CONVERSATION_FORMATS, "tts.agent_output_audio_format")
    _one_of(asr["user_input_audio_format"], CONVERSATION_FORMATS, "asr.user_input_audio_format")
    _one_of(tts["model_id"], _MODELS, "tts.model_id")
    for event in config["conversation"]["client_events"] or ():
        _one_of(event, sorted(CLIENT_EVENTS), "conversation.client_events")
    for name, (lowest, highest) in _RANGES.items():
        value = tts[name]
        if not isinstance(value, int | float) or not lowest <= value <= highest:
            raise Invalid(f"{_CONFIG}.tts.{name}", f"Input should be {lowest} to {highest}", "less_than_equal")
    if agent["language"] != "en" and tts["model_id"] not in _MULTILINGUAL:
        raise input_invalid("Non-english Agents must use turbo or flash v2_5.")


def _one_of(value: Any, known: Iterable[str], where: str) -> None:
    names = list(known)
    if value not in names:
        raise Invalid(f"{_CONFIG}.{where}", f"Input should be {' or '.join(map(repr, names))}", "enum")


def read_agent(document: dict[str, Any], tools: Mapping[str, dict[str, Any]]) -> Agent:
    """The agent of a complete document; `tools` are the account's tool configurations by id."""
    config = document["conversation_config"]
    agent, tts, platform = config["agent"], config["tts"], document["platform_settings"]
    prompt = agent["prompt"]
    held = [*(prompt.get("tools") or ()), *(tools[one] for one in prompt.get("tool_ids") or () if one in tools)]
    built_in = prompt.get("built_in_tools") or {}
    overrides = (platform.get("overrides") or {}).get("conversation_config_override") or {}
    presets = {language: preset.get("overrides") or {} for language, preset in config["language_presets"].items()}
    return Agent(
        document["agent_id"],
        document["name"],
        str(agent["first_message"] or ""),
        str(tts["voice_id"]),
        language=str(agent["language"]),
        private=bool((platform.get("auth") or {}).get("enable_auth")),
        overrides=frozenset(_allowed(overrides, "")),
        presets={
            language: _preset_message(config["language_presets"][language], str(agent["first_message"] or ""))
            for language in presets
        },
        detects_language=built_in.get("language_detection") is not None
        or any(tool.get("name") == "language_detection" for tool in held),
        output_format=str(tts["agent_output_audio_format"]),
        input_format=str(config["asr"]["user_input_audio_format"]),
        client_events=frozenset(config["conversation"]["client_events"] or ()),
        prompt=str(prompt.get("prompt") or ""),
        tools=frozenset(str(tool.get("name")) for tool in held if tool.get("type") == "client"),
        preset_voices={
            language: str(preset["tts"]["voice_id"])
            for language, preset in presets.items()
            if (preset.get("tts") or {}).get("voice_id")
        },
        max_duration_s=float(config["conversation"]["max_duration_seconds"]),
    )


def _preset_message(preset: dict[str, Any], otherwise: str) -> str:
    """What the agent says first in a preset's language."""
    own = ((preset.get("overrides") or {}).get("agent") or {}).get("first_message")
    if own is None:
        own = (preset.get("first_message_translation") or {}).get("text")
    return otherwise if own is None else str(own)


def _allowed(part: Mapping[str, Any], prefix: str) -> Iterable[str]:
    """Dotted names of all that is true."""
    for name, value in part.items():
        if isinstance(value, dict):
            yield from _allowed(value, f"{prefix}{name}.")
        elif value is True:
            yield f"{prefix}{name}"


def agent_of(account: Account, agent_id: str) -> Agent | None:
    """The account's agent with this id, if there is one."""
    document = account.agents.get(agent_id)
    if document is None:
        return None
    return read_agent(document, {tool["id"]: tool["tool_config"] for tool in account.tools.documents()})


def summary_of(document: dict[str, Any], last_call_unix_s: int | None = None) -> dict[str, Any]:
    """One row of GET /v1/convai/agents."""
    return {
        "agent_id": document["agent_id"],
        "name": document["name"],
        "tags": document["tags"],
        "created_at_unix_secs": document["metadata"]["created_at_unix_secs"],
        "access_info": ACCESS,
        "last_call_time_unix_secs": last_call_unix_s,
        "archived": bool(document["platform_settings"].get("archived")),
    }


def dependents(account: Account, used: str, key: str) -> list[dict[str, Any]]:
    """The agents that use a tool (`used` is `tool_ids`) or a document (`knowledge_base`), in the vendor's shape."""
    return [
        {
            "referenced_resource_ids": [key],
            "id": document["agent_id"],
            "name": document["name"],
            "type": "available",
            "created_at_unix_secs": document["metadata"]["created_at_unix_secs"],
            "access_level": "admin",
        }
        for document in account.agents.documents()
        if key in _used(document, used)
    ]


def _used(document: dict[str, Any], used: str) -> list[str]:
    """Ids of the tools or documents that an agent uses."""
    found = document["conversation_config"]["agent"]["prompt"].get(used) or ()
    return [one["id"] if isinstance(one, dict) else one for one in found]


def release(account: Account, used: str, key: str) -> None:
    """Take a tool or a document, which is being deleted, out of every agent."""
    for document in account.agents.documents():
        if key in _used(document, used):
            held = document["conversation_config"]["agent"]["prompt"][used]
            left = [one for one in held if (one["id"] if isinstance(one, dict) else one) != key]
            change = {"conversation_config": {"agent": {"prompt": {used: left}}}}
            account.agents.put(document["agent_id"], merged(document, change))
