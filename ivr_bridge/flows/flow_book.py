"""All flows of `config/flows/`, and which one a call begins with."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from re import fullmatch
from types import MappingProxyType

from ivr_bridge.config_file import Document, Model, Problem, load_document
from ivr_bridge.errors import ConfigError
from ivr_bridge.flows.flow_faults import KnownNames, faults, oddities
from ivr_bridge.flows.hours import Calendar, HoursFile
from ivr_bridge.flows.model import AgentNode, Flow

BUILTIN = "builtin"
"""The flow of every number that no file names; it is always there."""
BUILTIN_FLOW = Flow(disclosure=False, start="agent", nodes={"agent": AgentNode(kind="agent")})
"""As if there were no flows: the agent talks."""

_NAME = r"[a-z][a-z0-9_]{0,59}"


@dataclass(frozen=True, slots=True)
class FlowBook:
    """One reading of `config/flows/` and `config/hours.yaml`; `builtin` is added to the flows."""

    flows: Mapping[str, Flow]
    calendars: Mapping[str, Calendar]

    def __post_init__(self) -> None:
        object.__setattr__(self, "flows", MappingProxyType({**self.flows, BUILTIN: BUILTIN_FLOW}))
        object.__setattr__(self, "calendars", MappingProxyType(dict(self.calendars)))

    def flow_for(self, called: str) -> str:
        """The name of the flow in which a call to `called` begins.

        An exact number beats every pattern, a longer pattern a shorter one; small and capital letters are alike.
        """
        best, name = -1, BUILTIN
        for each, flow in self.flows.items():
            for pattern in flow.numbers:
                fit = _fit(pattern.casefold(), called.casefold())
                if fit > best:
                    best, name = fit, each
        return name


def _fit(pattern: str, called: str) -> int:
    """How well a pattern fits, more is better; -1: not at all."""
    if pattern == called:
        return len(called) + 1
    return len(pattern) - 1 if pattern.endswith("*") and called.startswith(pattern[:-1]) else -1


def read_flow_book(config_dir: Path, prompts: Collection[str]) -> FlowBook:
    """Read `flows/*.yaml` and `hours.yaml` of a directory; what is not there is empty.

    Args:
        config_dir: such as `config`.
        prompts: the names that a flow may say.

    Raises:
        ConfigError: every `Problem` of all files.
    """
    reading = _Reading(config_dir)
    problems = [*reading.problems, *faults(reading.documents, reading.known(prompts))]
    if problems:
        raise ConfigError(*problems)
    return FlowBook({name: each.content for name, each in reading.documents.items()}, reading.calendars or {})


def check_flow_book(
    config_dir: Path, prompts: Collection[str] | None, environ: Mapping[str, str]
) -> tuple[Problem, ...]:
    """All that `read_flow_book` would refuse, and warnings behind it.

    Args:
        config_dir: such as `config`.
        prompts: the names that a flow may say; None when they could not be read: nothing is then said about them.
        environ: for `${NAME}`.
    """
    reading = _Reading(config_dir)
    documents = reading.documents
    found = [*reading.problems, *faults(documents, reading.known(prompts)), *oddities(documents, environ)]
    if not reading.problems and not any("*" in each.content.numbers for each in documents.values()):
        found.append(
            Problem(
                reading.folder,
                0,
                "",
                "numbers that no flow names reach the agent at once, and callers are not told that it is a machine",
                'give one flow the number "*"',
                severity="warning",
            )
        )
    return tuple(sorted(found, key=lambda problem: problem.severity == "warning"))


class _Reading:
    """The files of one directory, as far as they can be read, and what is wrong with each alone."""

    def __init__(self, config_dir: Path) -> None:
        self.folder = config_dir / "flows"
        self.problems: list[Problem] = []
        self.documents: dict[str, Document[Flow]] = {}
        self.calendars: Mapping[str, Calendar] | None = {}
        """None: unreadable."""
        self._names: list[str] = []
        for path in self._paths():
            self._names.append(path.stem)
            if path.suffix != ".yaml":
                self._refuse(path, "is not read", f"rename it to {path.stem}.yaml")
            elif path.stem == BUILTIN or not fullmatch(_NAME, path.stem):
                self._refuse(path, "cannot be a flow's name", "write small letters, digits and `_`, a letter first")
            elif document := self._read(path, Flow):
                self.documents[path.stem] = document
        hours = config_dir / "hours.yaml"
        if hours.exists():
            calendars = self._read(hours, HoursFile)
            self.calendars = calendars.content.hours if calendars else None

    def known(self, prompts: Collection[str] | None) -> KnownNames:
        """What a flow may name; a file that cannot be read counts by its name."""
        return KnownNames((*self._names, BUILTIN), prompts, self.calendars)

    def _paths(self) -> list[Path]:
        """Without what an editor hides there."""
        if not self.folder.is_dir():
            return []
        paths = (path for path in self.folder.iterdir() if path.suffix in (".yaml", ".yml"))
        return sorted(path for path in paths if not path.name.startswith("."))

    def _refuse(self, path: Path, text: str, remedy: str) -> None:
        self.problems.append(Problem(path, 0, "", text, remedy))

    def _read(self, path: Path, model: type[Model]) -> Document[Model] | None:
        try:
            return load_document(path, model)
        except ConfigError as error:
            self.problems.extend(Problem.of(each) for each in error.problems)
            return None
