"""What whole calls share: prompts rendered once, ears made ready once, batches of calls lived through once."""

import asyncio
import fcntl
import os
import pickle
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from ivr_bridge.simulator.service import dialogue
from tests.calls.house import ears, house, sandbox

Once = Callable[[str, Callable[[Path], Coroutine[Any, Any, Any]]], Any]


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Once:
    """`once(name, make)`: what `make(folder)` returned, run by the first of all test processes that asks for it.

    What was lived through is pickled; a process that asks meanwhile waits.
    """
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def lived(name: str, make: Callable[[Path], Coroutine[Any, Any, Any]]) -> Any:
        with (shared / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            kept = shared / f"{name}.pickle"
            if not kept.is_file():
                made = asyncio.run(make(tmp_path_factory.mktemp(name)))
                kept.write_bytes(pickle.dumps(made))
            return pickle.loads(kept.read_bytes())

    return lived


@pytest.fixture(scope="session")
def rendered(once: Once) -> Path:
    """A folder with every prompt and the greeting, as `var/prompts` holds them; after it the ears are ready."""

    async def render(folder: Path) -> Path:
        async with sandbox() as service_url, house(folder, service_url) as here:
            await here.ready()
        return folder / "var" / "prompts"

    folder: Path = once("rendered", render)
    for state in ("desk", "people", "day", "time"):
        ears().prepare(dialogue.phrases(dialogue.DialogueState(state)))
    return folder
