"""`ivr-bridge recordings list | delete`: calls that were recorded, since their flow says so."""

import argparse
import asyncio
import sys
from datetime import UTC, datetime
from typing import Any

import orjson
from rich.table import Table

from ivr_bridge.cli.age import age
from ivr_bridge.cli.asking import asked, refuse_to_guess
from ivr_bridge.cli.records_access import RecordsPlace, add_options, console, records_place
from ivr_bridge.errors import ConfigError
from ivr_bridge.records.recording_index import RecordingIndex

MB = 1_000_000


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser("recordings", help="recorded calls: list, delete")
    inner = parser.add_subparsers(metavar="COMMAND", required=True)
    lists = inner.add_parser("list", help="those that are kept, the newest first")
    lists.set_defaults(run=run, do=_list)
    deletes = inner.add_parser("delete", help="delete those of a call, or older ones; what is due goes by itself")
    deletes.add_argument("--yes", action="store_true", help="do it without asking")
    deletes.set_defaults(run=run, do=_delete)
    for each in (lists, deletes):
        each.add_argument("--call", metavar="CA...", help="only those of this call")
        each.add_argument("--older-than", type=age, metavar="30d", help="only those that began so long ago")
        add_options(each)


def run(arguments: argparse.Namespace) -> int:
    """Do one of them.

    Raises:
        ConfigError: settings that cannot be used, or nothing that says which are meant.
        DatabaseFailed: the records do not answer.
    """
    return asyncio.run(_run(arguments))


async def _run(arguments: argparse.Namespace) -> int:
    async with records_place(arguments) as place:
        index = RecordingIndex(place.database)
        before = datetime.now(UTC) - arguments.older_than if arguments.older_than is not None else None
        rows = await index.rows(call_sid=arguments.call, before=before)
        return int(await arguments.do(place, index, rows, arguments))


async def _list(
    place: RecordsPlace, _index: RecordingIndex, rows: list[dict[str, Any]], arguments: argparse.Namespace
) -> int:
    if arguments.json:
        print(orjson.dumps({"recordings": rows}, option=orjson.OPT_INDENT_2).decode())
        return 0
    table = Table("began", "id", "call", "length", "MB", "kept until", "file", box=None, pad_edge=False)
    for row in rows:
        length = "" if row["duration_s"] is None else f"{row['duration_s']:.0f} s"
        size = "" if row["bytes"] is None else f"{row['bytes'] / MB:.1f}"
        began, until = _day(row["began_at"], "%Y-%m-%d %H:%M"), _day(row["delete_after"], "%Y-%m-%d")
        file = f"{row['file'] or ''}{' (another machine)' if place.is_elsewhere(row) else ''}"
        table.add_row(began, row["id"], row["call_sid"] or "", length, size, until, file)
    console().print(table if rows else "no recordings")
    return 0


async def _delete(
    place: RecordsPlace, index: RecordingIndex, rows: list[dict[str, Any]], arguments: argparse.Namespace
) -> int:
    if arguments.call is None and arguments.older_than is None:
        raise ConfigError("which ones? --call CA... or --older-than 30d (0d: all of them)")
    refuse_to_guess(arguments)
    here = [row for row in rows if not place.is_elsewhere(row)]
    elsewhere = [row["id"] for row in rows if place.is_elsewhere(row)]
    if here and not arguments.yes and not asked(f"delete {len(here)} recordings?"):
        return 1
    for row in here:
        if row["file"]:
            try:
                place.file(row["file"]).unlink(missing_ok=True)
            except OSError as error:
                raise ConfigError(f"{row['file']}: cannot be deleted: {error.strerror}") from error
        await index.deleted(row["id"], datetime.now(UTC))
    if arguments.json:
        print(orjson.dumps({"deleted": [row["id"] for row in here], "elsewhere": elsewhere}).decode())
    else:
        print(f"{len(here)} deleted")
    if elsewhere:
        print(
            f"ivr-bridge: {len(elsewhere)} more lie on other machines, or in another var directory than "
            f"{place.var_dir}; give the same command there",
            file=sys.stderr,
        )
    return 1 if elsewhere else 0


def _day(at: datetime | None, form: str) -> str:
    return at.astimezone().strftime(form) if at is not None else ""
