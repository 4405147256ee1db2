"""YAML that remembers where each value stands: the only YAML reader of the package.

`load(path, Model)` gives a validated pydantic model, or a `ConfigError` whose problems name file, line and
what was expected.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from ivr_bridge.errors import ConfigError


class ConfigModel(BaseModel):
    """What every model of a config file is: frozen, and a key it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Model = TypeVar("Model", bound=BaseModel)
Place = tuple[str | int, ...]


def load(path: Path, model: type[Model]) -> Model:
    """Read one YAML file into `model`.

    Raises:
        ConfigError: the file is missing, is not YAML, has a key twice, or does not fit the model.
            One problem a line: `config/prompts/en.yaml:3: prompts.busy: Input should be a valid string`.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8: {error.reason}") from error
    try:
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
        data = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(f"{path}:{line}: is not YAML: {error.problem}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(f"{path}: is not YAML: {' '.join(str(error).split())}") from error
    entries = list(_entries(tree, (), set()))
    lines = {place: line for place, line, _ in entries}
    twice = [f"{path}:{line}: {_dotted(place)}: stands here twice" for place, line, again in entries if again]
    if twice:
        raise ConfigError(*twice)
    try:
        return model.model_validate({} if data is None else data)
    except ValidationError as error:
        raise ConfigError(*(_problem(path, lines, fault) for fault in error.errors())) from error


def _problem(path: Path, lines: dict[Place, int], fault: Any) -> str:
    place: Place = fault["loc"]
    line = next((lines[place[:n]] for n in range(len(place), -1, -1) if place[:n] in lines), 1)
    return f"{path}:{line}: {_dotted(place) or 'file'}: {remedy(fault)}"


def remedy(fault: Any) -> str:
    """What was expected, from one entry of `ValidationError.errors()`, without pydantic's words about the check."""
    return str(fault["msg"]).removeprefix("Value error, ")


def _dotted(place: Place) -> str:
    return ".".join(str(part) for part in place)


def _entries(node: yaml.Node | None, place: Place, seen: set[int]) -> Iterator[tuple[Place, int, bool]]:
    """Each key and item: its place, its line, whether its key stood there before. An alias is not followed twice."""
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        keys = set()
        for key, value in node.value:
            inner = (*place, key.value)
            yield inner, key.start_mark.line + 1, key.value in keys
            keys.add(key.value)
            yield from _entries(value, inner, seen)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            inner = (*place, index)
            yield inner, value.start_mark.line + 1, False
            yield from _entries(value, inner, seen)
