"""`ivr-bridge calls` and `ivr-bridge calls CALLSID`: what the records know, read beside a running server."""

import argparse
import asyncio
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ivr_bridge.cli.age import age
from ivr_bridge.cli.asking import print_json
from ivr_bridge.cli.open_database import open_database, records_settings
from ivr_bridge.errors import ConfigError
from ivr_bridge.records.call_history import list_calls, one_call
from ivr_bridge.telemetry.privacy import mask

NO_TERMINAL_COLUMNS = 200
_NUMBERS = ("caller", "called", "number", "to_number")
_WORDS = ("text", "summary")
_SECTIONS = ("conversations", "turns", "tool_calls", "rungs", "transfers", "voicemails", "callbacks", "dials", "recordings")  # fmt: skip  # noqa: E501


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "calls",
        help="the calls that were: a list, or one with all that belongs to it",
        description="List calls, the newest first, or show one. Read from the database itself, so it needs no running "
        "server. Exit: 0 done, 1 no such call or no answer of the database, 2 usage.",
    )
    parser.add_argument("call_sid", nargs="?", metavar="CALLSID", help="show this one")
    parser.add_argument("--since", type=age, metavar="AGE", help="began not longer ago: 90m, 12h, 7d, 2w")
    parser.add_argument("--caller", metavar="+1...", help="only of this caller")
    parser.add_argument("--limit", type=int, default=100, metavar="N", help="at most so many (default 100)")
    parser.add_argument("--pii", action="store_true", help="show whole numbers, and in one call what was said")
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    parser.add_argument("--var", type=Path, dest="var_dir", help="the server's var directory (default var)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print; 1 when there is no such call.

    Raises:
        ConfigError: a setting that cannot be read.
        DatabaseFailed: the database does not answer.
    """
    since = datetime.now(UTC) - arguments.since if arguments.since is not None else None
    if arguments.limit < 1:
        raise ConfigError("--limit: at least 1")
    if arguments.call_sid is None:
        rows = asyncio.run(_list(arguments, since))
        if arguments.json:
            print_json({"calls": [_shown(row, pii=arguments.pii) for row in rows]})
        else:
            _print_list(rows, pii=arguments.pii)
        return 0
    call = asyncio.run(_one(arguments))
    if call is None:
        print(f"ivr-bridge: no call {arguments.call_sid} in the records", file=sys.stderr)
        return 1
    shown = _shown(call, pii=arguments.pii)
    if arguments.json:
        print_json(shown)
    else:
        _print_one(shown)
    return 0


async def _list(arguments: argparse.Namespace, since: datetime | None) -> list[dict[str, Any]]:
    async with open_database(records_settings(arguments.var_dir)) as database:
        if database is None:
            return []
        return await list_calls(database, since=since, caller=arguments.caller, most=arguments.limit)


async def _one(arguments: argparse.Namespace) -> dict[str, Any] | None:
    async with open_database(records_settings(arguments.var_dir)) as database:
        return await one_call(database, arguments.call_sid) if database is not None else None


def _shown(row: Mapping[str, Any], *, pii: bool) -> dict[str, Any]:
    """With people masked, unless they are wanted."""
    shown: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, list):
            shown[name] = [_shown(each, pii=pii) for each in value]
        elif not pii and value is not None and name in (*_NUMBERS, *_WORDS):
            shown[name] = mask(value)
        elif not pii and name == "variables":
            shown[name] = sorted(value or {})
        else:
            shown[name] = value
    return shown


def _print_list(rows: Sequence[Mapping[str, Any]], *, pii: bool) -> None:
    if not rows:
        _console().print("no calls")
        return
    table = Table("began", "call", "caller", "flow", "lasted", "ended as", "turns", "tools", box=None, pad_edge=False)
    for row in rows:
        caller = "(erased)" if row["erased_at"] else row["caller"] or "-"
        table.add_row(
            _moment(row["began_at"]),
            row["call_sid"],
            Text(caller if pii or row["erased_at"] else mask(caller)),
            Text(row["flow"] or "-"),
            f"{row['duration_s']:.0f} s" if row["duration_s"] is not None else "-",
            Text(row["termination"] or "(not over)"),
            str(row["turns"]),
            str(row["tools"]),
        )
    _console().print(table)


def _print_one(call: Mapping[str, Any]) -> None:
    console = _console()
    facts = Table(box=None, pad_edge=False, show_header=False)
    for name, value in call.items():
        if value is not None and name not in (*_SECTIONS, "account"):
            facts.add_row(name, Text(_cell(value)))
    console.print(facts)
    for section in _SECTIONS:
        rows = call[section]
        if not rows:
            continue
        columns = [name for name in rows[0] if name != "id" and any(row[name] is not None for row in rows)]
        table = Table(*columns, title=section, title_justify="left", title_style="bold", box=None, pad_edge=False)
        for row in rows:
            table.add_row(*(Text("" if row[name] is None else _cell(row[name])) for name in columns))
        console.print()
        console.print(table)


def _cell(value: Any) -> str:
    return _moment(value) if isinstance(value, datetime) else str(value)


def _moment(moment: datetime | None) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S") if moment is not None else "-"


def _console() -> Console:
    return Console(highlight=False, width=None if sys.stdout.isatty() else NO_TERMINAL_COLUMNS)
