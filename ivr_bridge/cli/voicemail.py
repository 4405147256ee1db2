"""`ivr-bridge voicemail list | play ID | save ID OUT.wav | heard ID | delete ID`: what callers have left."""

import argparse
import asyncio
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from rich.table import Table

from ivr_bridge.audio.wav import read_wav, write_wav
from ivr_bridge.cli.asking import asked, refuse_to_guess
from ivr_bridge.cli.records_access import NoSuchRecord, RecordsPlace, add_options, console, records_place
from ivr_bridge.errors import ConfigError
from ivr_bridge.records.voicemail_box import VoicemailBox
from ivr_bridge.telemetry.privacy import mask

PLAYERS = (
    ("ffplay", "-nodisp", "-autoexit", "-loglevel", "quiet"),
    ("play", "-q"),
    ("paplay",),
    ("aplay", "-q"),
    ("afplay",),
)
"""Programs that play a WAV file; the first that is there is taken."""
ELSEWHERE = "lies on another machine, or in another var directory"
Row = dict[str, Any]


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser("voicemail", help="messages that callers left: list, play, save, heard, delete")
    inner = parser.add_subparsers(metavar="COMMAND", required=True)
    lists = inner.add_parser("list", help="all of them, the newest first")
    lists.add_argument("--pii", action="store_true", help="show whole numbers")
    lists.set_defaults(run=run, do=_list)
    for name, do, words in (
        ("play", _play, "play one on this machine; it then counts as heard"),
        ("save", _save, "write one as a WAV file that every program reads; it then counts as heard"),
        ("heard", _heard, "mark one as heard"),
        ("delete", _delete, "delete one, its sound and its line"),
    ):
        each = inner.add_parser(name, help=words)
        each.add_argument("id", metavar="ID", help="as `list` shows it, or the beginning of it")
        each.set_defaults(run=run, do=do)
        if name == "save":
            each.add_argument("out", type=Path, metavar="OUT.wav")
        if name == "delete":
            each.add_argument("--yes", action="store_true", help="do it without asking")
        add_options(each)
    add_options(lists)


def run(arguments: argparse.Namespace) -> int:
    """Do one of them.

    Raises:
        ConfigError: settings, or a file, that cannot be used.
        DatabaseFailed: the records do not answer.
        NoSuchRecord: no message has that id.
    """
    return asyncio.run(_run(arguments))


async def _run(arguments: argparse.Namespace) -> int:
    async with records_place(arguments) as place:
        return int(await arguments.do(place, VoicemailBox(place.database), arguments))


async def _list(_place: RecordsPlace, box: VoicemailBox, arguments: argparse.Namespace) -> int:
    rows = await box.rows()
    if not arguments.pii:
        for row in rows:
            row["caller"], row["called"] = mask(row["caller"] or ""), mask(row["called"] or "")
    if arguments.json:
        print(orjson.dumps({"voicemails": rows}, option=orjson.OPT_INDENT_2).decode())
        return 0
    table = Table("recorded", "id", "caller", "length", "heard", "delivered", box=None, pad_edge=False)
    for row in rows:
        length = "" if row["duration_s"] is None else f"{row['duration_s']:.0f} s"
        where = "" if row["file"] else " (at Twilio)"
        table.add_row(
            _minute(row["recorded_at"]),
            row["id"],
            row["caller"] or "",
            length + where,
            _minute(row["heard_at"]),
            _minute(row["delivered_at"]),
        )
    console().print(table if rows else "no messages")
    return 0


async def _play(place: RecordsPlace, box: VoicemailBox, arguments: argparse.Namespace) -> int:
    row = await _one(box, arguments.id)
    path = _sound(place, row)
    player = next((player for player in PLAYERS if shutil.which(player[0])), None)
    if player is None:
        names = ", ".join(player[0] for player in PLAYERS)
        raise ConfigError(f"no program here plays sound ({names}); use: ivr-bridge voicemail save {row['id']} OUT.wav")
    played = await asyncio.to_thread(subprocess.run, [*player, str(path)], check=False)
    if played.returncode:
        print(f"ivr-bridge: {player[0]} ended with {played.returncode}", file=sys.stderr)
        return 1
    await box.heard(row["id"], datetime.now(UTC))
    return _done(arguments, row, "heard")


async def _save(place: RecordsPlace, box: VoicemailBox, arguments: argparse.Namespace) -> int:
    row, out = await _one(box, arguments.id), arguments.out
    pcm16, rate_hz = read_wav(_sound(place, row).read_bytes())
    try:
        descriptor = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(write_wav([pcm16], rate_hz))
    except OSError as error:
        raise ConfigError(f"{out}: cannot be written: {error.strerror}") from error
    await box.heard(row["id"], datetime.now(UTC))
    return _done(arguments, row, f"saved as {out}")


async def _heard(_place: RecordsPlace, box: VoicemailBox, arguments: argparse.Namespace) -> int:
    row = await _one(box, arguments.id)
    await box.heard(row["id"], datetime.now(UTC))
    return _done(arguments, row, "heard")


async def _delete(place: RecordsPlace, box: VoicemailBox, arguments: argparse.Namespace) -> int:
    refuse_to_guess(arguments)
    row = await _one(box, arguments.id)
    if place.is_elsewhere(row):
        raise NoSuchRecord(f"the sound of {row['id']} {ELSEWHERE}; delete the message there")
    if not arguments.yes and not asked(f"delete the message {row['id']} of {_minute(row['recorded_at'])}?"):
        return 1
    if row["file"]:
        place.file(row["file"]).unlink(missing_ok=True)
    await box.delete(row["id"])
    if row["recording_url"] and not row["file"]:
        print(f"ivr-bridge: its sound lies with Twilio: recording {row['recording_sid']}", file=sys.stderr)
    return _done(arguments, row, "deleted")


async def _one(box: VoicemailBox, beginning: str) -> Row:
    rows = await box.named(beginning)
    if len(rows) != 1:
        many = f"{len(rows)} messages begin with {beginning!r}; write more of it"
        raise NoSuchRecord(many if rows else f"there is no message {beginning!r}; see: ivr-bridge voicemail list")
    return rows[0]


def _sound(place: RecordsPlace, row: Row) -> Path:
    if not row["file"]:
        raise NoSuchRecord(f"the sound of {row['id']} lies with Twilio: {row['recording_url']}")
    path = place.file(row["file"])
    if not path.is_file():
        gone = f"of {row['id']} {ELSEWHERE}" if place.is_elsewhere(row) else f"{path} is not there (any more)"
        raise NoSuchRecord(f"the sound {gone}")
    return path


def _done(arguments: argparse.Namespace, row: Row, what: str) -> int:
    if arguments.json:
        print(orjson.dumps({"id": row["id"], "done": what}).decode())
    else:
        print(f"{row['id']}: {what}")
    return 0


def _minute(at: datetime | None) -> str:
    return at.astimezone().strftime("%Y-%m-%d %H:%M") if at is not None else ""
