"""What has to change at the vendor for a document to hold what we want.                                     pure"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ivr_bridge.agents.danger import Danger, danger_of
from ivr_bridge.agents.desired import joined, nested

_IN_ANY_ORDER = ("conversation_config", "conversation", "client_events")
_ALLOWED = ("platform_settings", "overrides", "conversation_config_override")
_SWITCHED = ("conversation_config", "agent", "prompt", "built_in_tools")


@dataclass(frozen=True, slots=True)
class Change:
    """One value. None stands for: not there."""

    path: tuple[str, ...]
    before: Any
    after: Any
    danger: Danger

    @property
    def place(self) -> str:
        """The path with dots."""
        return ".".join(self.path)

    def as_json(self) -> dict[str, Any]:
        """`path`, `from`, `to`, `level`, `danger`."""
        return {
            "path": self.place,
            "from": self.before,
            "to": self.after,
            "level": self.danger.level,
            "danger": self.danger.words,
        }


def change(path: tuple[str, ...], before: Any, after: Any) -> Change:
    """A change with its danger."""
    return Change(path, before, after, danger_of(path, before, after))


def differences(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> tuple[Change, ...]:
    """Every value of `wanted` that `found` does not hold; what `found` has besides does not count.

    Args:
        wanted: as `WantedAgent.document`.
        found: the vendor's document.
    """
    return tuple(change(path, before, after) for path, before, after in _walk((), wanted, found))


def patch(changes: tuple[Change, ...]) -> dict[str, Any]:
    """The document that makes these changes, and no others, in one PATCH."""
    document: dict[str, Any] = {}
    for each in changes:
        document = joined(document, nested(each.path, each.after))
    return document


def _walk(path: tuple[str, ...], wanted: Any, found: Any) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    if isinstance(wanted, Mapping) and path[:-1] != _SWITCHED:
        inside = found if isinstance(found, Mapping) else {}
        for key, value in wanted.items():
            yield from _walk((*path, key), value, inside.get(key))
    elif not _same(path, wanted, found):
        yield path, found, wanted


def _same(path: tuple[str, ...], wanted: Any, found: Any) -> bool:
    if path[:-1] == _SWITCHED:
        return (wanted is None) == (not isinstance(found, Mapping))
    if path[: len(_ALLOWED)] == _ALLOWED:
        return wanted is (found is True)
    if path == _IN_ANY_ORDER:
        return isinstance(found, list) and sorted(map(str, wanted)) == sorted(map(str, found))
    numbers = [value for value in (wanted, found) if isinstance(value, int | float) and not isinstance(value, bool)]
    if len(numbers) == 2:
        return math.isclose(wanted, found, rel_tol=1e-6, abs_tol=1e-9)
    return type(wanted) is type(found) and bool(wanted == found)
