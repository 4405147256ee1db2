"""`ivr-bridge check [DIR]`: everything that is wrong with a configuration, in one go."""

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
from pydantic import BaseModel
from rich.console import Console
from rich.text import Text

from ivr_bridge.agents.agent_faults import Surroundings, check_agents, flow_documents
from ivr_bridge.agents.handlers import Handler, http_handlers, registered
from ivr_bridge.agents.knowledge_file import read_knowledge, unread_knowledge
from ivr_bridge.config_file import Document, Model, Problem, load_document
from ivr_bridge.errors import AudioFormatError, ConfigError
from ivr_bridge.flows.flow_book import check_flow_book
from ivr_bridge.settings import BridgeConfig, read_settings
from ivr_bridge.speech.prompt_file import LANGUAGES, REQUIRED_PROMPTS, PromptFile
from ivr_bridge.tools.http_tool_file import read_http_tools
from ivr_bridge.tools.registry import ToolRegistry

FINE, PROBLEMS = 0, 1
READ = (
    "bridge.yaml",
    "hours.yaml",
    "knowledge/sources.yaml",
    *(f"prompts/{name}.yaml" for name in LANGUAGES),
)
"""Files that are read by their names."""
READ_FOLDERS = ("agents", "flows", "tools", "calls")
"""Folders in which every `*.yaml` is read."""
STYLES = {"error": "bold red", "warning": "yellow"}


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "check",
        help="list everything that is wrong with the configuration",
        description="Read every file of the configuration as `serve` would, and list all that is wrong with it. "
        "Exit: 0 no problem (there may be warnings), 1 problems, 2 usage.",
    )
    parser.add_argument("directory", nargs="?", type=Path, metavar="DIR", help="default: CONFIG_DIR, else config")
    parser.add_argument("--json", action="store_true", help="print one JSON list and nothing else")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print what is wrong.

    Raises:
        ConfigError: the directory is not there.
    """
    own = {name: value for name, value in os.environ.items() if name == "CONFIG_DIR"}
    folder = read_settings(own, config_dir=arguments.directory).config_dir
    if not folder.is_dir():
        raise ConfigError(f"{folder}: there is no such directory; ivr-bridge init . writes the default config")
    problems = check(folder, os.environ)
    if arguments.json:
        print(orjson.dumps([problem.as_json() for problem in problems], option=orjson.OPT_INDENT_2).decode())
    else:
        _show(problems, len(_files(folder)))
    return PROBLEMS if any(problem.severity == "error" for problem in problems) else FINE


def check(folder: Path, environ: Mapping[str, str]) -> list[Problem]:
    """Every problem and warning of a configuration, each once, by file and line.

    What depends on something that could not be read is not told: it would be told wrongly.

    Args:
        folder: such as `config`.
        environ: for `${NAME}`.
    """
    reading = _Reading(folder, environ)
    for read in READERS:
        read(reading)
    return sorted(dict.fromkeys(reading.problems), key=lambda problem: (problem.file, problem.line))


class _NamedByBridge(BaseModel):
    """What of bridge.yaml is looked for elsewhere: read even where the rest is broken."""

    greeting: str = "cached"
    tools_module: str | None = None
    overrides: Any = {}
    dynamic_variables: Any = {}
    tool_timeout_s: Any = None


class _PromptNames(BaseModel):
    """A prompt file as far as its names go."""

    prompts: dict[str, Any]


class _ToolName(BaseModel):
    """What a tool's file is looked up by."""

    name: str


@dataclass(slots=True)
class _Reading:
    """What one reader found and a later one needs, and every problem so far."""

    folder: Path
    environ: Mapping[str, str]
    problems: list[Problem] = field(default_factory=list)
    bridge: Document[_NamedByBridge] | None = None
    prompts: set[str] | None = None
    """Names that all languages have, as far as they could be read; None when none could."""
    tools: ToolRegistry | None = None
    handlers: tuple[Handler, ...] | None = None
    """All tools that an agent may be told of; None when one could not be read."""
    knowledge: frozenset[str] | None = None
    """Names of documents; None when one could not be read."""

    def read(self, path: Path, model: type[Model]) -> Document[Model] | None:
        """One file; None when it cannot be used."""
        try:
            return load_document(path, model)
        except ConfigError as error:
            self.problems += map(Problem.of, error.problems)
            return None


def _read_prompts(reading: _Reading) -> None:
    files: dict[str, Document[_PromptNames]] = {}
    for language in LANGUAGES:
        path = reading.folder / "prompts" / f"{language}.yaml"
        reading.read(path, PromptFile)
        with contextlib.suppress(ConfigError):  # told by the line above
            files[language] = load_document(path, _PromptNames)
    if not files:
        return
    names = {language: set(document.content.prompts) for language, document in files.items()}
    reading.prompts = set.intersection(*names.values()).union(REQUIRED_PROMPTS)
    for language, document in files.items():
        for name in sorted(set.union(*names.values()) - names[language] - set(REQUIRED_PROMPTS)):
            others = ", ".join(other for other in names if name in names[other])
            text = f"there is no {name!r} here, but in {others}; so nothing may name it"
            reading.problems.append(document.problem(("prompts",), text, "write it here, too", "warning"))


def _read_bridge(reading: _Reading) -> None:
    path = reading.folder / "bridge.yaml"
    reading.read(path, BridgeConfig)
    with contextlib.suppress(ConfigError):  # told by the line above
        reading.bridge = load_document(path, _NamedByBridge)
    if reading.bridge is None or reading.prompts is None:
        return
    greeting = reading.bridge.content.greeting
    if greeting not in {"cached", "agent", *reading.prompts}:
        text, remedy = f"there is no prompt {greeting!r}", "cached, agent, or the name of a prompt in every language"
        reading.problems.append(reading.bridge.problem(("greeting",), text, remedy))


def _read_flows(reading: _Reading) -> None:
    reading.problems += check_flow_book(reading.folder, reading.prompts, reading.environ)


def _read_tools_module(reading: _Reading) -> None:
    reading.tools = ToolRegistry.from_module(None)
    if reading.bridge is None:
        return
    try:
        # The operator's own code runs here, and what it prints is none of our list.
        with contextlib.redirect_stdout(sys.stderr):
            reading.tools = ToolRegistry.from_module(reading.bridge.content.tools_module)
    except ConfigError as error:
        for each in error.problems:
            text, _, remedy = each.removeprefix("tools_module ").partition("; ")
            reading.problems.append(reading.bridge.problem(("tools_module",), text, remedy))
        return
    with contextlib.suppress(ConfigError):  # told by the reader of those files
        reading.handlers = (*registered(reading.tools), *http_handlers(reading.folder))


def _read_http_tools(reading: _Reading) -> None:
    folder = reading.folder / "tools"
    try:
        read_http_tools(folder, reading.environ)
    except ConfigError as error:
        reading.problems += map(Problem.of, error.problems)
    for path in _yaml(folder):
        with contextlib.suppress(ConfigError):  # told by the lines above
            document = load_document(path, _ToolName)
            name = document.content.name
            if reading.tools is not None and (other := reading.tools.find(name)) is not None:
                text = f"{name!r} is the tool of {other.place} already"
                reading.problems.append(document.problem(("name",), text, "give one of them another name"))


def _read_knowledge(reading: _Reading) -> None:
    reading.problems += unread_knowledge(reading.folder)
    try:
        reading.knowledge = frozenset(read_knowledge(reading.folder))
    except ConfigError as error:
        reading.problems += map(Problem.of, error.problems)


def _read_agents(reading: _Reading) -> None:
    around = Surroundings(reading.handlers, reading.knowledge, reading.bridge, flow_documents(reading.folder))
    reading.problems += check_agents(reading.folder, around)


def _read_calls(reading: _Reading) -> None:
    # The simulator is imported only here: `ivr-bridge serve` works without its packages.
    from ivr_bridge.cli.call_file import CallFile  # noqa: PLC0415
    from ivr_bridge.simulator.phone.voices import load_wav  # noqa: PLC0415

    for path in _yaml(reading.folder / "calls"):
        document = reading.read(path, CallFile)
        for index, step in enumerate(document.content.steps if document is not None else ()):
            if document is None or step.audio is None:
                continue
            wav = path.parent / step.audio
            try:
                load_wav(wav)
            except (OSError, AudioFormatError) as error:
                fault = error.strerror if isinstance(error, OSError) else str(error)
                text = f"{wav} cannot be used: {fault}"
                reading.problems.append(document.problem(("steps", index, "audio"), text, "a 16-bit WAV file"))


def _find_unread(reading: _Reading) -> None:
    known = {*map(str, _files(reading.folder)), *(problem.file for problem in reading.problems)}
    for path in sorted(reading.folder.rglob("*.y*ml")):
        hidden = any(part.startswith(".") for part in path.relative_to(reading.folder).parts)
        if path.is_file() and str(path) not in known and not hidden:
            places = f"{', '.join(READ)}, and *.yaml in {', '.join(READ_FOLDERS)}"
            reading.problems.append(Problem(path, 0, "", "nothing reads this", places, severity="warning"))


def _files(folder: Path) -> list[Path]:
    """The files that are read."""
    named = (folder / name for name in READ)
    inside = (path for name in READ_FOLDERS for path in _yaml(folder / name))
    return [path for path in (*named, *inside) if path.is_file()]


def _yaml(folder: Path) -> list[Path]:
    """Without what an editor hides there."""
    return sorted(path for path in folder.glob("*.yaml") if not path.name.startswith("."))


READERS: tuple[Callable[[_Reading], None], ...] = (
    _read_prompts,
    _read_bridge,
    _read_flows,
    _read_tools_module,
    _read_http_tools,
    _read_knowledge,
    _read_agents,
    _read_calls,
    _find_unread,
)
"""In this order: a later one asks for what an earlier one has read."""


def _show(problems: list[Problem], n_files: int) -> None:
    console = Console(highlight=False, emoji=False, soft_wrap=True)
    for problem in problems:
        where = f"{problem.file}:{problem.line}" if problem.line else problem.file
        said = ": ".join(part for part in (problem.place, problem.text) if part)
        console.print(Text.assemble((where, "bold"), "  ", (problem.severity, STYLES[problem.severity]), "  ", said))
        if problem.stated_remedy:
            console.print(Text(f"    {problem.stated_remedy}", "dim"))
    n_warnings = sum(problem.severity == "warning" for problem in problems)
    n_problems = len(problems) - n_warnings
    counts = f"{_count(n_files, 'file')}, {_count(n_problems, 'problem')}"
    last = counts + (f", {_count(n_warnings, 'warning')}" if n_warnings else "")
    console.print(Text(last, "bold red" if n_problems else "green"))


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + "s" * (number != 1)
