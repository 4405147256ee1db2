"""`config/agents/NAME.yaml`: one agent as it is to be at the vendor.

Source: https://elevenlabs.io/docs/api-reference/agents/create
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import Field, StringConstraints, ValidationInfo, field_validator, model_validator

from ivr_bridge.agents.marks import FILE_NAME
from ivr_bridge.agents.prompt_template import PromptTemplate, parse_template, read_template
from ivr_bridge.config_file import ConfigModel, Document, Problem, load_document
from ivr_bridge.errors import ConfigError
from ivr_bridge.language import Language

AudioFormat = Literal["ulaw_8000", "pcm_8000", "pcm_16000", "pcm_22050", "pcm_24000", "pcm_44100", "pcm_48000"]
ULAW: AudioFormat = "ulaw_8000"
"""What a telephone speaks: needs no transcoding here, and the vendor's own route takes nothing else."""
ClientEvent = Literal[
    "conversation_initiation_metadata",
    "asr_initiation_metadata",
    "ping",
    "audio",
    "interruption",
    "user_transcript",
    "tentative_user_transcript",
    "agent_response",
    "agent_response_correction",
    "client_tool_call",
    "mcp_tool_call",
    "mcp_connection_status",
    "agent_tool_request",
    "agent_tool_response",
    "agent_tool_response_full_payload",
    "agent_response_metadata",
    "vad_score",
    "agent_chat_response_part",
    "client_error",
    "guardrail_triggered",
    "dtmf_request",
    "agent_response_complete",
    "context_usage",
    "internal_turn_probability",
    "internal_tentative_agent_response",
]
NEEDED_EVENTS: tuple[ClientEvent, ...] = (
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
"""Without `interruption` a caller cannot barge in; without the others the bridge does not know what goes on."""
Override = Literal[
    "agent.first_message",
    "agent.language",
    "agent.max_conversation_duration_message",
    "agent.prompt.prompt",
    "agent.prompt.llm",
    "agent.prompt.tool_ids",
    "agent.prompt.native_mcp_server_ids",
    "agent.prompt.knowledge_base",
    "tts.model_id",
    "tts.voice_id",
    "tts.stability",
    "tts.speed",
    "tts.similarity_boost",
    "tts.pronunciation_dictionary_locators",
    "asr.keywords",
    "turn.soft_timeout_config.message",
    "turn.soft_timeout_config.additional_soft_timeout_messages",
    "conversation.text_only",
    "conversation.max_duration_seconds",
]
OVERRIDES: tuple[Override, ...] = get_args(Override)
"""What a conversation may be allowed to set anew, as `conversation_config_override` nests it."""
ENGLISH_ONLY = ("eleven_flash_v2", "eleven_turbo_v2")
DYNAMIC_VARIABLE = re.compile(r"\{\{\s*([^{}\s]+)\s*\}\}")
"""The vendor fills it in each conversation."""
_BLOCK = re.compile(r":\s*[|>][-+0-9]*\s*(#.*)?$")
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Share = Annotated[float, Field(ge=0, le=1)]


class VoiceOf(ConfigModel):
    """Who speaks, and how. What is not said stays as it is at the vendor."""

    id: Text | None = None
    stability: Share | None = None
    similarity_boost: Share | None = None
    speed: Annotated[float, Field(ge=0.7, le=1.2)] | None = None


class AudioOf(ConfigModel):
    """What the agent hears and speaks."""

    input: AudioFormat = ULAW
    output: AudioFormat = ULAW


class AgentFile(ConfigModel):
    """One file of `config/agents/`; the agent is found by the file's name, which its tag bears."""

    name: Text
    """For people, at the vendor."""
    prompt: Text | None = None
    """A template of `prompt_template`; this or `prompt_file`."""
    prompt_file: Text | None = None
    """A file beside this one, such as `prompts/desk.md`."""
    variables: dict[str, str] = {}
    """Of the prompt: `${name}` -> text."""
    language: Language = "en"
    first_message: Annotated[dict[Language, Text], Field(min_length=1)]
    """In each language the agent speaks. It may hold the vendor's `{{name}}`."""
    language_detection: bool = False
    """Whether the agent goes on in another of its languages when the caller does."""
    voice: VoiceOf = VoiceOf()
    model: Literal[
        "eleven_flash_v2_5",
        "eleven_turbo_v2_5",
        "eleven_multilingual_v2",
        "eleven_v3_conversational",
        "eleven_flash_v2",
        "eleven_turbo_v2",
    ] = "eleven_flash_v2_5"
    """Of the voice."""
    llm: Text | None = None
    """None: as it is at the vendor."""
    tools: list[Text] | None = None
    """Handlers of this server by name; None: all of them."""
    end_call: bool = False
    """The vendor's own tool; the handler `hang_up` waits until the last words were played."""
    knowledge: list[Text] = []
    """Files of `config/knowledge/`, without their endings."""
    allowed_overrides: list[Override] = ["agent.first_message", "agent.language"]
    client_events: list[ClientEvent] = list(NEEDED_EVENTS)
    audio: AudioOf = AudioOf()
    placeholders: dict[str, str | int | float | bool] = {}
    """What stands for a dynamic variable `{{name}}` while the agent is tried out at the vendor."""
    max_duration_s: Annotated[int, Field(ge=10, le=7200)] = 600
    """The vendor ends a conversation then."""

    @model_validator(mode="after")
    def _one_prompt(self) -> Self:
        if (self.prompt is None) == (self.prompt_file is None):
            raise ValueError("needs either `prompt`, or `prompt_file` with the name of a text file")
        return self

    @field_validator("first_message")
    @classmethod
    def _in_its_language(cls, messages: dict[str, str], info: ValidationInfo) -> dict[str, str]:
        own = info.data.get("language")
        if own is not None and own not in messages:
            raise ValueError(f"needs one in {own}, which is the agent's language: a caller would meet silence")
        return messages

    @field_validator("model")
    @classmethod
    def _speaks_them(cls, model: str, info: ValidationInfo) -> str:
        languages = {info.data.get("language"), *info.data.get("first_message", ())} - {"en", None}
        if model in ENGLISH_ONLY and languages:
            told = ", ".join(sorted(map(str, languages)))
            raise ValueError(f"{model} speaks English only, and this agent speaks {told}, too; write eleven_flash_v2_5")
        return model

    @field_validator("client_events")
    @classmethod
    def _all_needed(cls, events: list[str]) -> list[str]:
        missing = [event for event in NEEDED_EVENTS if event not in events]
        if missing:
            raise ValueError(f"the bridge needs {', '.join(missing)}, too")
        return events

    @property
    def languages(self) -> tuple[Language, ...]:
        """Its own first."""
        return (self.language, *(language for language in self.first_message if language != self.language))


def agent_paths(config_dir: Path) -> list[Path]:
    """The files of `config/agents/`, without what an editor hides there."""
    return sorted(path for path in (config_dir / "agents").glob("*.yaml") if not path.name.startswith("."))


def read_agent_files(config_dir: Path) -> dict[str, Document[AgentFile]]:
    """Every agent by the name of its file.

    Raises:
        ConfigError: every `Problem` of all files.
    """
    documents: dict[str, Document[AgentFile]] = {}
    problems: list[str] = []
    for path in agent_paths(config_dir):
        try:
            documents[path.stem] = read_agent_file(path)
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(*problems)
    return documents


def read_agent_file(path: Path) -> Document[AgentFile]:
    """One file.

    Raises:
        ConfigError: it does not fit, or its name cannot stand in a tag.
    """
    if not FILE_NAME.fullmatch(path.stem):
        remedy = "write up to 64 letters, digits, '_' or '-', a letter or digit first"
        raise ConfigError(Problem(path, 0, "", "cannot be an agent's name", remedy))
    return load_document(path, AgentFile)


def prompt_template(document: Document[AgentFile]) -> PromptTemplate:
    """The agent's prompt before its variables are filled.

    Raises:
        ConfigError: the prompt's file cannot be read, or `${` in it cannot; each with file and line.
    """
    file = document.content
    if file.prompt_file is None:
        return parse_template(file.prompt or "", document.path, first_line=_prompt_line(document))
    path = document.path.parent / file.prompt_file
    if not path.is_file():
        raise ConfigError(
            document.problem(("prompt_file",), f"there is no file {path}", "write it, or `prompt: |` here")
        )
    return read_template(path)


def _prompt_line(document: Document[AgentFile]) -> int:
    """The line on which the prompt's text begins: of a block (`|`, `>`) the one behind its key."""
    line = document.line_of(("prompt",))
    key = document.path.read_text(encoding="utf-8").splitlines()[line - 1]
    return line + 1 if _BLOCK.search(key) else line


def prompt_text(document: Document[AgentFile]) -> str:
    """The agent's prompt as it goes to the vendor.

    Raises:
        ConfigError: as `prompt_template`, or a variable is missing or is one too many.
    """
    return prompt_template(document).render(document.content.variables, document, ("variables",))


def dynamic_variables(texts: Mapping[str, str]) -> dict[str, str]:
    """The vendor's `{{name}}` in some texts, and in which one each stands first; the vendor's own are left out."""
    found: dict[str, str] = {}
    for place, text in texts.items():
        for name in DYNAMIC_VARIABLE.findall(text):
            if not name.startswith("system__"):
                found.setdefault(name, place)
    return found


def override_names(overrides: Mapping[str, Any], prefix: str = "") -> list[str]:
    """The fields of a `conversation_config_override`, with dots: `agent.prompt.llm`."""
    names: list[str] = []
    for key, value in overrides.items():
        if isinstance(value, Mapping) and prefix + key not in OVERRIDES:
            names += override_names(value, f"{prefix}{key}.")
        else:
            names.append(prefix + key)
    return names
