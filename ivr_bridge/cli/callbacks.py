"""`ivr-bridge callbacks list | cancel ID | call ID`: callers who wait to be called back."""

import argparse
import asyncio
import sys
from typing import Any

from rich.console import Console
from rich.table import Table

from ivr_bridge.cli.asking import print_json
from ivr_bridge.cli.server_api import NOBODY, NobodyThere, ServerApi, add_options
from ivr_bridge.telemetry.privacy import mask

PATH = "/api/v1/callbacks"
STATES = ("waiting", "dialling", "done", "failed", "cancelled")


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser("callbacks", help="callers who wait to be called back: list, cancel, call")
    inner = parser.add_subparsers(metavar="COMMAND", required=True)
    lists = inner.add_parser("list", help="who waits, and what became of the others; the newest first")
    lists.add_argument("--state", choices=STATES, help="only these")
    lists.add_argument("--pii", action="store_true", help="show whole numbers")
    lists.set_defaults(run=run, ask=_list)
    cancel = inner.add_parser("cancel", help="call nobody back")
    cancel.set_defaults(run=run, ask=_cancel)
    call = inner.add_parser("call", help="call back next, at whatever hour")
    call.set_defaults(run=run, ask=_call)
    for each in (cancel, call):
        each.add_argument("id", metavar="ID", help="as `list` shows it")
    for each in (lists, cancel, call):
        add_options(each)


def run(arguments: argparse.Namespace) -> int:
    """Ask the running server.

    Raises:
        ServerRefused: it says no.
    """
    try:
        asyncio.run(arguments.ask(ServerApi(arguments), arguments))
    except NobodyThere as error:
        print(f"ivr-bridge: {error}", file=sys.stderr)
        return NOBODY
    return 0


async def _list(server: ServerApi, arguments: argparse.Namespace) -> None:
    told = await server.ask("GET", PATH + (f"?state={arguments.state}" if arguments.state else ""))
    if not arguments.pii:
        for row in told["callbacks"]:
            row["number"] = mask(row.get("number") or "")
    if arguments.json:
        print_json(told)
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("asked", "id", "number", "flow", "state", "attempts", "last", "why"):
        table.add_column(heading)
    for row in told["callbacks"]:
        table.add_row(
            _minute(row["asked_at"]),
            row["id"],
            row["number"],
            row["flow"] or "",
            row["state"],
            str(row["attempts"] or 0),
            _minute(row["last_at"]),
            row["last_error"] or "",
        )
    Console(soft_wrap=True, highlight=False).print(table if told["callbacks"] else "nobody waits")


async def _cancel(server: ServerApi, arguments: argparse.Namespace) -> None:
    _tell(await server.ask("DELETE", f"{PATH}/{arguments.id}"), "is not called back", arguments)


async def _call(server: ServerApi, arguments: argparse.Namespace) -> None:
    _tell(await server.ask("POST", f"{PATH}/{arguments.id}/call"), "is called next", arguments)


def _tell(told: dict[str, Any], what: str, arguments: argparse.Namespace) -> None:
    if arguments.json:
        print_json(told)
    else:
        print(f"{told['id']} {what}")


def _minute(instant: str | None) -> str:
    return (instant or "")[:16].replace("T", " ")
