"""The file of an agent that is at the vendor already.                                                       pure

What a file cannot say stays at the vendor, where no plan touches it.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from ivr_bridge.agents.agent_file import NEEDED_EVENTS, OVERRIDES, ULAW, ClientEvent
from ivr_bridge.agents.desired import SYSTEM_TOOLS
from ivr_bridge.agents.found import Found, FoundAgent
from ivr_bridge.language import Language

_TTS = {"stability": "stability", "similarity_boost": "similarity_boost", "speed": "speed"}
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")
_YAML_WORDS = ("true", "false", "yes", "no", "on", "off", "null", "y", "n")
_NOT_IN_A_NAME = re.compile(r"[^a-z0-9]+")
_LINE_WIDTH = 100


@dataclass(frozen=True, slots=True)
class PulledFile:
    """A file to be written."""

    text: str
    """YAML."""
    remarks: tuple[str, ...]
    """What an operator has to know: what of the agent the bridge cannot do with."""


def pulled_file(agent: FoundAgent, found: Found) -> PulledFile:
    """The file of an agent.

    Args:
        agent: as it was read.
        found: the account's tools and documents.
    """
    remarks: list[str] = []
    config = _object(agent.document.get("conversation_config"))
    spoken, tts, asr, conversation = (_object(config.get(key)) for key in ("agent", "tts", "asr", "conversation"))
    prompt = _object(spoken.get("prompt"))
    fields: dict[str, Any] = {"name": str(agent.document.get("name") or agent.agent_id)}
    fields["prompt"] = str(prompt.get("prompt") or "").strip().replace("${", "$${")
    fields |= _languages(config, spoken, remarks)
    built_in = _object(prompt.get("built_in_tools"))
    for tool in reversed(SYSTEM_TOOLS):
        fields[tool] = isinstance(built_in.get(tool), Mapping)
    voice = {"id": tts.get("voice_id"), **{ours: tts.get(theirs) for theirs, ours in _TTS.items()}}
    fields["voice"] = {key: value for key, value in voice.items() if value is not None}
    fields["model"] = tts.get("model_id") or "eleven_flash_v2"
    fields["llm"] = prompt.get("llm")
    fields["tools"] = _tools(agent, found, remarks)
    fields["knowledge"] = _knowledge(agent, found, remarks)
    fields["allowed_overrides"] = _allowed(agent)
    fields["client_events"] = _events(conversation, remarks)
    fields["audio"] = {
        "input": _format(asr.get("user_input_audio_format"), "hears", remarks),
        "output": _format(tts.get("agent_output_audio_format"), "speaks", remarks),
    }
    placeholders = _object(_object(spoken.get("dynamic_variables")).get("dynamic_variable_placeholders"))
    fields["placeholders"] = {key: value for key, value in placeholders.items() if isinstance(value, str | int | float)}
    fields["max_duration_s"] = conversation.get("max_duration_seconds") or 600
    kept = {key: value for key, value in fields.items() if value is not None and value != {}}
    heading = "# As it was at the vendor. What is not said here stays as it is there.\n"
    return PulledFile(heading + yaml_text(kept), tuple(remarks))


def file_name(agent_name: str) -> str:
    """A name for the file of an agent that was made by hand: `Front desk (new)` gives `front_desk_new`."""
    return _NOT_IN_A_NAME.sub("_", agent_name.lower()).strip("_")[:64].strip("_") or "agent"


def yaml_text(fields: Mapping[str, Any], indent: int = 0) -> str:
    """YAML of texts, numbers, lists of them and mappings; long texts as blocks, one line a line."""
    lines: list[str] = []
    margin = " " * indent
    for key, value in fields.items():
        name = f"{margin}{_scalar(key)}:"
        if isinstance(value, Mapping) and value:
            lines.append(f"{name}\n{yaml_text(value, indent + 2)}".rstrip("\n"))
        elif isinstance(value, list | tuple):
            lines.append(_list(name, value, margin))
        elif isinstance(value, str) and _fits_a_block(value):
            body = "\n".join(f"{margin}  {line}" if line else "" for line in value.split("\n"))
            lines.append(f"{name} |-\n{body}")
        else:
            lines.append(f"{name} {'{}' if isinstance(value, Mapping) else _scalar(value)}")
    return "\n".join(lines) + "\n"


def _list(name: str, values: Iterable[Any], margin: str) -> str:
    written = [_scalar(value) for value in values]
    line = f"{name} [{', '.join(written)}]"
    if len(line) <= _LINE_WIDTH or not written:
        return line
    return "\n".join([name, *(f"{margin}  - {value}" for value in written)])


def _scalar(value: Any) -> str:
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _YAML_WORDS:
        return value
    return _quoted(value) if isinstance(value, str) else json.dumps(value)


def _quoted(text: str) -> str:
    """A double-quoted scalar; what cannot be seen is written by its number."""
    short = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t"}
    signs = (short.get(sign) or (sign if sign.isprintable() else f"\\U{ord(sign):08x}") for sign in text)
    return f'"{"".join(signs)}"'


def _fits_a_block(text: str) -> bool:
    lines = text.split("\n")
    plain = all(line.isprintable() and line == line.rstrip() for line in lines)
    return plain and bool(text) and not text[0].isspace() and bool(lines[-1]) and (len(lines) > 1 or len(text) > 60)


def _languages(config: Mapping[str, Any], spoken: Mapping[str, Any], remarks: list[str]) -> dict[str, Any]:
    known = get_args(Language)
    language = spoken.get("language") or "en"
    if language not in known:
        remarks.append(f"it speaks {language}, which this server does not know; write one of: {', '.join(known)}")
    messages = {language: str(spoken.get("first_message") or "").strip()}
    if not messages[language]:
        remarks.append("it has no first message: a caller would meet silence; write one")
    for other, preset in _object(config.get("language_presets")).items():
        overrides = _object(_object(_object(preset).get("overrides")).get("agent"))
        message = str(overrides.get("first_message") or "").strip()
        if message and other in known and other != language:
            messages[other] = message
    return {"language": language, "first_message": messages}


def _tools(agent: FoundAgent, found: Found, remarks: list[str]) -> list[str]:
    """The client tools; all others stay with the agent, unnamed."""
    tools = [tool for tool_id in agent.tool_ids if (tool := found.tool(tool_id)) is not None]
    names = [tool.name for tool in tools if tool.is_client_tool]
    attached = {tool.name for tool in tools}
    inline = [str(each.get("name")) for each in agent.inline_tools if each.get("type") == "client"]
    inline = [name for name in inline if name not in attached]
    if by_hand := [tool.name for tool in tools if tool.is_client_tool and tool.mark is None]:
        remarks.append(f"made by hand: {', '.join(by_hand)}; each needs a handler here, and apply takes its place")
    if inline:
        remarks.append(f"held by the agent itself: {', '.join(inline)}; take them off at the vendor before apply")
    return list(dict.fromkeys([*names, *inline]))


def _knowledge(agent: FoundAgent, found: Found, remarks: list[str]) -> list[str]:
    ours = {document.document_id: document.mark for document in found.documents}
    marks = [ours.get(str(entry.get("id"))) for entry in agent.knowledge]
    if None in marks:
        remarks.append(f"{marks.count(None)} documents were made by hand: they stay with the agent, unnamed")
    return list(dict.fromkeys(mark.name for mark in marks if mark is not None))


def _allowed(agent: FoundAgent) -> list[str]:
    platform = _object(agent.document.get("platform_settings"))
    tree = _object(_object(platform.get("overrides")).get("conversation_config_override"))
    allowed: list[str] = []
    for name in OVERRIDES:
        place: Any = tree
        for key in name.split("."):
            place = place.get(key) if isinstance(place, Mapping) else None
        if place is True:
            allowed.append(name)
    return allowed


def _events(conversation: Mapping[str, Any], remarks: list[str]) -> list[str]:
    listed = conversation.get("client_events")
    events = [event for event in listed if event in get_args(ClientEvent)] if isinstance(listed, list) else []
    if missing := [event for event in NEEDED_EVENTS if event not in events]:
        remarks.append(f"the bridge needs these events, too: {', '.join(missing)}; they are in the file")
    return [*NEEDED_EVENTS, *(event for event in events if event not in NEEDED_EVENTS)]


def _format(found: object, verb: str, remarks: list[str]) -> str:
    """The bridge's need is written, not what is there."""
    if found != ULAW:
        remarks.append(f"it {verb} {found or 'the default'}; the file says {ULAW}, as a telephone needs it")
    return ULAW


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
