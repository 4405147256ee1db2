"""The client's first message: which overrides it asks for, and whether the agent allows them. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ivr_bridge.simulator.service.agents import Agent, fill_variables
from ivr_bridge.simulator.service.voices import VOICES, Voice, voice_of

_GUARDED = ("agent", "tts", "conversation", "asr", "turn")


class InitiationRefused(Exception):
    """The conversation cannot begin: `error_type` is the vendor's word for why; the message is its reason."""

    def __init__(self, error_type: str, reason: str) -> None:
        super().__init__(reason)
        self.error_type = error_type


@dataclass(frozen=True, slots=True)
class Opening:
    """How the agent begins: `first_message` with its variables filled in, `language`, `voice`.

    Where no first message is asked for, it is that of the agent's preset for the language, else the agent's own. An
    agent whose voice the sandbox does not have speaks in the first one.
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
        for name in _leaves(_mapping(override, part), part):
            if name not in agent.overrides:
                field = name.rpartition(".")[2]
                raise InitiationRefused("override_error", f"Override for field '{field}' is not allowed by config.")
    asked = _mapping(override, "agent")
    language = str(asked.get("language") or agent.language)
    first_message = asked.get("first_message")
    if first_message is None:
        first_message = agent.presets.get(language, agent.first_message)
    values = _mapping(message, "dynamic_variables")
    prompt = _mapping(asked, "prompt").get("prompt")
    text = _filled(str(first_message), values, "first message")
    _filled(agent.prompt if prompt is None else str(prompt), values, "prompt")
    voice_id = str(_mapping(override, "tts").get("voice_id") or agent.preset_voices.get(language) or agent.voice_id)
    return Opening(text, language, voice_of(voice_id) or voice_of(agent.voice_id) or next(iter(VOICES.values())))


def _filled(text: str, values: dict[str, Any], place: str) -> str:
    """The text with its variables filled in."""
    filled, missing = fill_variables(text, values)
    if missing:
        names = sorted(set(missing))
        raise InitiationRefused("missing_dynamic_variable", f"Missing required dynamic variables in {place}: {names}")
    return filled


def _leaves(part: dict[str, Any], prefix: str) -> Iterator[str]:
    """Dotted names of all that has a value."""
    for name, value in part.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}.{name}")
        elif value is not None:
            yield f"{prefix}.{name}"


def _mapping(message: dict[str, Any], key: str) -> dict[str, Any]:
    """The object under `key`; absent and null count as empty."""
    value = message.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InitiationRefused("missing_fields", f"{key} must be an object")
    return value
