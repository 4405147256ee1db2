"""`ivr-bridge dial +1...`: the running server calls somebody into a flow."""

import argparse
import asyncio
import re
import sys
import time
from typing import Any

from ivr_bridge.cli.asking import print_json
from ivr_bridge.cli.server_api import NOBODY, NobodyThere, ServerApi, add_options
from ivr_bridge.errors import ConfigError

OK, NOT_REACHED = 0, 1
POLL_S = 0.5
WORDS = {
    "waiting": "waits for its turn",
    "unknown": "is being made",
    "created": "rings",
    "answered": "is answered",
    "done": "is over",
    "failed": "has failed",
}


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "dial",
        help="have the running server call somebody",
        description="Have the running server call somebody and put them into a flow. The call is made by Twilio, from "
        "OUTBOUND_CALLER_ID, at most OUTBOUND_CPS a second. Exit: 0 done (with --wait: somebody answered), 1 not "
        "reached or refused, 2 usage, 3 nobody at the URL.",
    )
    parser.add_argument("to", metavar="NUMBER", help="E.164, such as +15550100")
    parser.add_argument("--flow", help="where the call begins (default: as a call to OUTBOUND_CALLER_ID would)")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="a variable for the flow; may be repeated"
    )
    listens = parser.add_mutually_exclusive_group()
    listens.add_argument("--machine", action="store_true", default=None, help="have Twilio listen for a machine")
    listens.add_argument("--no-machine", dest="machine", action="store_false", help="have it not listen")
    parser.add_argument("--wait", action="store_true", help="until the call is over")
    add_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Ask the server, and wait if told so.

    Raises:
        ConfigError: no number, or a variable that is none.
        ServerRefused: the server says no.
    """
    if not re.fullmatch(r"\+[1-9][0-9]{6,14}", arguments.to):
        raise ConfigError(f"{arguments.to!r} is no number such as +15550100")
    variables: dict[str, str] = {}
    for each in arguments.set:
        name, equals, value = each.partition("=")
        if not equals or not re.fullmatch(r"[a-z][a-z0-9_]{0,59}", name):
            raise ConfigError(f"--set {each}: write NAME=VALUE, small letters and `_` in the name")
        variables[name] = value
    body = {"to": arguments.to, "variables": variables}
    more = {"flow": arguments.flow, "machine_detection": arguments.machine}
    body |= {name: value for name, value in more.items() if value is not None}
    try:
        return asyncio.run(_dial(ServerApi(arguments), body, arguments))
    except NobodyThere as error:
        print(f"ivr-bridge: {error}", file=sys.stderr)
        return NOBODY


async def _dial(server: ServerApi, body: dict[str, Any], arguments: argparse.Namespace) -> int:
    told: dict[str, Any] = await server.ask("POST", "/api/v1/calls", body)
    _show(told, arguments)
    begun_at, state = time.monotonic(), told["state"]
    while arguments.wait and not told.get("over"):
        await asyncio.sleep(POLL_S)
        told = await _state(server, told)
        if told["state"] != state:
            state = told["state"]
            _show(told, arguments, time.monotonic() - begun_at)
    if arguments.json:
        print_json(told)
    return NOT_REACHED if told["state"] == "failed" else OK


async def _state(server: ServerApi, told: dict[str, Any]) -> dict[str, Any]:
    """As it is now; what was told before while the database has not got it yet."""
    found: dict[str, Any] = await server.ask("GET", f"/api/v1/calls/dials/{told['dial_id']}")
    return found


def _show(told: dict[str, Any], arguments: argparse.Namespace, after_s: float = 0.0) -> None:
    if arguments.json:
        return
    more = [told.get("answered_by"), told.get("error")]
    because = ", ".join(each for each in more if each)
    print(f"{after_s:6.1f} s  {told['dial_id']} {WORDS[told['state']]}" + (f" ({because})" if because else ""))
