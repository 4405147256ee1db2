"""`ivr-bridge erase +1...`: everything that names a caller, wherever it lies."""

import argparse
import asyncio
import re
import sys
from pathlib import Path
from typing import Any

from ivr_bridge.cli.asking import asked, print_json, refuse_to_guess
from ivr_bridge.cli.open_database import open_database, records_settings
from ivr_bridge.cli.vendor_account import open_account
from ivr_bridge.errors import ConfigError, VendorError, VendorRejected
from ivr_bridge.records.caller_erasure import CallerErased, erase_caller
from ivr_bridge.settings import Settings
from ivr_bridge.telemetry.log import Log, configure_logging
from ivr_bridge.telemetry.privacy import mask

_NUMBER = re.compile(r"\+[1-9][0-9]{5,14}|(?:sips?|client):[^\s/]+")
_DECORATION = str.maketrans("", "", " -().\u00a0")


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "erase",
        help="erase everything of a caller",
        description="Erase a caller: numbers, what was said, voicemails, callbacks, dials, recordings, and what the "
        "vendor told of their conversations. What is left of a call is when it was, how long, and how it ended. A "
        "running server brings nothing back. Files on other machines that share the database are deleted by their "
        "servers. Exit: 0 erased (or there was nothing), 1 not all of it, 2 usage.",
    )
    parser.add_argument("number", metavar="+1...", help="as Twilio writes it: E.164, sip:... or client:...")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--vendor", action="store_true", help="delete the conversations at ElevenLabs too")
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    parser.add_argument("--var", type=Path, dest="var_dir", help="the server's var directory (default var)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Erase, and print what was erased; 1 when something is left.

    Raises:
        ConfigError: no number, or nobody to ask.
        DatabaseFailed: nothing was erased.
    """
    text = arguments.number.strip()
    number = text.translate(_DECORATION) if text.startswith("+") else text
    if _NUMBER.fullmatch(number) is None:
        raise ConfigError("the number: E.164 such as +15550100001, or sip:... or client:...")
    settings = records_settings(arguments.var_dir)
    if arguments.vendor and not settings.elevenlabs_api_keys:
        raise ConfigError("--vendor: ELEVENLABS_API_KEY is not set")
    refuse_to_guess(arguments)
    if not arguments.yes and not asked(f"Erase everything of {number} in {settings.var_dir} and its database?"):
        return 1
    configure_logging(stream=sys.stderr, level="warning", pretty=sys.stderr.isatty())
    return asyncio.run(_erase(arguments, settings, number))


async def _erase(arguments: argparse.Namespace, settings: Settings, number: str) -> int:
    async with open_database(settings, make=True) as database:
        assert database is not None  # noqa: S101 - for the type checker: it is made
        try:
            done = await erase_caller(database, settings.var_dir, number, Log())
        except OSError as error:
            print(f"ivr-bridge: not all of it could be deleted, do it again: {error}", file=sys.stderr)
            return 1
    theirs = done.found.conversation_ids
    failed = await _delete_at_vendor(settings, theirs) if arguments.vendor and theirs else {}
    if arguments.json:
        print_json(
            {
                "rows": done.found.rows,
                "files": done.files,
                "elsewhere": done.found.elsewhere,
                "lines": done.lines,
                "conversation_ids": theirs,
                "deleted_at_vendor": [each for each in theirs if arguments.vendor and each not in failed],
                "journals_left": done.journals_left,
            }
        )
    else:
        _print(done, number, at_vendor=arguments.vendor)
    for conversation_id, reason in failed.items():
        print(f"ivr-bridge: {conversation_id} is still at ElevenLabs: {reason}", file=sys.stderr)
    if done.journals_left:
        print(
            "ivr-bridge: a running server cannot write to its database, and its journal still has lines of before; "
            "they will not get into the records, and go when the database takes lines again",
            file=sys.stderr,
        )
    return 1 if failed or done.journals_left else 0


async def _delete_at_vendor(settings: Settings, conversation_ids: list[str]) -> dict[str, str]:
    """What could not be deleted, and why."""
    failed = {}
    async with open_account(settings) as client:
        for conversation_id in conversation_ids:
            try:
                await client.conversations.delete(conversation_id)
            except VendorRejected as error:
                if error.status != 404:  # it is gone already
                    failed[conversation_id] = str(error)
            except VendorError as error:
                failed[conversation_id] = str(error)
    return failed


def _print(done: CallerErased, number: str, *, at_vendor: bool) -> None:
    found = done.found
    if not (found.rows or done.files or done.lines):
        print(f"there was nothing of {mask(number)}")
        return
    for table, count in found.rows.items():
        print(f"{table}: {count}")
    if done.lines:
        print(f"lines of old files: {done.lines}")
    for name in done.files:
        print(f"deleted {name}")
    if found.elsewhere:
        print("on other machines (the servers there delete them within an hour, or when they start):")
        for name in found.elsewhere:
            print(f"  {name}")
    if found.conversation_ids and not at_vendor:
        print("ElevenLabs still has these conversations (--vendor deletes them there):")
        for conversation_id in found.conversation_ids:
            print(f"  {conversation_id}")
