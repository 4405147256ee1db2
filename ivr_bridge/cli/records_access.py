"""Rows and the files that they name, for commands about sound; whether a server runs or not."""

import argparse
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from ivr_bridge.cli.open_database import open_database, records_settings
from ivr_bridge.errors import BridgeError
from ivr_bridge.records.database import Database
from ivr_bridge.records.home import home_of

NO_TERMINAL_COLUMNS = 240


class NoSuchRecord(BridgeError):
    """Nothing, or more than one thing, has that id."""

    code = "no_such_record"
    fault = "operator"


@dataclass(frozen=True, slots=True)
class RecordsPlace:
    """Where both are."""

    database: Database
    var_dir: Path
    home: str | None
    """The id of `var_dir`; None when no server has kept records in it."""

    def is_elsewhere(self, row: Mapping[str, Any]) -> bool:
        """Whether the file of a row lies in the `var/` of another machine."""
        return bool(row["file"]) and row["home"] != self.home

    def file(self, name: str) -> Path:
        """A file that a row names.

        Raises:
            NoSuchRecord: it would lie outside `var/`.
        """
        path = self.var_dir / name
        if not path.resolve().is_relative_to(self.var_dir.resolve()):
            raise NoSuchRecord(f"{name} is no file of ours")
        return path


def add_options(parser: argparse.ArgumentParser) -> None:
    """`--var` and `--json`."""
    parser.add_argument("--var", type=Path, dest="var_dir", help="the server's var directory (default var)")
    parser.add_argument("--json", action="store_true", help="print JSON and nothing else")


@contextlib.asynccontextmanager
async def records_place(arguments: argparse.Namespace) -> AsyncIterator[RecordsPlace]:
    """The database of DATABASE_URL, or of `--var`.

    Raises:
        ConfigError: settings that cannot be used.
        DatabaseFailed: it does not answer.
    """
    settings = records_settings(arguments.var_dir)
    async with open_database(settings, make=True) as database:
        if database is None:
            raise NoSuchRecord("there are no records here")
        yield RecordsPlace(database, settings.var_dir, home_of(settings.var_dir))


def console() -> Console:
    """As wide as the terminal; into a file or a pipe every id goes whole."""
    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else NO_TERMINAL_COLUMNS
    return Console(width=width, highlight=False, emoji=False)
