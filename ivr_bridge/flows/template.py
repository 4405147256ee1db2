"""Filling the templates of a flow or a tool with values.                                                       pure

`{name}` is the value of that variable, nothing when it is unknown; `{{` and `}}` are braces. There are no format
specifications, attributes or indices: whatever is not `{name}` stays as it is written. A value is never read as a
template itself.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

_FIELD = re.compile(r"\{\{|\}\}|\{([a-z][a-z0-9_]*)\}")
_ENVIRONMENT = re.compile(r"\$\{([A-Z_][A-Z0-9_]*)\}")
_EITHER = re.compile(rf"{_ENVIRONMENT.pattern}|\{{\{{|\}}\}}|\{{([a-z][a-z0-9_]*)\}}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def fill(template: str, variables: Mapping[str, str]) -> str:
    """The text with each `{name}` replaced by its value.

    Args:
        template: text with `{name}` in it.
        variables: value by name.

    Returns:
        The text; an unknown name leaves nothing behind.
    """
    return _fill(template, variables, str)


def fill_url(template: str, variables: Mapping[str, str]) -> str:
    """A URL whose values are percent-encoded: none can add a path segment, a parameter or a host.

    Args:
        template: `http(s)://...` with `{name}` in it.
        variables: value by name.

    Returns:
        The URL. A value of `.` or `..` is left out: as a path segment it would climb.
    """
    return _fill(
        template, variables, lambda value: "" if value in {".", ".."} else quote(value, safe="", errors="replace")
    )


def fill_json(tree: Any, variables: Mapping[str, str]) -> Any:
    """A copy of a JSON value in which each string is filled; keys, numbers, booleans and null stay.

    Args:
        tree: dicts, lists and scalars, of any depth that YAML or JSON can hold.
        variables: value by name.

    Returns:
        A new tree of the same shape.
    """
    match tree:
        case str():
            return fill(tree, variables)
        case dict():
            return {key: fill_json(value, variables) for key, value in tree.items()}
        case list() | tuple():
            return [fill_json(value, variables) for value in tree]
        case _:
            return tree


def fill_env(text: str, environ: Mapping[str, str]) -> str:
    """The text with each `${NAME}` replaced from the environment; an unset one leaves nothing behind."""
    return _ENVIRONMENT.sub(lambda found: environ.get(found[1], ""), text)


def fill_header(template: str, variables: Mapping[str, str], environ: Mapping[str, str]) -> str:
    """An HTTP header's value: `${NAME}` from the environment and `{name}` from the variables, in one pass.

    One pass, so that a variable which holds `${SECRET}` gives those letters and not the secret. Control characters,
    line ends among them, are dropped from what is filled in.
    """

    def value(found: re.Match[str]) -> str:
        if found[1] is not None:
            return _CONTROL.sub("", environ.get(found[1], ""))
        if found[2] is not None:
            return _CONTROL.sub("", variables.get(found[2], ""))
        return found[0][0]

    return _EITHER.sub(value, template)


def _fill(template: str, variables: Mapping[str, str], write: Callable[[str], str]) -> str:
    def value(found: re.Match[str]) -> str:
        return found[0][0] if found[1] is None else write(variables.get(found[1], ""))

    return _FIELD.sub(value, template)
