"""Real files in a real folder, and what is told of their changes; every wait is bounded."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ivr_bridge.config_watch import QUIET_MS, changed_files

BOUND_S = 10.0


class Told:
    """What was told, in order."""

    def __init__(self) -> None:
        self.bursts: list[list[str]] = []

    async def until(self, holds: Callable[[list[list[str]]], bool], again: Callable[[], None] | None = None) -> None:
        """Wait for it; `again` is done from time to time, since a watch that has just begun may miss a change."""
        async with asyncio.timeout(BOUND_S):
            while not holds(self.bursts):
                if again is not None:
                    again()
                for _ in range(5):
                    if not holds(self.bursts):
                        await asyncio.sleep(0.1)

    @property
    def names(self) -> set[str]:
        return {name for burst in self.bursts for name in burst}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "main.yaml").write_text("start: a\n")
    (tmp_path / "bridge.yaml").write_text("language: en\n")
    return tmp_path


@asynccontextmanager
async def watched(folder: Path) -> AsyncIterator[Told]:
    """A watch that is known to run: it has told of a change already."""
    told = Told()

    async def follow() -> None:
        async for names in changed_files(folder):
            told.bursts.append(names)

    task = asyncio.create_task(follow())
    count = 0

    def touch() -> None:
        nonlocal count
        count += 1
        (folder / "begun.yaml").write_text(f"n: {count}\n")

    try:
        await told.until(bool, touch)
        await asyncio.sleep(2 * QUIET_MS / 1000)
        told.bursts.clear()
        yield told
    finally:
        task.cancel()
        _, late = await asyncio.wait([task], timeout=BOUND_S)
        assert not late, "the watch ends when it is cancelled"


async def test_a_change_a_new_file_and_a_removal_are_told_by_name(config: Path) -> None:
    async with watched(config) as told:
        (config / "flows" / "main.yaml").write_text("start: b\n")
        await told.until(lambda bursts: ["main.yaml"] in bursts)
        (config / "flows" / "sales.yml").write_text("start: b\n")
        await told.until(lambda _: "sales.yml" in told.names)
        (config / "flows" / "main.yaml").unlink()
        await told.until(lambda bursts: sum("main.yaml" in burst for burst in bursts) > 1)


async def test_an_editor_that_writes_aside_and_renames_is_seen(config: Path) -> None:
    async with watched(config) as told:
        aside = config / "flows" / ".main.yaml.swp"
        aside.write_text("start: c\n")
        aside.rename(config / "flows" / "main.yaml")
        await told.until(lambda _: "main.yaml" in told.names)
        assert told.names == {"main.yaml"}


async def test_a_folder_made_later_is_followed(config: Path) -> None:
    async with watched(config) as told:
        (config / "tools").mkdir()
        await asyncio.sleep(0.1)

        def write() -> None:
            (config / "tools" / "crm.yaml").write_text(f"name: crm # {len(told.bursts)}\n")

        await told.until(lambda _: "crm.yaml" in told.names, write)


async def test_whatever_else_lies_there_is_nobodys_concern(config: Path) -> None:
    async with watched(config) as told:
        for name in ("notes.txt", "main.yaml~", "4913", "main.yaml.bak", ".hidden"):
            (config / "flows" / name).write_text("x")
        (config / "bridge.yaml").write_text("language: es\n")
        await told.until(lambda _: "bridge.yaml" in told.names)
        assert told.names == {"bridge.yaml"}


async def test_a_burst_is_told_at_once(config: Path) -> None:
    async with watched(config) as told:
        for n in range(20):
            (config / "flows" / f"f{n:02}.yaml").write_text("start: a\n")
        await told.until(lambda _: len(told.names) == 20)
        assert len(told.bursts) < 20, "not each alone, however slow the machine is"
        assert told.bursts[0] == sorted(told.bursts[0])
