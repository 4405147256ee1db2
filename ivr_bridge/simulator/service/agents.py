"""An agent as a conversation needs it, and the agents that a fresh account has."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ivr_bridge.simulator.service.phrasebook import LINES

_VARIABLE = re.compile(r"\{\{\s*([A-Za-z0-9_]+)\s*\}\}")
_CREATED_AT_UNIX_S = 1_760_000_000
CLIENT_EVENTS = (
    "conversation_initiation_metadata",
    "ping",
    "audio",
    "interruption",
    "user_transcript",
    "agent_response",
    "agent_response_correction",
    "client_tool_call",
    "agent_tool_response",
    "agent_response_complete",
)
"""The events that the sandbox's agents are set to send."""
DIALOGUE_TOOLS = ("book_table", "get_call_info", "choose_option", "show_menu", "switch_language")
"""Names of the client tools that the dialogue calls."""


@dataclass(frozen=True, slots=True)
class Agent:
    """One agent: what it says first, in which voice, who may talk to it, and what a client may override.

    `overrides` holds dotted names as in platform_settings, for instance `agent.first_message`.
    """

    agent_id: str
    name: str
    first_message: str
    voice_id: str
    language: str = "en"
    private: bool = False
    overrides: frozenset[str] = frozenset()
    presets: Mapping[str, str] = field(default_factory=dict)
    """Additional language -> first message in it."""
    detects_language: bool = False
    """Whether it goes on in another of its languages when the caller does."""
    output_format: str = "ulaw_8000"
    input_format: str = "ulaw_8000"
    client_events: frozenset[str] = frozenset(CLIENT_EVENTS)
    prompt: str = "You answer the telephone of a restaurant."
    tools: frozenset[str] = frozenset(DIALOGUE_TOOLS)
    """Names of the client tools that it can call."""
    preset_voices: Mapping[str, str] = field(default_factory=dict)
    """Language -> another voice for it."""
    max_duration_s: float = 600.0

    @property
    def languages(self) -> tuple[str, ...]:
        """What it changes to by itself."""
        return (self.language, *self.presets) if self.detects_language else ()

    def as_json(self, output_format: str, input_format: str) -> dict[str, Any]:
        """The shape of GET /v1/convai/agents/{agent_id}; formats are vendor names such as `ulaw_8000`."""
        allowed = self.overrides
        return {
            "agent_id": self.agent_id,
            "name": self.name,
            "conversation_config": {
                "agent": {
                    "first_message": self.first_message,
                    "language": self.language,
                    "prompt": {
                        "prompt": self.prompt,
                        "llm": "gemini-2.5-flash",
                        "tools": _tools(),
                        "built_in_tools": {"language_detection": _DETECTION} if self.detects_language else {},
                    },
                    "dynamic_variables": {"dynamic_variable_placeholders": {}},
                },
                "asr": {"quality": "high", "user_input_audio_format": input_format},
                "tts": {
                    "model_id": "eleven_flash_v2_5",
                    "voice_id": self.voice_id,
                    "agent_output_audio_format": output_format,
                },
                "turn": {"turn_timeout": 7},
                "language_presets": {
                    language: {"overrides": {"agent": {"first_message": first_message}}}
                    for language, first_message in self.presets.items()
                },
                "conversation": {
                    "text_only": False,
                    "max_duration_seconds": 600,
                    "client_events": list(CLIENT_EVENTS),
                },
            },
            "metadata": {"created_at_unix_secs": _CREATED_AT_UNIX_S, "updated_at_unix_secs": _CREATED_AT_UNIX_S},
            "platform_settings": {
                "auth": {"enable_auth": self.private, "allowlist": []},
                "overrides": {
                    "conversation_config_override": {
                        "agent": {
                            "first_message": "agent.first_message" in allowed,
                            "language": "agent.language" in allowed,
                        },
                        "tts": {"voice_id": "tts.voice_id" in allowed},
                    }
                },
            },
            "phone_numbers": [],
            "tags": ["sandbox"],
        }


def fill_variables(text: str, values: dict[str, Any]) -> tuple[str, list[str]]:
    """Put `values` into the `{{name}}` places of `text`; gives the text and the names that have no value.

    Names that begin with `system__` are the platform's own: they need none, and are filled with nothing here.
    """
    names = [name for name in _VARIABLE.findall(text) if not name.startswith("system__")]
    missing = [name for name in names if name not in values]
    return _VARIABLE.sub(lambda match: str(values.get(match[1], "")), text), missing


def _tools() -> list[dict[str, Any]]:
    """The client tools that the dialogue calls."""
    text = {"type": "string", "description": "as the caller said it"}
    language = {"type": "string", "description": "the language to go on in", "enum": list(LINES)}
    option = {"type": "string", "description": "the option's name, as told when the menu opened"}
    guests = {"type": "integer", "description": "number of guests"}
    return [
        _tool("book_table", "Book a table.", people=guests, day=text, time=text),
        _tool("get_call_info", "Tell who is calling."),
        _tool("choose_option", "Take an option of the open menu in the caller's place.", option=option),
        _tool("show_menu", "Open the last menu again."),
        _tool("switch_language", "Go on in another language.", language=language),
    ]


def _tool(name: str, description: str, **properties: dict[str, Any]) -> dict[str, Any]:
    """One client tool; every property is required."""
    return {
        "type": "client",
        "name": name,
        "description": description,
        "expects_response": True,
        "response_timeout_secs": 20,
        "parameters": {"type": "object", "required": list(properties), "properties": properties},
    }


_DETECTION = {
    "type": "system",
    "name": "language_detection",
    "description": "",
    "params": {"system_tool_type": "language_detection"},
}
_GREETING = LINES["en"].greeting
_TRANSLATED = {language: LINES[language].greeting for language in ("es", "zh")}
_FREE = frozenset({"agent.first_message", "agent.language"})

AGENTS: dict[str, Agent] = {
    agent.agent_id: agent
    for agent in (
        Agent(
            "agent_sandbox_desk",
            "Harbour Kitchen desk",
            _GREETING,
            "SandboxClara00000001",
            overrides=_FREE,
            presets=_TRANSLATED,
        ),
        Agent(
            "agent_sandbox_caller",
            "Desk that knows the caller",
            "Welcome to the Harbour Kitchen. You are calling from {{caller_number}}. How can I help you?",
            "SandboxOwen000000002",
        ),
        Agent("agent_sandbox_private", "Private desk", _GREETING, "SandboxOwen000000002", private=True),
        Agent(
            "agent_sandbox_polyglot",
            "Desk that changes its language",
            _GREETING,
            "SandboxClara00000001",
            overrides=_FREE,
            presets=_TRANSLATED,
            detects_language=True,
        ),
        Agent("agent_sandbox_strict", "Desk without overrides", _GREETING, "SandboxClara00000001"),
    )
}
"""Every agent by its id; the first one is the default."""
