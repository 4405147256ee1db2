"""`ivr-bridge drill`: break the agent on purpose, and measure what a caller hears of it."""

import argparse
import asyncio
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ivr_bridge.cli.call import called_number
from ivr_bridge.errors import ConfigError
from ivr_bridge.settings import read_settings

OK, NOT_OK = 0, 1


@dataclass(frozen=True, slots=True)
class Drill:
    """What goes wrong: in words, and the sandbox's name for it (None: nobody listens at the agent's address)."""

    words: str
    fault: str | None
    needs_rung: bool = True


DRILLS = {
    "outage": Drill("nobody listens where the agent should be", None),
    "slow": Drill("every reply comes 5 s late", "slower", needs_rung=False),
    "half-open": Drill("the conversation falls silent after its greeting, and nobody closes it", "half_open"),
    "drop": Drill("the connection is cut after the greeting", "drop"),
    "quota": Drill("the account has used up its quota", "quota"),
    "refused": Drill("the key is not accepted", "refuse"),
}
SOUND_STYLES = {"speech": "cyan", "music": "magenta", "tone": "yellow", "silence": "dim"}


def add_parser(commands: Any) -> None:
    """Add the command."""
    named = "; ".join(f"{name}: {drill.words}" for name, drill in DRILLS.items())
    parser = commands.add_parser(
        "drill",
        help="break the agent on purpose and measure what a caller hears",
        description="Start a bridge, a sandbox and a phone of its own on free ports with the config of this directory, "
        "break the agent, place a call, and tell what the caller heard, measured in the recording. No running server "
        f"is needed or touched. {named}. Exit: 0 the caller never waited more than 2 s in silence and the ladder held, "
        "1 otherwise, 2 usage.",
    )
    parser.add_argument("name", choices=tuple(DRILLS), metavar="NAME", help=" | ".join(DRILLS))
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    parser.add_argument(
        "--out", type=Path, metavar="F.wav", help="stereo recording: left caller, right what they heard"
    )
    parser.add_argument(
        "--to", type=called_number, metavar="NUMBER", help="the number that is called (its flow is drilled)"
    )
    parser.add_argument("--config", type=Path, dest="config_dir", help="directory with bridge.yaml (default config)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run one drill; the exit code says whether the ladder held."""
    settings = read_settings(dict(os.environ), config_dir=arguments.config_dir)
    if not (settings.config_dir / "bridge.yaml").is_file():
        raise ConfigError(
            f"{settings.config_dir}/bridge.yaml is not there: ivr-bridge init . writes the default config"
        )
    if arguments.out is not None and not arguments.out.parent.is_dir():
        raise ConfigError(f"--out {arguments.out}: there is no directory {arguments.out.parent}")
    with asyncio.Runner() as runner:
        return runner.run(_drill(arguments, settings.config_dir.resolve()))


async def _drill(arguments: argparse.Namespace, config_dir: Path) -> int:
    # The simulator is imported only here and below: `ivr-bridge serve` works without its packages.
    from ivr_bridge.cli.drill_call import place_drill_call  # noqa: PLC0415
    from ivr_bridge.cli.drill_house import drill_house  # noqa: PLC0415

    drill = DRILLS[arguments.name]
    console = Console(stderr=arguments.json, highlight=False, soft_wrap=True, emoji=False)

    def show(at_ms: float, who: str, text: str) -> None:
        if not arguments.json:
            console.print(f"[dim]{at_ms / 1000:6.1f} s[/]  {who:<9} ", end="")
            console.print(text, markup=False)

    if not arguments.json:
        console.print(f"[bold]drill {arguments.name}[/]: {drill.words}; a bridge and a sandbox are being started ...")
    async with drill_house(config_dir) as house:
        await house.break_agent(drill.fault)
        call = await place_drill_call(house, show, called=arguments.to)
    account = call.account(arguments.name, needs_rung=drill.needs_rung)
    report = call.report
    if arguments.out is not None and report.heard_pcm16:
        try:
            arguments.out.write_bytes(report.wav())
        except OSError as error:
            print(f"ivr-bridge: {arguments.out}: cannot be written: {error.strerror}", file=sys.stderr)
    if arguments.json:
        sys.stdout.write(orjson.dumps(account.as_json()).decode() + "\n")
    else:
        _print_account(console, account, report)
    return OK if account.ok else NOT_OK


def _print_account(console: Console, account: Any, report: Any) -> None:
    """For people: each second, then the verdict."""
    from ivr_bridge.cli.drill_account import heard_words  # noqa: PLC0415

    table = Table(box=None, pad_edge=False, header_style="bold")
    for title, width in (("s", 3), ("rung", 13), ("dBov", 4)):
        table.add_column(title, min_width=width)
    table.add_column("the caller hears", no_wrap=True, overflow="ellipsis")
    for rung, second in account.seconds:
        level = "" if second.level_dbov is None else f"{second.level_dbov:.0f}"
        heard = f"[{SOUND_STYLES[second.sound]}]{escape(heard_words(second))}[/]"
        table.add_row(f"{second.at_ms / 1000:.0f}", rung or "", level, heard)
    console.print()
    console.print(table)
    rungs = ", ".join(
        f"{note.fields.get('rung')} ({note.fields.get('cause')}, {note.at_ms / 1000:.1f} s)" for note in account.rungs
    )
    for violation in report.violations:
        console.print(f"[bold red]Twilio would have complained:[/] {escape(violation)}")
    colour = "green" if account.ok else "red"
    console.print(
        f"\n[bold {colour}]{'held' if account.ok else 'did not hold'}[/]   longest silence "
        f"{account.longest_silence_ms:.0f} ms   rungs: {escape(rungs) or 'none'}   ended: {escape(account.ended)}"
    )
