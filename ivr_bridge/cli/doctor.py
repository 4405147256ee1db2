"""`ivr-bridge doctor`: what is wrong outside of this program, with a remedy for each."""

import argparse
import asyncio
import contextlib
import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
import structlog
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from ivr_bridge.cli.check import check
from ivr_bridge.doctor.checklist import CHECKS
from ivr_bridge.doctor.configuration import unread_settings
from ivr_bridge.doctor.examination import examine
from ivr_bridge.doctor.finding import Finding, Outcome
from ivr_bridge.doctor.surroundings import Surroundings
from ivr_bridge.errors import ConfigError
from ivr_bridge.settings import Settings, read_settings
from ivr_bridge.telemetry.log import configure_logging

HEALTHY, FAILED = 0, 1
MARKS = {
    "ok": ("ok", "green"),
    "warning": ("warning", "yellow"),
    "failed": ("FAILED", "bold red"),
    "not asked": ("", "dim"),
}
NO_TERMINAL_COLUMNS = 160


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "doctor",
        help="check the outside: Twilio, ElevenLabs, the public address, the store, the clock",
        description="Check everything outside of this program that a call depends on, and tell a remedy for each "
        "failure. Nothing is changed anywhere; the running server logs one unsigned and one signed notice of a call "
        "that nobody knows. What is not configured is not asked (null in JSON). "
        "Exit: 0 nothing failed, 1 something did, 2 usage.",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON list and nothing else")
    parser.add_argument("--url", help="where the running server is reached (default PUBLIC_BASE_URL, else HOST:PORT)")
    parser.add_argument("--config", type=Path, dest="config_dir", help="directory with bridge.yaml (default config)")
    parser.add_argument("--var", type=Path, dest="var_dir", help="directory of what the server writes (default var)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print what was found; the exit code says whether anything failed."""
    url = _base_url(arguments.url)
    try:
        given = {"config_dir": arguments.config_dir, "var_dir": arguments.var_dir}
        settings = read_settings(dict(os.environ), **given)
    except ConfigError as error:
        outcomes = unread_settings(error, CHECKS)
    else:
        # What an operator's own module prints while it is read, and what the clients log, is no part of the answer.
        with _silence(), asyncio.Runner() as runner:
            outcomes = runner.run(_examine(settings, url))
    if arguments.json:
        told = [outcome.as_json() for outcome in outcomes]
        sys.stdout.write(orjson.dumps(told, option=orjson.OPT_INDENT_2).decode() + "\n")
    else:
        _show(outcomes)
    return FAILED if any(outcome.finding.ok is False for outcome in outcomes) else HEALTHY


def _base_url(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        parts = urlsplit(text)
        known = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        known = False
    if not known or "?" in text or "#" in text:
        raise ConfigError(f"--url {text}: must be https://HOST, as Twilio reaches the server, or http://HOST:PORT")
    return text.rstrip("/")


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    configure_logging(stream=io.StringIO(), pretty=False, level="error")
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        structlog.reset_defaults()


async def _examine(settings: Settings, url: str | None) -> list[Outcome]:
    around = Surroundings(settings, lambda: check(settings.config_dir, os.environ), url=url)
    waiting = [each.name for each in CHECKS]
    try:
        with _progress(len(waiting)) as show:

            def done(outcome: Outcome) -> None:
                waiting.remove(outcome.check)
                show(waiting)

            show(waiting)
            return await examine(CHECKS, around, done=done)
    finally:
        await around.close()


@contextlib.contextmanager
def _progress(total: int) -> Iterator[Any]:
    """A bar with the names of what is waited for, on a terminal's stderr; gone at the end."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _waiting: None
        return
    columns = (BarColumn(bar_width=24), MofNCompleteColumn(), TextColumn("[dim]{task.description}"))
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=total)
        yield lambda waiting: bar.update(task, completed=total - len(waiting), description=", ".join(waiting[:6]))


def _show(outcomes: list[Outcome]) -> None:
    """For people: a row for each check that was made, then in one row what could not be asked for the same reason."""
    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else NO_TERMINAL_COLUMNS
    console = Console(width=width, highlight=False, emoji=False)
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("check", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("found, and what to do", overflow="fold")
    counts = dict.fromkeys(MARKS, 0)
    unasked: dict[Finding, list[str]] = {}
    for outcome in outcomes:
        finding = outcome.finding
        counts[finding.verdict] += 1
        if finding.ok is None:
            unasked.setdefault(finding, []).append(outcome.check)
            continue
        mark, style = MARKS[finding.verdict]
        cell = Text(finding.found)
        if finding.remedy:
            cell.append(f"\n-> {finding.remedy}", style)
        table.add_row(Text(outcome.check, "bold"), Text(mark, style), cell)
    if table.row_count:
        console.print(table)
    for finding, names in unasked.items():
        console.print(Text.assemble("\nnot asked: ", (", ".join(names), "bold"), f"\n{finding.found}"), style="dim")
        if finding.remedy:
            console.print(Text(f"-> {finding.remedy}"), style="dim")
    plural = "s" * (counts["warning"] > 1)
    told = ", ".join(
        f"{count} {verdict}" + plural * (verdict == "warning") for verdict, count in counts.items() if count
    )
    console.print(Text(f"\n{told}", "bold red" if counts["failed"] else "green"))
