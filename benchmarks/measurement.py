"""One measurement: a generator, a target, one number of calls; and what its report comes to."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from benchmarks.cores import Cores, pin
from benchmarks.load.script import Script
from benchmarks.process_meter import available, busy_cores, machine_time
from benchmarks.targets import ROOT, Target, TargetFailed, running

CONTENDED_SHARE = 0.05
"""Of the window, that target and generator together waited for a core: such a run tells little."""
STALLED_MS = 200.0
"""A generator that was late by this much stood still."""
QUIET_CORES = 0.15
GENERATOR_LIMIT = 0.9
"""Share of its core above which the generator measures itself."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What one run, or the median of several, came to. None: not measured here."""

    target: str
    audio_format: str
    calls: int
    cpu_ms: float | None
    """CPU milliseconds of the target and its children for one second of one call."""
    core_share: float | None
    up_p50_ms: float | None
    up_p99_ms: float | None
    down_p50_ms: float | None
    down_p99_ms: float | None
    first_word_p50_ms: float | None
    first_word_p95_ms: float | None
    webhook_p50_ms: float | None
    webhook_p99_ms: float | None
    rss_kib: float | None
    """Growth of resident memory for each call."""
    lost: int
    late: int
    wrong: int
    """Frames doubled, crossed or corrupt."""
    failed_calls: int
    waited_share: float | None
    generator_share: float | None
    generator_late_p99_ms: float | None
    runs: int = 1
    contended_runs: int = 0

    @property
    def verdict(self) -> str:
        """In a word, whether these figures may be used."""
        if self.failed_calls:
            return f"{self.failed_calls} calls failed"
        if self.contended_runs:
            return "contended" if self.runs == 1 else f"contended {self.contended_runs}/{self.runs}"
        if (self.generator_share or 0) > GENERATOR_LIMIT:
            return "generator at its limit"
        if (self.core_share or 0) > GENERATOR_LIMIT:
            return "too many calls"
        return "ok"


def figures_of(target: str, report: dict[str, Any]) -> Figures:
    """A generator's report as figures."""
    script, up, down = report["script"], report["up"], report["down"]
    of_target, of_generator, window_s = report["target"], report["generator"], report["window_s"]
    calls = max(1, report["calls_up"])
    told = available()
    waited = (of_target["waited_s"] + of_generator["waited_s"]) / window_s
    return Figures(
        target=target,
        audio_format=script["audio_format"],
        calls=script["calls"],
        cpu_ms=of_target["cpu_s"] * 1000 / (calls * window_s) if told else None,
        core_share=of_target["cpu_s"] / window_s if told else None,
        up_p50_ms=up["p50_ms"],
        up_p99_ms=up["p99_ms"],
        down_p50_ms=down["p50_ms"],
        down_p99_ms=down["p99_ms"],
        first_word_p50_ms=report["first_word_ms"]["p50"],
        first_word_p95_ms=report["first_word_ms"]["p95"],
        webhook_p50_ms=report["webhook_ms"]["p50"],
        webhook_p99_ms=report["webhook_ms"]["p99"],
        rss_kib=(of_target["rss_kib_after"] - of_target["rss_kib_before"]) / calls if told else None,
        lost=up["lost"] + down["lost"],
        late=up["late"] + down["late"],
        wrong=sum(way[what] for way in (up, down) for what in ("doubled", "crossed", "corrupt")),
        failed_calls=len(report["failures"]) + report["calls_lost"] + report["calls_without_agent"],
        waited_share=waited if told else None,
        generator_share=of_generator["cpu_s"] / window_s if told else None,
        generator_late_p99_ms=of_generator["late_p99_ms"],
        contended_runs=int(waited > CONTENDED_SHARE or of_generator["late_max_ms"] > STALLED_MS),
    )


def median_of(runs: list[Figures]) -> Figures:
    """Of each figure the median over the runs that have it; what went wrong is added up."""
    added = {"lost", "late", "wrong", "failed_calls", "runs", "contended_runs"}
    first, merged = asdict(runs[0]), {}
    for name in first:
        values = [value for run in runs if (value := getattr(run, name)) is not None]
        if isinstance(first[name], str) or name == "calls":
            merged[name] = first[name]
        elif name in added:
            merged[name] = sum(values)
        else:
            merged[name] = median(values) if values else None
    return Figures(**merged)


async def until_quiet(wait_s: float) -> bool:
    """Wait until hardly anything else runs, at most `wait_s`; whether it came to that."""
    if not available():
        return True
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + wait_s
    while True:
        before = machine_time()
        await asyncio.sleep(0.5)
        if busy_cores(before, machine_time()) <= QUIET_CORES:
            return True
        if loop.time() >= ends_at:
            return False


async def measure(target: Target, script: Script, cores: Cores, progress: Callable[[str], None]) -> dict[str, Any]:
    """Start the generator and the target, run the script, end both; the generator's report.

    Raises:
        TargetFailed: the target or the generator did not do its part.
    """
    generator = await _start_generator(script, cores.generator)
    try:
        agent_port = (await _line(generator))["agent_port"]
        progress("starting the target")
        async with running(target, agent_port, script.audio_format, cores.target) as (port, pid):
            assert generator.stdin is not None
            generator.stdin.write(json.dumps({"port": port, "pid": pid}).encode() + b"\n")
            while "result" not in (line := await _line(generator)):
                progress(line["phase"])
            report: dict[str, Any] = line["result"]
            return report
    finally:
        if generator.returncode is None:
            with suppress(ProcessLookupError):
                generator.send_signal(signal.SIGKILL)
        await generator.wait()


async def _start_generator(script: Script, core: int | None) -> Process:
    options = {
        "--calls": script.calls,
        "--seconds": script.seconds,
        "--format": script.audio_format,
        "--calls-per-s": script.calls_per_s,
    }
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.load", *(str(word) for pair in options.items() for word in pair)),
        cwd=ROOT,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
        stdin=PIPE,
        stdout=PIPE,
        start_new_session=True,
        limit=1 << 20,
        preexec_fn=None if core is None else lambda: pin(0, core),
    )


async def _line(generator: Process) -> dict[str, Any]:
    assert generator.stdout is not None
    line = await generator.stdout.readline()
    if not line:
        raise TargetFailed(f"the generator ended with {await generator.wait()}")
    fields: dict[str, Any] = json.loads(line)
    return fields
