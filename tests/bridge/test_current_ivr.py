"""The newest reading of the configuration that is whole; what is broken is refused."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from ivr_bridge.bridge.current_ivr import CurrentIvr
from ivr_bridge.config_file import Problem
from ivr_bridge.errors import ConfigError
from ivr_bridge.telemetry.log import Log

BROKEN = ConfigError(
    Problem("config/flows/main.yaml", 3, "start", "no such node", "one of: a"), Problem("config/hours.yaml", 1, "", "x")
)


class FakePrompts:
    """Renders for ever, unless it has nothing to."""

    def __init__(self) -> None:
        self.loaded = False
        self.rendering: bool | None = None
        self.load_gate = asyncio.Event()
        self.load_gate.set()

    async def load(self) -> None:
        await self.load_gate.wait()
        self.loaded = True

    async def render_missing(self) -> None:
        assert self.loaded
        self.rendering = True
        try:
            await asyncio.Event().wait()
        finally:
            self.rendering = False


class Files:
    """What lies in `config/`: each reading is a new one, or the fault."""

    def __init__(self) -> None:
        self.fault: Exception | None = None
        self.readings: list[Any] = []
        self.threads: list[threading.Thread] = []
        self.gate: asyncio.Event | None = None

    def build(self) -> Any:
        self.threads.append(threading.current_thread())
        if self.fault is not None:
            raise self.fault
        number = len(self.readings) + 1
        prompts = FakePrompts()
        if self.gate is not None:
            prompts.load_gate = self.gate
        self.readings.append(
            SimpleNamespace(
                book=SimpleNamespace(flows={f"flow_{number}": None}),
                tools=SimpleNamespace(names=("hang_up",)),
                prompts=prompts,
            )
        )
        return self.readings[-1]


Story = Callable[[CurrentIvr, Files], Awaitable[None]]


async def play(story: Story) -> list[Any]:
    files = Files()
    with capture_logs() as logs:
        current = CurrentIvr(files.build, Log())
        await current.start()
        await asyncio.sleep(0)
        await story(current, files)
        await current.close()
    assert all(reading.prompts.rendering is not True for reading in files.readings)
    return logs


async def test_at_the_start_prompts_are_loaded_and_the_rest_is_rendered_behind() -> None:
    async def story(current: CurrentIvr, files: Files) -> None:
        assert current.ivr is files.readings[0]
        assert files.readings[0].prompts.loaded
        assert files.readings[0].prompts.rendering

    [line] = await play(story)
    assert (line["event"], line["flows"], line["tools"], line["why"]) == (
        "config.loaded",
        ["flow_1"],
        ["hang_up"],
        "start",
    )


def test_a_server_does_not_start_with_a_broken_file() -> None:
    files = Files()
    files.fault = BROKEN
    with pytest.raises(ConfigError, match="no such node"):
        CurrentIvr(files.build, Log())


async def test_a_change_is_for_the_next_call() -> None:
    async def story(current: CurrentIvr, files: Files) -> None:
        before = current.ivr
        assert await current.reload("main.yaml")
        await asyncio.sleep(0)
        first, second = files.readings
        assert before is first
        assert current.ivr is second
        assert second.prompts.loaded
        assert (first.prompts.rendering, second.prompts.rendering) == (False, True)
        assert files.threads[1] is not threading.current_thread(), "the callers' audio does not wait for files"

    logs = await play(story)
    assert [(line["flows"], line["why"]) for line in logs] == [(["flow_1"], "start"), (["flow_2"], "main.yaml")]


async def test_a_broken_file_is_refused_with_every_problem_and_the_old_one_stays() -> None:
    async def story(current: CurrentIvr, files: Files) -> None:
        before = current.ivr
        files.fault = BROKEN
        assert not await current.reload("SIGHUP")
        assert current.ivr is before
        assert files.readings[0].prompts.rendering
        files.fault = None
        assert await current.reload("SIGHUP"), "and once it is mended it is taken"
        assert current.ivr is not before

    logs = await play(story)
    [refused] = [line for line in logs if line["event"] == "config.refused"]
    assert refused["problems"] == [
        "config/flows/main.yaml:3: start: no such node; one of: a",
        "config/hours.yaml:1: x",
    ]
    assert refused["log_level"] == "error"


@pytest.mark.parametrize("fault", [PermissionError(13, "Permission denied", "config/flows"), OSError(5, "I/O error")])
async def test_what_cannot_be_read_at_all_is_refused_too(fault: Exception) -> None:
    async def story(current: CurrentIvr, files: Files) -> None:
        before = current.ivr
        files.fault = fault
        assert not await current.reload("SIGHUP"), "whoever follows the files goes on following them"
        assert current.ivr is before

    logs = await play(story)
    assert [line["event"] for line in logs] == ["config.loaded", "config.refused"]


async def test_no_call_gets_a_reading_whose_prompts_are_not_there_yet() -> None:
    async def story(current: CurrentIvr, files: Files) -> None:
        before, files.gate = current.ivr, asyncio.Event()
        reloading = asyncio.ensure_future(current.reload("main.yaml"))
        while len(files.readings) < 2:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.01)
        assert current.ivr is before
        files.gate.set()
        assert await reloading
        assert current.ivr is files.readings[1]

    await play(story)


async def test_of_two_changes_at_once_the_later_reading_stays() -> None:
    async def story(current: CurrentIvr, files: Files) -> None:
        assert await asyncio.gather(current.reload("a.yaml"), current.reload("b.yaml")) == [True, True]
        assert current.ivr is files.readings[2]

    logs = await play(story)
    assert [line["why"] for line in logs] == ["start", "a.yaml", "b.yaml"]


async def test_closing_before_the_start_is_nothing() -> None:
    await CurrentIvr(Files().build, Log()).close()
