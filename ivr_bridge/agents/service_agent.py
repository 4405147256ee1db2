"""An agent as a program describes it to the service, and the vendor's document that is made of it.

Files of `config/agents/` are the way for an operator; this is the way for code that makes agents of its own.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ivr_bridge.agents.agent_file import NEEDED_EVENTS, AudioFormat
from ivr_bridge.agents.desired import joined
from ivr_bridge.agents.prompt_template import PromptTemplate, parse_template, read_template
from ivr_bridge.errors import ConfigError
from ivr_bridge.language import Language

SYSTEM_TOOLS = ("end_call", "language_detection", "skip_turn", "voicemail_detection")
"""Tools of the vendor's own that need nothing but their name."""
TEMPLATE_ENDINGS = (".md", ".txt")

_GREETINGS: dict[Language, str] = {
    "en": "Hello, how can I help you?",
    "es": "Hola, ¿en qué puedo ayudarle?",
    "zh": "您好，请问有什么可以帮您？",  # noqa: RUF001  # Chinese punctuation
}
_TEMPLATE_KEYS = ({"template"}, {"template", "variables"}, {"text", "variables"})


class Agent(BaseModel):
    """What `create_agent` and `update_agent` take. An update sends only what was given, the name always.

    `...` inside braces or brackets, as in `system_prompt={...}`, says nothing: the vendor's default.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())

    name: str = Field(min_length=1)
    """For people."""
    system_prompt: str | dict[str, Any] = ""
    """What it is told to be, in one of these forms. A text, taken as it is. `{"template": NAME, "variables": {...}}`: a
    file of `config/agents/prompts/` filled. `{"text": "... ${x} ...", "variables": {...}}`: a template of its own.
    Any other dict: sections, each a heading and its text (or a list, one line each), joined in their order."""
    tools: list[str | dict[str, Any]] = []
    """A name: one of `SYSTEM_TOOLS`, else a tool of the account. A dict: a whole `tool_config`; the tool of the account
    that is the same already is used, else it is made."""
    voice_id: str | None = None
    """None: the vendor's default."""
    first_message: str | None = None
    """None: a greeting in its language; "": it waits for the caller, who hears nothing."""
    language: Language = "en"
    model_id: str = "eleven_flash_v2_5"
    """Of its voice."""
    llm: str | None = None
    """None: the vendor's default."""
    audio_format: AudioFormat = "ulaw_8000"
    """What it hears and speaks; the default is a telephone's."""
    tags: list[str] = []
    conversation_config: dict[str, Any] = {}
    """More of the vendor's document; it wins over everything above."""
    platform_settings: dict[str, Any] = {}

    @model_validator(mode="before")
    @classmethod
    def _left_out(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        return {field: value for field, value in values.items() if not _says_nothing(value)}


def prompt_templates(config_dir: Path) -> dict[str, PromptTemplate]:
    """Every template of `config/agents/prompts/` by the name of its file without the ending.

    Raises:
        ConfigError: every problem of all of them, with file and line.
    """
    templates: dict[str, PromptTemplate] = {}
    problems: list[str] = []
    for path in _paths(config_dir):
        try:
            templates[path.stem] = read_template(path)
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(*problems)
    return templates


def render_system_prompt(system_prompt: str | Mapping[str, Any], config_dir: Path) -> str:
    """The text of a `system_prompt` in any of its forms.

    Args:
        system_prompt: as `Agent.system_prompt`.
        config_dir: where the templates are.

    Raises:
        ConfigError: no such template, a variable that is missing or one too many, or a section that is no text.
    """
    if isinstance(system_prompt, str):
        return system_prompt
    if set(system_prompt) in _TEMPLATE_KEYS:
        variables = system_prompt.get("variables", {})
        if not isinstance(variables, Mapping):
            raise ConfigError("system_prompt.variables: should be names with values")
        return _template(system_prompt, config_dir).render({str(name): str(text) for name, text in variables.items()})
    return "\n\n".join(_section(heading, text) for heading, text in system_prompt.items())


def agent_document(agent: Agent, prompt: str, *, only_given: bool = False) -> dict[str, Any]:
    """The vendor's document without tools.

    Args:
        agent: what is wanted.
        prompt: the rendered `system_prompt`.
        only_given: leave out what was not given, for an agent that is there already.
    """
    fields = agent.model_fields_set | ({"name"} if only_given else set(Agent.model_fields))
    config: dict[str, Any] = {}
    for field, part in _parts(agent, prompt).items():
        if field in fields:
            config = joined(config, part)
    if not only_given:
        config = joined(config, {"conversation": {"client_events": list(NEEDED_EVENTS)}})
    config = joined(config, agent.conversation_config)
    document: dict[str, Any] = {"name": agent.name}
    if config:
        document["conversation_config"] = config
    if agent.platform_settings:
        document["platform_settings"] = agent.platform_settings
    if "tags" in fields and (agent.tags or only_given):
        document["tags"] = agent.tags
    return document


def system_tools(names: Iterable[str]) -> dict[str, Any]:
    """The vendor's `built_in_tools` for those of `SYSTEM_TOOLS` that are named."""
    return {
        name: {"type": "system", "name": name, "description": "", "params": {"system_tool_type": name}}
        for name in names
        if name in SYSTEM_TOOLS
    }


def _says_nothing(value: object) -> bool:
    return value is ... or (isinstance(value, list | set | tuple) and len(value) == 1 and ... in value)


def _parts(agent: Agent, prompt: str) -> dict[str, dict[str, Any]]:
    """What each field of an agent says in the vendor's `conversation_config`."""
    message = _GREETINGS[agent.language] if agent.first_message is None else agent.first_message
    return {
        "system_prompt": {"agent": {"prompt": {"prompt": prompt}}},
        "llm": {"agent": {"prompt": {"llm": agent.llm}}} if agent.llm is not None else {},
        "first_message": {"agent": {"first_message": message}},
        "language": {"agent": {"language": agent.language}},
        "model_id": {"tts": {"model_id": agent.model_id}},
        "voice_id": {"tts": {"voice_id": agent.voice_id}} if agent.voice_id is not None else {},
        "audio_format": {
            "asr": {"user_input_audio_format": agent.audio_format},
            "tts": {"agent_output_audio_format": agent.audio_format},
        },
    }


def _template(system_prompt: Mapping[str, Any], config_dir: Path) -> PromptTemplate:
    if "text" in system_prompt:
        return parse_template(str(system_prompt["text"]), "system_prompt.text")
    name = str(system_prompt["template"])
    paths = {path.stem: path for path in _paths(config_dir)}
    if name not in paths:
        there = ", ".join(paths) or "none"
        raise ConfigError(f"system_prompt.template: there is no {name!r} in {_folder(config_dir)}; there are: {there}")
    return read_template(paths[name])


def _section(heading: str, text: object) -> str:
    if isinstance(text, str):
        return f"# {heading}\n\n{text.strip()}"
    if isinstance(text, list) and all(isinstance(line, str) for line in text):
        return "\n".join([f"# {heading}", "", *(f"- {line}" for line in text)])
    raise ConfigError(f"system_prompt.{heading}: should be a text or a list of texts")


def _folder(config_dir: Path) -> Path:
    return config_dir / "agents" / "prompts"


def _paths(config_dir: Path) -> list[Path]:
    folder = _folder(config_dir)
    return sorted(
        path for path in folder.glob("*") if path.suffix in TEMPLATE_ENDINGS and not path.name.startswith(".")
    )
