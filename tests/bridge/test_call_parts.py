"""The parts of a call: all are there before it runs, and together they are small."""

import asyncio
import gc
import tracemalloc
from dataclasses import fields
from pathlib import Path
from typing import Any

from ivr_bridge.bridge import call_parts
from ivr_bridge.bridge.call_parts import CallParts
from ivr_bridge.bridge.greeting_choice import AGENT_GREETS
from tests.support.call_scene import JUST_THE_AGENT, Outside, Scene, build_scene
from tests.support.virtual_time import run_virtual

BRIDGE = str(Path(call_parts.__file__).parent / "*")
CALLS = 50
CALL_KIB = 9.0
"""What bridge/ itself allocates for a call: 6.3 on Python 3.11; it was 12.8 when each part held ways of its own."""


def talking() -> tuple[Scene, "asyncio.Task[Any]"]:
    scene = build_scene(JUST_THE_AGENT, Outside(), AGENT_GREETS)
    return scene, asyncio.ensure_future(scene.call.run())


def test_every_part_is_there_before_the_call_runs() -> None:
    async def story() -> None:
        scene = build_scene(JUST_THE_AGENT, Outside(), AGENT_GREETS)
        there = {part.name for part in fields(CallParts) if getattr(scene.parts, part.name) is not None}
        assert {part.name for part in fields(CallParts)} - there == {"voicemail", "taping"}, "nobody records here"
        assert scene.parts.call is scene.call
        running = asyncio.ensure_future(scene.call.run())
        await asyncio.sleep(0.1)
        running.cancel()
        await asyncio.wait([running])

    run_virtual(story())


def test_a_call_takes_little_memory() -> None:
    async def story() -> float:
        calls = [talking() for _ in range(5)]
        await asyncio.sleep(1)
        tracemalloc.start()
        try:
            calls += [talking() for _ in range(CALLS)]
            await asyncio.sleep(1)
            gc.collect()
            taken = tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(True, BRIDGE)])
        finally:
            tracemalloc.stop()
        for _, running in calls:
            running.cancel()
        await asyncio.wait([running for _, running in calls])
        return sum(trace.size for trace in taken.traces) / CALLS / 1024

    assert run_virtual(story()) < CALL_KIB
