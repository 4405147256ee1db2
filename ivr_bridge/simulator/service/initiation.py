"""The client's first message: which overrides it asks for, and whether the agent allows them. Pure."""

from dataclasses import dataclass
from typing import Any

from ivr_bridge.simulator.service.agents import Agent, fill_variables
from ivr_bridge.simulator.service.voices import VOICES, Voice

_GUARDED = ("agent", "tts", "conversation")


class InitiationRefused(Exception):
    """The conversation cannot begin: `error_type` is the vendor's word for why; the message is its reason."""

    def __init__(self, error_type: str, reason: str) -> None:
        super().__init__(reason)
        self.error_type = error_type


@dataclass(frozen=True, slots=True)
class Opening:
    """How the agent begins: `first_message` with its variables filled in, `language`, `voice`.

    Where no first message is asked for, it is that of the agent's preset for the language, else the agent's own.
    """

    first_message: str
    language: str
    voice: Voice


def open_with(agent: Agent, message: dict[str, Any]) -> Opening:
    """The opening that `message` (conversation_initiation_client_data) and the agent's settings give.

    Raises:
        InitiationRefused: override_error, missing_dynamic_variable or missing_fields; the close code is 1008.
    """
    override = _mapping(message, "conversation_config_override")
    for part in _GUARDED:
        for name, value in _mapping(override, part).items():
            if value is not None and f"{part}.{name}" not in agent.overrides:
                raise InitiationRefused("override_error", f"Override for field '{name}' is not allowed by config.")
    asked = _mapping(override, "agent")
    language = str(asked.get("language") or agent.language)
    first_message = asked.get("first_message")
    if first_message is None:
        first_message = agent.presets.get(language, agent.first_message)
    text, missing = fill_variables(str(first_message), _mapping(message, "dynamic_variables"))
    if missing:
        raise InitiationRefused(
            "missing_dynamic_variable", f"Missing required dynamic variables in first message: {sorted(set(missing))}"
        )
    voice = VOICES.get(str(_mapping(override, "tts").get("voice_id") or agent.voice_id), VOICES[agent.voice_id])
    return Opening(text, language, voice)


def _mapping(message: dict[str, Any], key: str) -> dict[str, Any]:
    """The object under `key`; absent and null count as empty."""
    value = message.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InitiationRefused("missing_fields", f"{key} must be an object")
    return value
