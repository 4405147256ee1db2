"""What the vendor's document of an agent is to hold, made from its file.                                    pure

Only what the file speaks of is in it: everything else of the vendor's document stays as it is there. Tools and
knowledge are by name here, since their ids are the vendor's; `joining` puts the ids in.
"""

from dataclasses import dataclass
from typing import Any

from ivr_bridge.agents.agent_file import OVERRIDES, AgentFile
from ivr_bridge.agents.marks import ContentMark

SYSTEM_TOOLS = ("end_call", "language_detection")
"""The vendor's own tools that a file switches on and off."""


@dataclass(frozen=True, slots=True)
class WantedAgent:
    """One agent as it is to be."""

    name: str
    """Of its file, and of its tag."""
    document: dict[str, Any]
    """`name`, `conversation_config` and `platform_settings` as the vendor nests them; None: is not to be there."""
    tools: tuple[str, ...]
    """Handlers."""
    knowledge: tuple[str, ...]
    """Files of `config/knowledge/`."""


@dataclass(frozen=True, slots=True)
class WantedDocument:
    """One document of `config/knowledge/` as agents are to know it."""

    mark: ContentMark
    usage_mode: str
    """`auto`, or `prompt`."""


def wanted_agent(name: str, file: AgentFile, prompt: str, handlers: tuple[str, ...]) -> WantedAgent:
    """One file's agent.

    Args:
        name: of the file, without its ending.
        file: what it says.
        prompt: with its variables filled.
        handlers: the names of all tools of this server.
    """
    voice = {
        "voice_id": file.voice.id,
        "stability": file.voice.stability,
        "similarity_boost": file.voice.similarity_boost,
        "speed": file.voice.speed,
    }
    switched = {"end_call": file.end_call, "language_detection": file.language_detection}
    agent: dict[str, Any] = {
        "first_message": file.first_message[file.language],
        "language": file.language,
        "prompt": {
            "prompt": prompt,
            **({"llm": file.llm} if file.llm is not None else {}),
            "built_in_tools": {tool: _system_tool(tool) if switched[tool] else None for tool in SYSTEM_TOOLS},
        },
    }
    if file.placeholders:
        agent["dynamic_variables"] = {"dynamic_variable_placeholders": dict(file.placeholders)}
    document = {
        "name": file.name,
        "conversation_config": {
            "agent": agent,
            "asr": {"user_input_audio_format": file.audio.input},
            "tts": {
                "model_id": file.model,
                "agent_output_audio_format": file.audio.output,
                **{key: value for key, value in voice.items() if value is not None},
            },
            "conversation": {
                "client_events": list(dict.fromkeys(file.client_events)),
                "max_duration_seconds": file.max_duration_s,
            },
            "language_presets": {
                language: {"overrides": {"agent": {"first_message": file.first_message[language]}}}
                for language in file.languages[1:]
            },
        },
        "platform_settings": {"overrides": {"conversation_config_override": _allowed(tuple(file.allowed_overrides))}},
    }
    tools = handlers if file.tools is None else tuple(dict.fromkeys(file.tools))
    return WantedAgent(name, document, tools, tuple(dict.fromkeys(file.knowledge)))


def nested(path: tuple[str, ...], value: Any) -> dict[str, Any]:
    """A document that holds one value at a path."""
    for key in reversed(path):
        value = {key: value}
    assert isinstance(value, dict), "a path has at least one key"  # noqa: S101
    return value


def joined(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Two documents as one, field by field; `other` wins, and a list is taken whole."""
    both = dict(one)
    for key, value in other.items():
        before = both.get(key)
        both[key] = joined(before, value) if isinstance(before, dict) and isinstance(value, dict) else value
    return both


def without_none(document: dict[str, Any]) -> dict[str, Any]:
    """A document for an agent that is made new: what is not to be there is left out."""
    return {
        key: without_none(value) if isinstance(value, dict) else value
        for key, value in document.items()
        if value is not None
    }


def _system_tool(name: str) -> dict[str, Any]:
    return {"type": "system", "name": name, "description": "", "params": {"system_tool_type": name}}


def _allowed(names: tuple[str, ...]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for name in OVERRIDES:
        tree = joined(tree, nested(tuple(name.split(".")), name in names))
    return tree
