"""The prompt of an agent as a text with holes, filled once for each agent that uses it.                        pure

`${name}` is a variable: a small letter, then small letters, digits and `_`. `$${` is `${` as text. A `$` before
anything else is text, so `$5` needs no care. `{{name}}` is the vendor's own dynamic variable, filled anew in each
conversation, and passes through untouched; `${{price}}` is a dollar sign before one. A value is never read as a
template itself.

Nothing is guessed: a variable nobody gave, one that was given and stands nowhere, and a `${` that is not closed are
each a problem with file and line.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ivr_bridge.config_file import Document, Place, Problem
from ivr_bridge.errors import ConfigError

_HOLE = re.compile(r"\$\$\{|\$\{(?!\{)(?:(?P<name>[^{}\n]*)(?P<end>\})?)")
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_NAME_RULE = "a variable is ${name}: small letters, digits and '_'; write $${ for the characters themselves"


@dataclass(frozen=True, slots=True)
class PromptTemplate:
    """A text whose holes are known to be well written; made by `parse_template` or `read_template`."""

    source: str
    """The file it came from, for problems."""
    text: str
    lines: Mapping[str, int]
    """Each variable in the order of the text, and the line of the file where it stands first."""

    @property
    def variables(self) -> tuple[str, ...]:
        """The names that must be given, each once, in the order of the text."""
        return tuple(self.lines)

    def problems(
        self, names: Iterable[str], given_in: Document[Any] | None = None, place: Place = ()
    ) -> tuple[Problem, ...]:
        """What keeps it from being filled with values of these names; empty when nothing does.

        Args:
            names: the variables that are given.
            given_in: the file they are written in, so that one too many is told with its line there.
            place: the keys above the names in that file, such as `("prompt", "variables")`.
        """
        given = tuple(names)
        offered = ", ".join(given) or "none"
        missing = [
            Problem(self.source, line, "", f"${{{name}}} has no value", f"give it one; there are: {offered}")
            for name, line in self.lines.items()
            if name not in given
        ]
        unused = []
        for name in given:
            if name in self.lines:
                continue
            text, remedy = f"{name!r} is used nowhere in {self.source}", "take it away, or write ${" + name + "} there"
            if given_in is not None:
                unused.append(given_in.problem((*place, name), text, remedy))
            else:
                unused.append(Problem(self.source, 1, "", text, remedy))
        return (*missing, *unused)

    def render(self, values: Mapping[str, str], given_in: Document[Any] | None = None, place: Place = ()) -> str:
        """The text with every variable replaced by its value.

        Args:
            values: exactly the variables of the template.
            given_in: as in `problems`.
            place: as in `problems`.

        Raises:
            ConfigError: variables are missing or too many; all of them, each with its line.
        """
        if wrong := self.problems(values, given_in, place):
            raise ConfigError(*wrong)
        return _HOLE.sub(lambda hole: values[hole["name"]] if hole["name"] is not None else "${", self.text)


def parse_template(text: str, source: Path | str, *, first_line: int = 1) -> PromptTemplate:
    """A template from its text.

    Args:
        text: of any length; with `LF` line ends.
        source: the file that holds it, for problems.
        first_line: the line of that file on which the text begins.

    Raises:
        ConfigError: every `${` that is not closed on its line or holds no name, with file and line.
    """
    lines: dict[str, int] = {}
    wrong = []
    for hole in _HOLE.finditer(text):
        name = hole["name"]
        if name is None:
            continue
        line = first_line + text.count("\n", 0, hole.start())
        if hole["end"] is None:
            wrong.append(Problem(source, line, "", "'${' is not closed by '}' on its line", _NAME_RULE))
        elif not _NAME.fullmatch(name):
            wrong.append(Problem(source, line, "", f"${{{name}}} is no variable", _NAME_RULE))
        else:
            lines.setdefault(name, line)
    if wrong:
        raise ConfigError(*wrong)
    return PromptTemplate(str(source), text, lines)


def read_template(path: Path) -> PromptTemplate:
    """A template from a file of UTF-8 text. White space at both ends is not part of it.

    Raises:
        ConfigError: it cannot be read, is empty, or as `parse_template`.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError(Problem(path, 0, "", f"cannot be read: {error.strerror}")) from error
    except UnicodeDecodeError as error:
        raise ConfigError(Problem(path, 0, "", f"is not UTF-8: {error.reason}")) from error
    body = text.strip()
    if not body:
        raise ConfigError(Problem(path, 0, "", "is empty", "write what the agent is told to be"))
    return parse_template(body, path, first_line=1 + text[: text.index(body)].count("\n"))
