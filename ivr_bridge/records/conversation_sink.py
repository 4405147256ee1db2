"""What the vendor tells of a conversation after its end, joined to its call by the conversation's id."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import orjson


class Told(Protocol):
    """One webhook of the vendor."""

    @property
    def type(self) -> str:
        """The vendor's word for what it tells."""

    @property
    def conversation_id(self) -> str:
        """The vendor's."""

    @property
    def agent_id(self) -> str:
        """Who spoke."""

    @property
    def status(self) -> str:
        """How it ended."""

    @property
    def duration_s(self) -> int | None:
        """How long it was."""

    @property
    def cost(self) -> int | None:
        """In the vendor's credits."""


class ToldFile(Protocol):
    """A webhook as it lies on the disk."""

    @property
    def told(self) -> Told:
        """What it says."""

    @property
    def path(self) -> Path:
        """Its JSON."""

    @property
    def audio(self) -> Path | None:
        """Its MP3."""


class Rows(Protocol):
    """What `Records` do here."""

    async def promise(self, table: str, **values: Any) -> None:
        """A row; it is on the disk when this returns. Raises BridgeError."""
        ...


class Sink(Protocol):
    """Who takes it besides."""

    async def take(self, conversation: Any) -> None:
        """Take one."""
        ...


class ConversationSink:
    """Enters each conversation, and hands it on.

    Args:
        rows: where it is entered.
        var_dir: files are named relative to it.
        then: who takes it afterwards.
    """

    def __init__(self, rows: Rows, var_dir: Path, then: Sink) -> None:
        self._rows = rows
        self._var_dir = var_dir
        self._then = then

    async def take(self, conversation: ToldFile) -> None:
        """Enter one and hand it on; the same once more changes nothing.

        Raises:
            BridgeError: it cannot be written now.
        """
        await enter(conversation, self._rows, self._var_dir)
        await self._then.take(conversation)


async def enter(conversation: ToldFile, rows: Rows, var_dir: Path) -> None:
    """Enter one.

    Raises:
        BridgeError: it cannot be written now.
        OSError: its file cannot be read.
    """
    row = await asyncio.to_thread(_row, conversation, var_dir)
    if row["conversation_id"]:
        await rows.promise("conversations", **row)


def _row(conversation: ToldFile, var_dir: Path) -> dict[str, Any]:
    """Of an audio only where it lies: the rest was, or will be, told by the transcription."""
    told, path, audio = conversation.told, conversation.path, conversation.audio
    body = _read(path)
    data = _object(body.get("data"))
    call = _object(_object(data.get("metadata")).get("phone_call"))
    row = {
        "agent_id": told.agent_id,
        "status": told.status,
        "duration_s": told.duration_s,
        "cost": told.cost,
        "summary": _object(data.get("analysis")).get("transcript_summary"),
        "call_sid": call.get("call_sid"),
        "caller": call.get("external_number"),
        "audio": None if audio is None else audio.relative_to(var_dir).as_posix(),
        "file": None if told.type.endswith("_audio") else path.relative_to(var_dir).as_posix(),
    }
    known = {name: value for name, value in row.items() if isinstance(value, str | int | float) and value != ""}
    return {"conversation_id": told.conversation_id[:128], "told_at": _told_at(body), **known}


def _told_at(body: dict[str, Any]) -> datetime:
    stamp = body.get("event_timestamp")
    if isinstance(stamp, int | float) and 0 < stamp < 1e11:
        return datetime.fromtimestamp(stamp, UTC)
    return datetime.now(UTC)


def _read(path: Path) -> dict[str, Any]:
    text = path.read_bytes()
    try:
        return _object(orjson.loads(text))
    except orjson.JSONDecodeError:
        return _object(json.loads(text))


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
