"""`python -m benchmarks.load --calls N ...`: the generator's process.

It prints one JSON object a line: first `{"agent_port": P}`; then it reads `{"port": P, "pid": P}` from stdin, where the
bridge now listens; then come `{"phase": ...}` and at last `{"result": {...}}`.
"""

import argparse
import asyncio
import gc
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict

from benchmarks.load.agent import Agent, AgentConnection
from benchmarks.load.pacer import Pacer
from benchmarks.load.phone import CallFailed, PhoneCall
from benchmarks.load.scene import Scene
from benchmarks.load.script import FORMATS, MAX_CALLS, Script
from benchmarks.load.tally import percentile
from benchmarks.process_meter import usage

WARM_UP_CALLS, WARM_UP_S = 2, 0.6
"""So that what a bridge loads at its first call is not counted as memory of the measured ones."""
HANG_UP_WITHIN_S = 5.0
GRACE_S = 1.0
"""After the window, for what is still on its way."""


def say(**fields: object) -> None:
    """One line for whoever started us."""
    print(json.dumps(fields), flush=True)


async def run(script: Script) -> dict[str, object]:
    """Both ends of all calls; the generator's report."""
    loop = asyncio.get_running_loop()
    scene = Scene(script)
    pacer = Pacer()

    def opened(agent: Agent) -> None:
        pacer.add(agent.number, agent.tick)

    scene.on_agent = opened
    server = await loop.create_server(lambda: AgentConnection(scene), "127.0.0.1", 0, backlog=512)
    say(agent_port=server.sockets[0].getsockname()[1])
    told = json.loads(await asyncio.to_thread(sys.stdin.readline))
    scene.port = told["port"]
    pid = told["pid"]

    warm, failures = await start_calls(scene, pacer, range(MAX_CALLS - WARM_UP_CALLS, MAX_CALLS), script.calls_per_s)
    await asyncio.sleep(WARM_UP_S)
    await hang_up(warm)
    scene.calls.clear()
    before = usage(pid)
    gc.collect()
    gc.freeze()

    say(phase="starting calls")
    calls, more = await start_calls(scene, pacer, range(script.calls), script.calls_per_s)
    await asyncio.sleep(script.settle_s)
    say(phase="measuring")
    pacer.late_ms.clear()
    begun, own_begun = usage(pid), usage(os.getpid())
    scene.window.begins_at = time.perf_counter()
    scene.window.ends_at = scene.window.begins_at + script.seconds
    await asyncio.sleep(script.seconds)
    measured_s = time.perf_counter() - scene.window.begins_at
    ended, own_ended = usage(pid), usage(os.getpid())
    late_ms = list(pacer.late_ms)
    await asyncio.sleep(GRACE_S)
    lost = scene.result()
    await hang_up(calls)
    pacer.stop()
    server.close()
    return {
        **lost,
        "script": asdict(script),
        "window_s": measured_s,
        "failures": [*failures, *more],
        "target": {
            "cpu_s": ended.cpu_s - begun.cpu_s,
            "waited_s": ended.waited_s - begun.waited_s,
            "rss_kib_before": before.rss_kib,
            "rss_kib_after": ended.rss_kib,
        },
        "generator": {
            "cpu_s": own_ended.cpu_s - own_begun.cpu_s,
            "waited_s": own_ended.waited_s - own_begun.waited_s,
            "late_p99_ms": percentile(late_ms, 0.99),
            "late_max_ms": max(late_ms, default=0.0),
        },
    }


async def start_calls(
    scene: Scene, pacer: Pacer, numbers: range, calls_per_s: float
) -> tuple[list[PhoneCall], list[str]]:
    """Begin a call for each number, so many a second; those that are up, and what failed."""
    failures: list[str] = []

    async def start(number: int) -> PhoneCall | None:
        call = PhoneCall(scene, number)
        scene.calls[number] = call
        pacer.add(number, call.tick)
        try:
            await call.dial()
        except CallFailed as error:
            del scene.calls[number]
            failures.append(str(error))
            return None
        return call

    begun_at = time.perf_counter()
    tasks: list[asyncio.Task[PhoneCall | None]] = []
    for place, number in enumerate(numbers):
        await asyncio.sleep(max(0.0, begun_at + place / calls_per_s - time.perf_counter()))
        tasks.append(asyncio.create_task(start(number)))
    started = await asyncio.gather(*tasks)
    return [call for call in started if call is not None], failures


async def hang_up(calls: list[PhoneCall]) -> None:
    """End all calls at once, within `HANG_UP_WITHIN_S`; a bridge that fails here has been measured already."""
    if calls:
        tasks = [asyncio.create_task(call.hang_up()) for call in calls]
        _, late = await asyncio.wait(tasks, timeout=HANG_UP_WITHIN_S)
        for task in late:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415
    except ImportError:  # there is none for every platform
        return None
    return uvloop.new_event_loop


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load")
    parser.add_argument("--calls", type=int, required=True)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--format", choices=FORMATS, default=FORMATS[0])
    parser.add_argument("--calls-per-s", type=float, default=50.0)
    options = parser.parse_args()
    script = Script(options.calls, options.seconds, options.format, options.calls_per_s)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        say(result=runner.run(run(script)))


if __name__ == "__main__":
    main()
