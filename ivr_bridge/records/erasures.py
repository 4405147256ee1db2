"""Who was erased stays erased: lines that were told before, and are only now taken in, lose what names that person.

Such lines wait in the journal of a running server, or come later for a call or a conversation that began before.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from ivr_bridge.records.tables import calls, conversations, erasures

Line = Mapping[str, Any]

NUMBERS = {
    "calls": ("caller", "called"),
    "voicemails": ("caller",),
    "callbacks": ("number",),
    "dials": ("to_number",),
    "conversations": ("caller",),
    "transfers": ("to_number",),
}
"""Where a person's number can stand."""

WHOLE = frozenset({"turns", "voicemails", "callbacks", "dials", "recordings"})
"""Of an erased person's call these rows go; of the others a few columns are emptied."""

FILES = {
    "voicemails": {"file": "home"},
    "recordings": {"file": "home"},
    "conversations": {"file": "home", "audio": "audio_home"},
}
"""Columns with files, relative to a `var/`, and beside each the column that says which one."""

OF_CONVERSATION = ("caller", "summary", "file", "home", "audio", "audio_home")


def hash_of(number: str) -> str:
    """What is remembered of an erased number."""
    return hashlib.sha256(f"ivr-bridge erased {number}".encode("utf-8", "replace")).hexdigest()


@dataclass(slots=True)
class Sifted:
    """Lines that may be entered, and the files of those that may not."""

    lines: list[Line] = field(default_factory=list)
    files: list[str] = field(default_factory=list)


async def without_erased(connection: AsyncConnection, lines: Iterable[Line]) -> Sifted:
    """Leave out, or empty, what was erased before it could be entered."""
    lines = list(lines)
    found = (await connection.execute(select(erasures.c.id, erasures.c.erased_at))).all()
    if not found:
        return Sifted(lines)
    told = [_told(line) for line in lines]
    call_sids = {str(one["call_sid"]) for one in told if one.get("call_sid")}
    ids = {str(one["conversation_id"]) for one in told if one.get("conversation_id")}
    sieve = _Sieve(
        numbers={row.id: row.erased_at for row in found},
        call_sids=await _erased(connection, calls.c.call_sid, calls.c.erased_at, call_sids),
        conversation_ids=await _erased(connection, conversations.c.conversation_id, conversations.c.erased_at, ids),
    )
    sifted = Sifted()
    for line in lines:
        sieve.sift(line, sifted)
    return sifted


async def _erased(connection: AsyncConnection, key: Any, erased_at: Any, wanted: set[str]) -> set[str]:
    if not wanted:
        return set()
    chosen = select(key).where(key.in_(wanted), erased_at.is_not(None))
    return set((await connection.execute(chosen)).scalars())


@dataclass(slots=True)
class _Sieve:
    numbers: dict[str, datetime]
    call_sids: set[str]
    conversation_ids: set[str]

    def sift(self, line: Line, into: Sifted) -> None:
        table, told = str(line.get("table")), _told(line)
        found = [(name, self._erased_at(line, told.get(name))) for name in NUMBERS.get(table, ())]
        named = {name: at for name, at in found if at is not None}
        of_call = str(told.get("call_sid")) in self.call_sids
        if table == "calls" and named and line.get("put"):
            self.call_sids.add(str(told.get("call_sid")))
            into.lines.append(_changed(line, **dict.fromkeys(named, None), erased_at=max(named.values()).isoformat()))
        elif table in WHOLE and (named or of_call):
            into.files += _files(table, told)
        elif table == "conversations" and (
            named or of_call or str(told.get("conversation_id")) in self.conversation_ids
        ):
            into.files += _files(table, told)
            self.conversation_ids.add(str(told.get("conversation_id")))
            emptied = {name: None for name in OF_CONVERSATION if name in told}
            into.lines.append(_changed(line, **emptied, erased_at=line.get("at")))
        else:
            into.lines.append(_changed(line, **dict.fromkeys(named, None)) if named else line)

    def _erased_at(self, line: Line, number: Any) -> datetime | None:
        """When that number was erased, if this line was told before."""
        if not isinstance(number, str) or not isinstance(line.get("at"), str):
            return None
        erased_at = self.numbers.get(hash_of(number))
        return erased_at if erased_at is not None and datetime.fromisoformat(line["at"]) <= erased_at else None


def _told(line: Line) -> dict[str, Any]:
    """Every column that a line names."""
    parts = (line.get("where"), line.get("put"), line.get("set"))
    return {name: value for part in parts if isinstance(part, dict) for name, value in part.items()}


def _changed(line: Line, **values: Any) -> Line:
    part = "put" if isinstance(line.get("put"), dict) else "set"
    if not isinstance(line.get(part), dict):
        return line
    return {**line, part: {**line[part], **values}}


def _files(table: str, told: Mapping[str, Any]) -> list[str]:
    return [str(told[name]) for name in FILES.get(table, ()) if told.get(name)]
