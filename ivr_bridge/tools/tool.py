"""One client tool: what runs, the JSON schema of its arguments, and their validation.

For a Python function the schema comes from the type hints and the docstring (Google style `Args:`), so an agent, its
schema and the function cannot disagree. For a tool without Python see `http_tool`.
"""

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from pydantic.errors import PydanticUserError
from pydantic.fields import FieldInfo

from ivr_bridge.errors import ConfigError, ToolError
from ivr_bridge.tools.context import CallControl

ToolFunction = Callable[..., object]

TOOL_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_SECTION = re.compile(r"(Args|Arguments|Parameters|Returns|Raises|Yields|Example|Examples|Note|Notes|Source):")
_ARGUMENT = re.compile(r"(?P<name>\w+)(?:\s*\([^)]*\))?:\s*(?P<text>.*)")


class BadArguments(ToolError):
    """An argument is missing or does not fit; the message names it and holds no value."""

    code = "bad_arguments"


def bad_arguments(names: Iterable[str]) -> BadArguments:
    """What the agent is told when these arguments are missing or do not fit; without names: the whole request."""
    said = dict.fromkeys(name.replace("_", " ") for name in names)
    return BadArguments(f"I still need a valid value for: {', '.join(said) or 'the request'}.")


class Arguments(Protocol):
    """What a tool may be told: a JSON schema, and how to hold what came against it."""

    def schema(self) -> dict[str, Any]:
        """A JSON schema of type object, with `properties` and `required`."""
        ...

    def read(self, parameters: Mapping[str, object]) -> dict[str, object]:
        """The values by name, as the tool takes them; what the tool does not know is left out.

        Raises:
            BadArguments: one is missing or does not fit.
        """
        ...


class _Arguments(BaseModel):
    # An argument that the function does not have is left out: the vendor may add some of its own.
    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True, frozen=True)


@dataclass(frozen=True, slots=True)
class HintedArguments:
    """Arguments as a function's type hints describe them.

    The fields of `model` are `argument_0` ..., their aliases are the function's own names.
    """

    model: type[BaseModel]

    def schema(self) -> dict[str, Any]:
        """A JSON schema of type object, with `properties` and `required`."""
        parameters = _without_titles(self.model.model_json_schema())
        parameters.setdefault("properties", {})
        parameters.setdefault("required", [])
        parameters.pop("description", None)
        return parameters

    def read(self, parameters: Mapping[str, object]) -> dict[str, object]:
        """The keyword arguments by the function's own names.

        Raises:
            BadArguments: one is missing or does not fit.
        """
        try:
            values = self.model.model_validate(dict(parameters))
        except ValidationError as error:
            raise bad_arguments(str(fault["loc"][0]) for fault in error.errors() if fault["loc"]) from error
        return {field.alias or name: getattr(values, name) for name, field in self.model.model_fields.items()}


@dataclass(frozen=True, slots=True)
class Tool:
    """What an agent may call by `name`. Made by `read_tool`, or by `http_tool`."""

    name: str
    description: str
    function: ToolFunction
    """Takes everything by keyword."""
    is_async: bool
    arguments: Arguments
    control_parameters: tuple[str, ...]
    """Parameters that are filled with the call's `CallControl`."""
    place: str
    """Where it was written, for an operator who has to change it: `my_tools.book_table`, `config/tools/order.yaml`."""

    def schema(self) -> dict[str, Any]:
        """What an agent must be told: `name`, `description` and `parameters` (a JSON schema of type object)."""
        return {"name": self.name, "description": self.description, "parameters": self.arguments.schema()}

    def bind(self, parameters: Mapping[str, object], control: CallControl) -> dict[str, object]:
        """The keyword arguments for `function`.

        Args:
            parameters: as the agent sent them; numbers in text and text in numbers are accepted where they fit.
            control: fills `control_parameters`.

        Raises:
            BadArguments: one is missing or does not fit.
        """
        return self.arguments.read(parameters) | dict.fromkeys(self.control_parameters, control)


def read_tool(function: ToolFunction, *, name: str | None = None, description: str | None = None) -> Tool:
    """Read a function's signature, type hints and docstring.

    Args:
        function: sync or async; every parameter can be given by keyword and has a type hint.
        name: what the agent calls it; the function's own name if None.
        description: for the agent's model; the docstring above its `Args:` if None.

    Raises:
        ConfigError: the function cannot be a tool; each problem says what to change.
    """
    own_name = getattr(function, "__name__", repr(function))
    tool_name = own_name if name is None else name
    place = f"tool {tool_name!r} ({getattr(function, '__module__', '?')}.{own_name})"
    if not TOOL_NAME.fullmatch(tool_name):
        raise ConfigError(f"{place}: a name has 1 to 64 letters, digits, '_' or '-'")
    summary, notes = read_docstring(inspect.getdoc(function) or "")
    text = summary if description is None else description
    if not text:
        raise ConfigError(f"{place}: needs a docstring: the agent's model decides by it when to call the tool")
    try:
        hints = get_type_hints(function, include_extras=True)
    except (NameError, TypeError, AttributeError) as error:
        raise ConfigError(f"{place}: a type hint cannot be resolved: {error}") from error
    fields: dict[str, Any] = {}
    controls: list[str] = []
    problems: list[str] = []
    for parameter in inspect.signature(function).parameters.values():
        hint = hints.get(parameter.name)
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            problems.append(f"{place}: parameter {parameter.name!r} cannot be given by keyword; name each one")
        elif parameter.name not in hints:
            problems.append(f"{place}: parameter {parameter.name!r} needs a type hint")
        elif isinstance(parameter.default, FieldInfo):
            problems.append(f"{place}: parameter {parameter.name!r}: write Annotated[..., Field(...)] = default")
        elif hint is CallControl:
            controls.append(parameter.name)
        else:
            default = ... if parameter.default is parameter.empty else parameter.default
            note: dict[str, Any] = {"description": notes[parameter.name]} if parameter.name in notes else {}
            fields[f"argument_{len(fields)}"] = (hint, Field(default, alias=parameter.name, **note))
    if problems:
        raise ConfigError(*problems)
    try:
        arguments = create_model(f"{tool_name}_arguments", __base__=_Arguments, **fields)
        arguments.model_json_schema()
    except (PydanticUserError, TypeError) as error:
        first_line = str(error).partition("\n")[0]
        raise ConfigError(f"{place}: a type hint has no JSON schema: {first_line}") from error
    return Tool(
        tool_name,
        text,
        function,
        inspect.iscoroutinefunction(function),
        HintedArguments(arguments),
        tuple(controls),
        f"{getattr(function, '__module__', '?')}.{getattr(function, '__qualname__', own_name)}",
    )


def read_docstring(text: str) -> tuple[str, dict[str, str]]:
    """Split a Google-style docstring.

    Returns:
        The text above the first section as one line a paragraph, and the note of each argument by name.
    """
    summary: list[str] = []
    notes: dict[str, str] = {}
    section = ""
    argument = ""
    indent = 0
    for line in text.splitlines():
        bare = line.strip()
        depth = len(line) - len(line.lstrip())
        if depth == 0 and (found := _SECTION.fullmatch(bare)):
            section, argument = found[1], ""
        elif not section:
            summary.append(bare)
        elif section in ("Args", "Arguments", "Parameters") and bare:
            named = _ARGUMENT.fullmatch(bare)
            if named and (not argument or depth <= indent):
                argument, indent = named["name"], depth
                notes[argument] = named["text"]
            elif argument:
                notes[argument] = f"{notes[argument]} {bare}".strip()
    paragraphs = "\n".join(summary).strip().split("\n\n")
    return "\n".join(" ".join(part.split()) for part in paragraphs if part.strip()), notes


def _without_titles(schema: dict[str, Any]) -> dict[str, Any]:
    """Pydantic titles every field with its own internal name; a property that is called `title` stays."""
    return {
        key: {name: _without_titles(inner) for name, inner in value.items()}
        if key in ("properties", "$defs")
        else _untitled(value)
        for key, value in schema.items()
        if key != "title"
    }


def _untitled(value: Any) -> Any:
    if isinstance(value, dict):
        return _without_titles(value)
    if isinstance(value, list):
        return [_untitled(part) for part in value]
    return value
