"""Where a person is named outside of the database: files under `var/`."""

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson

from ivr_bridge.records.erased_files import CONVERSATIONS, conversation_files
from ivr_bridge.records.left_over import VOICEMAILS
from ivr_bridge.records.records import JOURNAL_FOLDER
from ivr_bridge.records.segments import REFUSED

SOUNDS = ("voicemails", "recordings")
"""Folders of WAV files, each with a note beside it until its row is kept."""
MOST_BYTES = 64 * 1024 * 1024
_DEEPEST = 12


def conversations_naming(var_dir: Path, number: str) -> list[str]:
    """The ids of conversations whose data name this number; what was said in them is not looked at."""
    found = set()
    for path in sorted((var_dir / CONVERSATIONS).glob("*.json")):
        document = _document(path)
        data = document.get("data") if isinstance(document, dict) else None
        if isinstance(data, dict) and _names({**data, "transcript": None, "analysis": None}, number):
            found.add(path.name.partition(".")[0])
    return sorted(found)


def files_of(var_dir: Path, number: str, call_sids: Sequence[str], conversation_ids: Sequence[str]) -> list[str]:
    """Files of theirs that no row need name, relative to `var/`: conversations, and sounds that are not listed yet."""
    found = [name for conversation_id in conversation_ids for name in conversation_files(var_dir, conversation_id)]
    unreadable = (var_dir / CONVERSATIONS).glob("unreadable-*.json")
    paths = [path for path in unreadable if number.encode() in path.read_bytes()]
    for folder in SOUNDS:
        for note in sorted((var_dir / folder).glob("*.json")):
            about = _document(note)
            if isinstance(about, dict) and (about.get("caller") == number or about.get("call_sid") in call_sids):
                paths += [note, note.with_suffix(".wav")]
    return found + [path.relative_to(var_dir).as_posix() for path in paths if path.is_file()]


def cut_lines(var_dir: Path, number: str, call_sids: Sequence[str]) -> int:
    """Take their lines out of files that have many people's; how many.

    Raises:
        OSError: a file cannot be written.
    """
    count = 0
    for path in _line_files(var_dir):
        lines = path.read_bytes().splitlines(keepends=True)
        kept = [line for line in lines if not _is_theirs(line, number, call_sids)]
        if len(kept) < len(lines):
            beside = path.with_name(f".{path.name}.new")
            beside.touch(mode=0o600)
            beside.write_bytes(b"".join(kept))
            beside.replace(path)
            count += len(lines) - len(kept)
    return count


def _line_files(var_dir: Path) -> Iterator[Path]:
    yield from sorted(var_dir.glob(f"{VOICEMAILS}*"))
    refused = var_dir / JOURNAL_FOLDER / REFUSED
    if refused.is_file():
        yield refused


def _is_theirs(line: bytes, number: str, call_sids: Sequence[str]) -> bool:
    try:
        told = orjson.loads(line)
    except orjson.JSONDecodeError:
        return number.encode() in line
    return any(_names(told, name) for name in (number, *call_sids))


def _names(value: Any, wanted: str, depth: int = 0) -> bool:
    """Whether a text in it is this one."""
    if depth > _DEEPEST:
        return False
    if isinstance(value, dict):
        return any(_names(each, wanted, depth + 1) for each in value.values())
    if isinstance(value, list):
        return any(_names(each, wanted, depth + 1) for each in value)
    return bool(value == wanted)


def _document(path: Path) -> Any:
    with suppress(OSError, ValueError):
        if path.stat().st_size <= MOST_BYTES:
            text = path.read_bytes()
            try:
                return orjson.loads(text)
            except orjson.JSONDecodeError:
                return json.loads(text)
    return None
