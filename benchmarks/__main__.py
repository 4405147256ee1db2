"""`make bench`, or `python -m benchmarks`: what our server costs beside the plain relay, measured in one run.

Exit code: 0 measured (contended runs are marked in the table), 1 a run failed or calls did not come up, 2 usage,
130 interrupted.
"""

import argparse
import asyncio
import json
import platform
import signal
import sys
from dataclasses import asdict

from rich.console import Console

from benchmarks.cores import choose
from benchmarks.load.script import FORMATS, MAX_CALLS, Script
from benchmarks.measurement import Figures, figures_of, measure, median_of, until_quiet
from benchmarks.report import lines, table
from benchmarks.targets import TARGETS, Target, TargetFailed

MAX_SECONDS = 120.0
"""The numbers that audio carries must not go round within a call."""


def read_options(arguments: list[str]) -> argparse.Namespace:
    """The command line; ends the program with 2 where it makes no sense."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--calls", type=int, nargs="+", default=[1, 50, 200], metavar="N", help="how many at a time")
    parser.add_argument("--formats", nargs="+", choices=FORMATS, default=list(FORMATS), help="what the agent speaks")
    parser.add_argument("--targets", nargs="+", choices=tuple(TARGETS), default=list(TARGETS))
    parser.add_argument("--seconds", type=float, default=10.0, help="measured time of a run (10)")
    parser.add_argument("--runs", type=int, default=1, metavar="N", help="runs of each, the median is shown (1)")
    parser.add_argument("--calls-per-s", type=float, default=50.0, help="how fast calls come in (50)")
    parser.add_argument("--wait-quiet", type=float, default=10.0, metavar="S", help="wait so long for an idle machine")
    parser.add_argument("--quick", action="store_true", help="1 and 20 calls for 3 s: does it work at all?")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout instead of the table")
    parser.add_argument("--markdown", action="store_true", help="the table as Markdown")
    options = parser.parse_args(arguments)
    if options.quick:
        options.calls, options.seconds = [1, 20], 3.0
    if not all(1 <= calls <= MAX_CALLS - 2 for calls in options.calls):
        parser.error(f"--calls: 1 to {MAX_CALLS - 2}")
    if not 1 <= options.seconds <= MAX_SECONDS:
        parser.error(f"--seconds: 1 to {MAX_SECONDS:g}")
    if options.runs < 1 or options.calls_per_s <= 0:
        parser.error("--runs and --calls-per-s: above 0")
    return options


async def run(options: argparse.Namespace, console: Console) -> list[Figures]:
    """Every format, number of calls, run and target in turn: rivals right after each other, so that they share the day.

    Raises:
        TargetFailed: one of them could not be measured at all.
    """
    figures: list[Figures] = []
    task = asyncio.current_task()
    if task is not None and sys.platform != "win32":
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    for audio_format in options.formats:
        for calls in options.calls:
            script = Script(calls, options.seconds, audio_format, options.calls_per_s)
            seen: dict[str, list[Figures]] = {name: [] for name in options.targets}
            for number in range(options.runs):
                for name in options.targets:
                    title = f"{audio_format}, {calls} calls, {TARGETS[name].name}, run {number + 1}/{options.runs}"
                    seen[name].append(await _one(TARGETS[name], script, title, options.wait_quiet, console))
            figures += [median_of(runs) for runs in seen.values()]
    return figures


async def _one(target: Target, script: Script, title: str, wait_quiet_s: float, console: Console) -> Figures:
    with console.status(title) as status:
        cores = choose()
        if not await until_quiet(wait_quiet_s):
            console.print(f"[yellow]{title}: the machine is busy with something else[/]")
        report = await measure(target, script, cores, lambda phase: status.update(f"{title}: {phase}"))
    for words in sorted(set(report["failures"]))[:3]:
        console.print(f"[red]{title}: {words}[/]")
    result = figures_of(target.name, report)
    cpu = "-" if result.cpu_ms is None else f"{result.cpu_ms:.2f} ms/call-s"
    console.print(f"{title}: {cpu}, {result.verdict}", style="dim")
    return result


def main() -> int:
    """Measure and print; the exit code."""
    options = read_options(sys.argv[1:])
    console = Console(stderr=True)
    try:
        figures = asyncio.run(run(options, console))
    except (KeyboardInterrupt, asyncio.CancelledError):
        console.print("interrupted; everything that was started has been ended")
        return 130
    except TargetFailed as error:
        console.print(f"[red]{error}[/]")
        return 1
    if options.json:
        machine = {"python": platform.python_version(), "machine": platform.machine(), "system": platform.system()}
        print(
            json.dumps({"machine": machine, "figures": [asdict(each) | {"verdict": each.verdict} for each in figures]})
        )
    elif options.markdown:
        print(lines(figures))
    else:
        Console(width=max(200, Console().width)).print(table(figures))
    return 1 if any(each.failed_calls for each in figures) else 0


if __name__ == "__main__":
    sys.exit(main())
