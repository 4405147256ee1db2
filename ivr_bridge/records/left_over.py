"""What was kept in files before there were records, taken in once: voicemails.jsonl and conversations/."""

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from ivr_bridge.errors import BridgeError
from ivr_bridge.records.conversation_sink import Rows, ToldFile, enter
from ivr_bridge.telemetry import events
from ivr_bridge.telemetry.log import Log

VOICEMAILS, TAKEN = "voicemails.jsonl", ".taken"
CONVERSATIONS = "conversations"
_MARK = ".in_records"


Read = Callable[[str], Awaitable[ToldFile]]
"""What a file of `conversations/` tells, by its name."""


async def take_left_over(var_dir: Path, rows: Rows, read: Read, log: Log) -> None:
    """All of it, for the start of the server; what fails is logged, and done at the next start."""
    try:
        voicemails = await take_voicemails(var_dir, rows)
        conversations = await take_conversations(var_dir, rows, read)
    except (OSError, BridgeError) as error:
        log.emit(events.RECORDS_UNMOVED, error=f"{type(error).__name__}: {error}")
        return
    if voicemails or conversations:
        log.emit(events.RECORDS_MOVED, voicemails=voicemails, conversations=conversations)


async def take_voicemails(var_dir: Path, rows: Rows) -> int:
    """Enter each line of `voicemails.jsonl`, which is renamed, never deleted; how many there were.

    Raises:
        OSError: it cannot be read or renamed.
        BridgeError: a row cannot be written. All are entered again at the next start; no message is there twice.
    """
    path = var_dir / VOICEMAILS
    if not path.is_file():
        return 0
    text = await asyncio.to_thread(path.read_bytes)
    count = 0
    for line in text.splitlines():
        with suppress(json.JSONDecodeError):
            told = json.loads(line)
            if isinstance(told, dict):
                await rows.promise("voicemails", **_voicemail(told))
                count += 1
    beside = path.with_name(VOICEMAILS + TAKEN)
    for number in range(1, 1000):
        if not beside.exists():
            break
        beside = path.with_name(f"{VOICEMAILS}{TAKEN}.{number}")
    path.rename(beside)
    return count


async def take_conversations(var_dir: Path, rows: Rows, read: Read) -> int:
    """Enter what `conversations/` has, once; how many there were.

    Raises:
        OSError: the folder cannot be read or marked.
        BridgeError: a row cannot be written; all are entered again at the next start.
    """
    folder = var_dir / CONVERSATIONS
    mark = folder / _MARK
    if not folder.is_dir() or mark.exists():
        return 0
    count = 0
    for name in sorted(await asyncio.to_thread(lambda: [path.name for path in folder.glob("*.json")])):
        if name.startswith(("unreadable-", ".")) or ".changed-" in name:
            continue
        with suppress(ValueError, FileNotFoundError):  # no document; or a person has deleted it meanwhile
            await enter(await read(name), rows, var_dir)
            count += 1
    mark.touch(mode=0o600)
    return count


def voicemail_id(call_sid: str, recording_sid: str, recording_url: str) -> str:
    """The key of a message that Twilio recorded: the recording's, else of the call and where it lies."""
    return recording_sid or f"{call_sid}:{hashlib.sha256(recording_url.encode()).hexdigest()[:16]}"


def _voicemail(told: dict[str, Any]) -> dict[str, Any]:
    def text(name: str) -> str:
        return str(told.get(name) or "")

    duration_s, recorded_at = told.get("duration_s"), told.get("recorded_at")
    return {
        "id": voicemail_id(text("call_sid"), text("recording_sid"), text("recording_url")),
        **{name: text(name) for name in ("call_sid", "caller", "called", "recording_sid", "recording_url")},
        "recorded_at": recorded_at if isinstance(recorded_at, str) else None,
        "duration_s": duration_s if isinstance(duration_s, int | float) else None,
    }
