"""What a check of the outside says.                                                                       pure"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, Self

Verdict = Literal["ok", "warning", "failed", "not asked"]


class NotAsked(Exception):
    """A check cannot be made here: a setting is missing, or what it would look at failed another check."""

    def __init__(self, why: str, remedy: str) -> None:
        super().__init__(why)
        self.why = why
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found.

    `ok` is None when it could not be made. `remedy` is empty when there is nothing to do; with `ok` it is advice.
    """

    ok: bool | None
    found: str
    remedy: str = ""

    @property
    def verdict(self) -> Verdict:
        """In a word."""
        if self.ok is None:
            return "not asked"
        if not self.ok:
            return "failed"
        return "warning" if self.remedy else "ok"


def fine(found: str, advice: str = "") -> Finding:
    """It is as it should be; with `advice` it could be better."""
    return Finding(True, found, advice)


def wrong(found: str, remedy: str) -> Finding:
    """Calls will not go well until the remedy is applied."""
    return Finding(False, found, remedy)


def joined(findings: Iterable[Finding]) -> Finding:
    """Several of one check as one: failed when any is, each remedy once; what is well is not lost."""
    parts = list(findings)
    oks = [part.ok for part in parts]
    remedies = dict.fromkeys(part.remedy for part in parts if part.remedy and (part.ok is not True or False not in oks))
    ok = False if False in oks else None if None in oks else True
    return Finding(ok, "; ".join(part.found for part in parts), "; ".join(remedies))


@dataclass(frozen=True, slots=True)
class Outcome:
    """A finding under the name of its check."""

    check: str
    finding: Finding

    @classmethod
    def not_asked(cls, check: str, why: str, remedy: str) -> Self:
        """Of a check that was not made."""
        return cls(check, Finding(None, why, remedy))

    def as_json(self) -> dict[str, str | bool | None]:
        """`check`, `ok` (true, false; null: not asked), `found`, `remedy`."""
        finding = self.finding
        return {"check": self.check, "ok": finding.ok, "found": finding.found, "remedy": finding.remedy}
