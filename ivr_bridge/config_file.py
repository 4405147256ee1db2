"""YAML that remembers where each value stands: the only YAML reader of the package.

`load(path, Model)` gives a validated pydantic model, or a `ConfigError` whose problems name file, line and
what was expected. `load_document` keeps the lines beside it, for a fault that shows only in another file's light.
"""

import datetime
import re
import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, Self, TypeVar, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo

from ivr_bridge.errors import ConfigError


class ConfigModel(BaseModel):
    """What every model of a config file is: frozen, and a key it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Model = TypeVar("Model", bound=BaseModel)
Place = tuple[str | int, ...]
"""From the top of a file down: keys, and numbers of items."""
Severity = Literal["error", "warning"]


class Problem(str):
    """What is wrong with a config file, as the line an operator reads; its parts are there for machines.

    `config/prompts/en.yaml:3: prompts.busy: Field required`, behind it `; remedy` where the text does not say it.
    """

    __slots__ = ("file", "line", "place", "severity", "stated_remedy", "text")

    file: str
    line: int
    """From 1; 0: the whole file."""
    place: str
    """Keys from the top, with dots between; empty when there is none."""
    text: str
    stated_remedy: str
    severity: Severity

    def __new__(
        cls, file: Path | str, line: int, place: str, text: str, remedy: str = "", *, severity: Severity = "error"
    ) -> Self:
        """Join the parts; an empty one is left out."""
        where = f"{file}:{line}" if line else str(file)
        said = ": ".join(part for part in (where, place, text) if part)
        problem = super().__new__(cls, f"{said}; {remedy}" if remedy else said)
        problem.file, problem.line, problem.place, problem.text = str(file), line, place, text
        problem.stated_remedy, problem.severity = remedy, severity
        return problem

    @classmethod
    def of(cls, line: str) -> "Problem":
        """Any problem of a `ConfigError`; one that is only text is taken apart at `FILE:LINE: ` and `; `."""
        if isinstance(line, Problem):
            return line
        parts = re.fullmatch(r"(?s)(?:(?P<file>[^:\n]*\.\w+)(?::(?P<line>\d+))?: )?(?P<text>.*)", line)
        found = parts.groupdict() if parts else {"text": line}
        text, _, remedy = (found["text"] or "").partition("; ")
        return cls(found.get("file") or "", int(found.get("line") or 0), "", text, remedy)

    @property
    def remedy(self) -> str:
        """What to do about it; where nothing better is known, what was expected."""
        if self.stated_remedy:
            return self.stated_remedy
        if self.text == "Field required":
            return "write it"
        return re.sub(r"^\w+ should ", "it should ", self.text)

    def as_json(self) -> dict[str, str | int]:
        """`file`, `line` (1 when it is the whole file), `problem`, `remedy`, `severity`."""
        problem = f"{self.place}: {self.text}" if self.place else self.text
        return {
            "file": self.file,
            "line": self.line or 1,
            "problem": problem,
            "remedy": self.remedy,
            "severity": self.severity,
        }


@dataclass(frozen=True, slots=True)
class Document(Generic[Model]):
    """A file that was read: what it says, and on which line."""

    path: Path
    content: Model
    lines: Mapping[tuple[str, ...], int]
    """Place (numbers of items as text) -> line."""

    def line_of(self, place: Place) -> int:
        """The line of a key or an item; of the nearest thing around it when it is not written there."""
        return _line_of(self.lines, place)

    def problem(self, place: Place, text: str, remedy: str = "", severity: Severity = "error") -> Problem:
        """Something that is wrong at `place`."""
        return Problem(self.path, self.line_of(place), _dotted(place), text, remedy, severity=severity)


def load(path: Path, model: type[Model]) -> Model:
    """Read one YAML file into `model`.

    Raises:
        ConfigError: the file is missing, is not YAML, has a key twice, or does not fit the model.
            One `Problem` a fault: `config/prompts/en.yaml:3: prompts.busy: Input should be a valid string`.
    """
    return load_document(path, model).content


def load_document(path: Path, model: type[Model]) -> Document[Model]:
    """Read one YAML file into `model`, and keep where each value stands.

    Raises:
        ConfigError: as `load`.
    """
    data, lines = _read(path)
    try:
        return Document(path, model.model_validate({} if data is None else data), lines)
    except ValidationError as error:
        raise ConfigError(*_problems(path, lines, model, error)) from error


def _read(path: Path) -> tuple[Any, dict[tuple[str, ...], int]]:
    """The values of a file, and the line of each place."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(Problem(path, 0, "", f"cannot be read: {error.strerror}")) from error
    except UnicodeDecodeError as error:
        raise ConfigError(Problem(path, 0, "", f"is not UTF-8: {error.reason}")) from error
    try:
        loader = _Loader(text)
        tree = loader.get_single_node()
        data = None if tree is None else loader.construct_document(tree)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(Problem(path, line, "", f"is not YAML: {error.problem}")) from error
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(Problem(path, 0, "", f"is not YAML: {' '.join(str(error).split())}")) from error
    entries = list(_entries(tree, (), set()))
    twice = [Problem(path, line, _dotted(place), "stands here twice") for place, line, again in entries if again]
    if twice:
        raise ConfigError(*twice)
    return data, {place: line for place, line, _ in entries}


class _Loader(yaml.SafeLoader):
    """Says the line of a value that its type cannot take, such as the 30th of February."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """As the safe loader does."""
        try:
            return super().construct_object(node, deep)
        except ValueError as error:
            raise yaml.constructor.ConstructorError(None, None, str(error), node.start_mark) from error


def _entries(node: yaml.Node | None, place: tuple[str, ...], seen: set[int]) -> Iterator[tuple[Any, int, bool]]:
    """Each key and item: its place, its line, whether its key stood there before. An alias is not followed twice."""
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        keys = set()
        for key, value in node.value:
            inner = (*place, str(key.value))
            yield inner, key.start_mark.line + 1, key.value in keys
            keys.add(key.value)
            yield from _entries(value, inner, seen)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            inner = (*place, str(index))
            yield inner, value.start_mark.line + 1, False
            yield from _entries(value, inner, seen)


def _line_of(lines: Mapping[tuple[str, ...], int], place: Place) -> int:
    written = tuple(str(part) for part in place)
    return next((lines[written[:n]] for n in range(len(written), -1, -1) if written[:n] in lines), 1)


def _dotted(place: Place) -> str:
    return ".".join(str(part) for part in place)


# From pydantic's faults to ours


def _problems(
    path: Path, lines: Mapping[tuple[str, ...], int], model: type[BaseModel], error: ValidationError
) -> list[Problem]:
    """One problem a place: what each side of a union misses there is joined by `or`."""
    told: dict[Place, tuple[list[str], str]] = {}
    for fault in error.errors():
        spot = _spot(model, fault["loc"], lines)
        place, text, remedy_ = _words(fault, spot, lines)
        texts, _ = told.setdefault(place, ([], remedy_))
        if text not in texts:
            texts.append(text)
    found = (
        Problem(path, _line_of(lines, place), _dotted(place) or "file", " or ".join(texts), remedy_)
        for place, (texts, remedy_) in told.items()
    )
    return sorted(found, key=lambda problem: problem.line)


def remedy(fault: Any) -> str:
    """What was expected, from one entry of `ValidationError.errors()`, without pydantic's words about the check."""
    return str(fault["msg"]).removeprefix("Value error, ")


@dataclass(frozen=True, slots=True)
class _Spot:
    """Where a fault is: its place without the names that pydantic gives the sides of a union, and what stands there."""

    place: Place
    annotation: Any
    expected: str | None


def _words(fault: Any, spot: _Spot, lines: Mapping[tuple[str, ...], int]) -> tuple[Place, str, str]:
    """The place, what is wrong, and the remedy where the text does not say it."""
    place, text, kind = spot.place, remedy(fault), fault["type"]
    if kind == "extra_forbidden":
        known = spot.annotation.model_fields if _is_model(spot.annotation) else ()
        return place, "unknown", f"one of: {', '.join(known)}"
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        tag = str(fault["ctx"]["discriminator"]).strip("'")
        tags = ", ".join(_tags(member, tag) for member in _sides(spot.annotation))
        if kind == "union_tag_not_found":
            return (*place, tag), "Field required", f"one of: {tags}"
        return (*place, tag), f"unknown {fault['ctx']['tag']!r}", f"one of: {tags}"
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        return place, "should be keys with values", ""
    if kind in ("list_type", "tuple_type"):
        return place, "should be a list", ""
    if kind == "string_pattern_mismatch" and spot.expected:
        return place, f"should be {spot.expected}", ""
    if kind == "string_type" and isinstance(fault["input"], int | float | datetime.date):
        return place, text, "put it in quotes"
    # A validator of a whole model names the field first: `min_digits: is more than max_digits`.
    field, colon, rest = text.partition(": ")
    if kind == "value_error" and colon and (*(str(part) for part in place), field) in lines:
        return (*place, field), rest, ""
    return place, text, ""


def _spot(model: type[BaseModel], loc: Place, lines: Mapping[tuple[str, ...], int]) -> _Spot:
    """Follow `loc` down the types of `model`. An unknown key ends at the model that does not know it."""
    place: Place = ()
    annotation: Any = model
    key: Any = None
    expected: str | None = None
    for part in loc:
        sides = _sides(annotation)
        if part == "[key]":
            annotation, expected = key, _expected(key)
        elif len(sides) > 1:
            annotation = _side(sides, str(part))
            expected = _expected(annotation)
        else:
            place, inside = (*place, part), _bare(sides[0])
            if _is_model(inside):
                field = inside.model_fields.get(str(part))
                annotation = field.annotation if field else inside
                expected = field.description if field else None
            elif get_args(inside) and isinstance(get_origin(inside), type):
                *others, annotation = (each for each in get_args(inside) if each is not ...)
                key, expected = others[0] if others else None, _expected(annotation)
            else:
                annotation = expected = None
                place = place if tuple(str(each) for each in place) in lines else place[:-1]
    return _Spot(place, annotation, expected)


def _bare(annotation: Any) -> Any:
    return _bare(get_args(annotation)[0]) if get_origin(annotation) is Annotated else annotation


def _sides(annotation: Any) -> list[Any]:
    """The sides of a union without None; of anything else, itself."""
    bare = _bare(annotation)
    if get_origin(bare) not in (Union, types.UnionType):
        return [annotation]
    sides = [side for side in get_args(bare) if side is not type(None)]
    return _sides(sides[0]) if len(sides) == 1 else sides


def _side(sides: Sequence[Any], label: str) -> Any:
    """The side that pydantic calls `label`: by tag, by class, or the first that is neither model nor literal."""
    models = [side for side in map(_bare, sides) if _is_model(side)]
    for side in models:
        tags = (get_args(field.annotation) for field in side.model_fields.values())
        if label == side.__name__ or any(label in each for each in tags if all(isinstance(tag, str) for tag in each)):
            return side
    plain = [side for side in sides if not _is_model(_bare(side)) and get_origin(_bare(side)) is not Literal]
    return plain[0] if plain and not label.startswith("literal") else None


def _tags(member: Any, tag: str) -> str:
    field = _bare(member).model_fields[tag]
    return ", ".join(str(each) for each in get_args(field.annotation))


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _expected(annotation: Any) -> str | None:
    """The words of `Annotated[..., Field(description=...)]`."""
    told = (each.description for each in getattr(annotation, "__metadata__", ()) if isinstance(each, FieldInfo))
    return next((each for each in told if each), None)
