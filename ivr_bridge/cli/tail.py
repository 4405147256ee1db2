"""`ivr-bridge tail [FILE] [--call SID]`: the JSON log for people, live; one line an event."""

import argparse
import io
import os
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

import orjson
from rich.console import Console
from rich.text import Text

from ivr_bridge.errors import ConfigError

POLL_S = 0.2
LEVEL_STYLES = {"debug": "dim", "info": "green", "warning": "yellow", "error": "bold red"}
CALL_STYLES = ("cyan", "magenta", "blue", "bright_green", "bright_yellow", "bright_cyan", "bright_magenta")
NOT_SHOWN = frozenset({"event", "level", "timestamp", "call_sid", "traceback"})
CALLS_REMEMBERED = 1000


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "tail",
        help="show the JSON log for people, live",
        description="Show the JSON log for people, live: local time, the call and its age, event, fields.",
    )
    parser.add_argument("file", type=Path, nargs="?", metavar="FILE", help="followed as it grows (default: stdin)")
    parser.add_argument("--call", metavar="SID", help="only this call; the last characters of its CallSid are enough")
    parser.add_argument("--no-follow", action="store_true", help="stop at the end of FILE")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Show lines until Ctrl-C or the end of stdin."""
    console = Console(highlight=False, soft_wrap=True)
    view = LogView(arguments.call)
    if arguments.file is None:
        if isinstance(sys.stdin, io.TextIOWrapper):
            sys.stdin.reconfigure(errors="replace")
        lines: Iterator[str] = iter(sys.stdin)
    else:
        lines = _file_lines(arguments.file, follow=not arguments.no_follow)
    try:
        for line in lines:
            if (text := view.line(line)) is not None:
                console.print(text)
    except KeyboardInterrupt:
        return 0
    return 0


def _file_lines(path: Path, *, follow: bool) -> Iterator[str]:
    try:
        file: BinaryIO = path.open("rb")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        while True:
            yield from _growing(file)
            if not follow:
                yield _text(file.readline())
                return
            time.sleep(POLL_S)
            if (newer := _newer(path, file)) is not None:
                yield from _growing(file)
                file.close()
                file = newer
    finally:
        file.close()


def _growing(file: BinaryIO) -> Iterator[str]:
    """Whole lines that are there now; a line still being written waits."""
    while True:
        start = file.tell()
        line = file.readline()
        if not line.endswith(b"\n"):
            file.seek(start)
            return
        yield _text(line)


def _newer(path: Path, file: BinaryIO) -> BinaryIO | None:
    """What a log rotation put in the file's place, or the file from its start if it was cut; None: neither."""
    try:
        there = path.stat()
        if there.st_ino == os.fstat(file.fileno()).st_ino and there.st_size >= file.tell():
            return None
        return path.open("rb")
    except OSError:
        return None


def _text(line: bytes) -> str:
    return line.decode(errors="replace")


class LogView:
    """Turns lines of the log into lines for people; remembers when each call began."""

    def __init__(self, call: str | None = None) -> None:
        """Show only the call whose `call_sid` ends with `call`, if given."""
        self._call = call
        self._begun: dict[str, datetime] = {}

    def line(self, line: str) -> Text | None:
        """One event for people; None when it is not to be shown. What is no event is shown as it stands.

        A traceback follows on lines of its own.
        """
        try:
            event = orjson.loads(line)
        except orjson.JSONDecodeError:
            event = None
        if not isinstance(event, dict) or "event" not in event:
            return None if self._call or not line.strip() else Text(_printable(line.rstrip().expandtabs()), style="dim")
        call_sid = str(event.get("call_sid") or "")
        if self._call and not call_sid.endswith(self._call):
            return None
        at = _instant(event.get("timestamp"))
        text = Text()
        text.append(at.strftime("%H:%M:%S.%f")[:-3] if at else "--:--:--.---", style="dim")
        text.append(f" {self._age(call_sid, at):>16} ", style=_call_style(call_sid))
        level = str(event.get("level", "info"))
        text.append(f"{_shown(event['event']):<22}", style=LEVEL_STYLES.get(level, ""))
        for name, value in event.items():
            if name not in NOT_SHOWN and value is not None:
                text.append(f" {_printable(name)}=", style="dim")
                text.append(_shown(value))
        for trace_line in str(event.get("traceback") or "").splitlines():
            text.append(f"\n{_printable(trace_line)}", style="red")
        return text

    def _age(self, call_sid: str, at: datetime | None) -> str:
        if not call_sid or at is None:
            return ""
        begun = self._begun.setdefault(call_sid, at)
        if len(self._begun) > CALLS_REMEMBERED:
            del self._begun[next(iter(self._begun))]
        return f"..{_printable(call_sid[-6:])} {(at - begun).total_seconds():6.1f}s"


def _instant(timestamp: object) -> datetime | None:
    """In local time; without an offset it counts as local already."""
    try:
        return datetime.fromisoformat(str(timestamp)).astimezone()
    except (ValueError, OverflowError):
        return None


def _shown(value: object) -> str:
    return _printable(value if isinstance(value, str) else orjson.dumps(value).decode())


def _printable(text: str) -> str:
    """On one line, and without what a terminal would obey: others' words stand in a log."""
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _call_style(call_sid: str) -> str:
    return CALL_STYLES[sum(call_sid.encode()) % len(CALL_STYLES)] if call_sid else ""
