"""The tools that this server answers, as far as an agent is told of them; nothing of the environment is needed."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ivr_bridge.config_file import Document, load_document
from ivr_bridge.errors import ConfigError
from ivr_bridge.tools.http_tool_file import HttpToolFile
from ivr_bridge.tools.registry import ToolRegistry
from ivr_bridge.tools.schema_arguments import SchemaArguments


@dataclass(frozen=True, slots=True)
class Handler:
    """One of them."""

    name: str
    schema: dict[str, Any]
    """`name`, `description` and `parameters`, as `Tool.schema` gives them."""
    place: str
    """Where it was written."""


def registered(tools: ToolRegistry) -> tuple[Handler, ...]:
    """Those of a registry."""
    found = (tools.find(name) for name in tools.names)
    return tuple(Handler(tool.name, tool.schema(), tool.place) for tool in found if tool is not None)


def http_handlers(config_dir: Path) -> tuple[Handler, ...]:
    """Those of `config/tools/*.yaml`; a secret they need may be missing here.

    Raises:
        ConfigError: every problem of all files.
    """
    handlers: list[Handler] = []
    problems: list[str] = []
    for path in sorted((config_dir / "tools").glob("*.yaml")):
        if path.name.startswith("."):
            continue
        try:
            handlers.append(_http_handler(load_document(path, HttpToolFile)))
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(*problems)
    return tuple(handlers)


def _http_handler(document: Document[HttpToolFile]) -> Handler:
    file = document.content
    parameters = SchemaArguments(file.parameters).schema()
    schema = {"name": file.name, "description": file.description, "parameters": parameters}
    return Handler(file.name, schema, str(document.path))


def read_handlers(config_dir: Path, tools_module: str | None) -> tuple[Handler, ...]:
    """All of them: built in, of the operator's module, and of `config/tools/`.

    Raises:
        ConfigError: one cannot be used, or two have one name.
    """
    handlers = (*registered(ToolRegistry.from_module(tools_module)), *http_handlers(config_dir))
    places: dict[str, str] = {}
    for handler in handlers:
        other = places.setdefault(handler.name, handler.place)
        if other != handler.place:
            raise ConfigError(f"tool {handler.name!r} stands twice: {other} and {handler.place}; rename one")
    return handlers
