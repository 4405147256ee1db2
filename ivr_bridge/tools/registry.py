"""Which tools there are: the `@tool` decorator, and the functions it marked in an operator's module.

from ivr_bridge.tools.registry import tool

@tool
def book_table(people: int, day: str) -> str:
    '''Book a table. ...'''
"""

import importlib
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Self, TypeVar, overload

from ivr_bridge.errors import ConfigError
from ivr_bridge.tools.tool import Tool, ToolFunction, read_tool

BUILTIN_MODULE = "ivr_bridge.tools.builtin"

_MARK = "__ivr_bridge_tool__"

F = TypeVar("F", bound=ToolFunction)


@dataclass(frozen=True, slots=True)
class _Mark:
    name: str | None
    description: str | None


@overload
def tool(function: F, /) -> F: ...
@overload
def tool(*, name: str | None = None, description: str | None = None) -> Callable[[F], F]: ...
def tool(
    function: F | None = None, /, *, name: str | None = None, description: str | None = None
) -> F | Callable[[F], F]:
    """Make a function a client tool: `@tool`, or `@tool(name=..., description=...)`.

    The function itself is left as it is. A sync one runs in a thread, so it may block; an async one runs in the event
    loop and must not. What it returns goes to the agent: a string as it stands, anything else as JSON. It may raise
    `ToolError` with a sentence that the agent may speak.

    Args:
        function: given by Python when the decorator is written without brackets.
        name: as set up at the agent; the function's own name if None.
        description: for the agent's model; from the docstring if None.
    """

    def mark(marked: F) -> F:
        marked.__dict__[_MARK] = _Mark(name, description)
        return marked

    return mark if function is None else mark(function)


class ToolRegistry:
    """All tools of this server, by name.

    Args:
        tools: in the order in which they are listed.

    Raises:
        ConfigError: two tools of one name.
    """

    def __init__(self, tools: Iterable[Tool]) -> None:
        self._tools: dict[str, Tool] = {}
        for each in tools:
            other = self._tools.setdefault(each.name, each)
            if other is not each:
                raise ConfigError(
                    f"tool {each.name!r} stands twice: {other.place} and {each.place}; rename one"
                    " (by @tool(name=...), or by the name in its file)"
                )

    @classmethod
    def from_module(cls, name: str | None, more: Iterable[Tool] = ()) -> Self:
        """The built-in tools, the marked functions of the module `name` (those that it imported, too), and `more`.

        The working directory is searched last, so `my_tools` may be a file beside `config/`.

        Args:
            name: None for no module.
            more: tools of another kind, such as `http_tools` reads.

        Raises:
            ConfigError: the module cannot be imported, has no tool, or one that cannot be used, or two tools have one
                name; says the remedy.
        """
        functions = dict.fromkeys(_marked(importlib.import_module(BUILTIN_MODULE)))
        if name is not None:
            own = _marked(_operators_module(name))
            if not own:
                raise ConfigError(f"tools_module {name!r} has no function marked with @tool")
            functions |= dict.fromkeys(own)
        return cls([*map(_read, functions), *more])

    @property
    def names(self) -> tuple[str, ...]:
        """Every tool's name, the built-in ones first."""
        return tuple(self._tools)

    def find(self, name: str) -> Tool | None:
        """The tool of this name, None if there is none."""
        return self._tools.get(name)

    def schema(self, name: str) -> dict[str, Any]:
        """`name`, `description` and `parameters` of one tool, as an agent is told.

        Raises:
            KeyError: there is no such tool.
        """
        return self._tools[name].schema()


def _operators_module(name: str) -> ModuleType:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)
    try:
        return importlib.import_module(name)
    except Exception as error:  # the operator's own code runs here and may raise anything
        fault = f"{type(error).__name__}: {error}"
        if (
            isinstance(error, ModuleNotFoundError)
            and error.name is not None
            and f"{name}.".startswith(f"{error.name}.")
        ):
            remedy = f"put it where Python finds it (beside config/, installed, or on PYTHONPATH), from {here}"
        else:
            remedy = f"see the fault by: python -c 'import {name}'"
        raise ConfigError(f"tools_module {name!r} cannot be imported: {fault}; {remedy}") from error


def _marked(module: ModuleType) -> list[ToolFunction]:
    return [value for value in vars(module).values() if callable(value) and _MARK in getattr(value, "__dict__", {})]


def _read(function: ToolFunction) -> Tool:
    mark: _Mark = function.__dict__[_MARK]
    return read_tool(function, name=mark.name, description=mark.description)
