"""Every drill as an operator runs it: the command, its JSON, its exit code, and what it leaves behind."""

import json
import os
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ivr_bridge.cli.drill import DRILLS
from tests.calls.conftest import Once
from tests.support.server_process import RunningProcess, clean_env, wait_until

pytestmark = [pytest.mark.timeout(240), pytest.mark.realtime]

PATIENCE_S = 200.0
"""For all of them side by side, each with a sandbox and a bridge that render every prompt anew."""
MOST_SILENCE_MS = 2000
RUNGS = {
    "outage": ["menu"],
    "slow": [],
    "half-open": ["retry", "menu"],
    "drop": ["retry", "menu"],
    "quota": ["menu"],
    "refused": ["menu"],
}
"""Those of the ladder of config/flows/main.yaml that are still there a second later."""


@dataclass(frozen=True)
class Drilled:
    """What one drill left."""

    exit_code: int
    account: dict[str, Any]
    left_over: list[str]
    """Command lines of processes that outlived it, and files of its scratch folder."""


def of_environment(mark: str) -> list[str]:
    """Command lines of all processes in whose environment `mark` stands; a process that has ended has none."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and folder.name != str(os.getpid()):
            try:
                if mark.encode() in (folder / "environ").read_bytes():
                    found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode())
            except OSError:
                continue
    return found


async def drill_all(folder: Path) -> dict[str, Drilled]:
    scratches = {name: folder / name for name in DRILLS}
    with ExitStack() as stack:
        running = {}
        for name, scratch in scratches.items():
            scratch.mkdir()
            env = clean_env(TMPDIR=str(scratch))
            running[name] = stack.enter_context(RunningProcess("drill", name, "--json", env=env))
        wait_until(lambda: all(of_environment(f"TMPDIR={each}") for each in scratches.values()), "processes to be seen")
        codes = {name: process.wait(PATIENCE_S) for name, process in running.items()}
        drilled = {}
        for name, process in running.items():
            text = "".join(process.lines)
            assert text.count("\n") == 1, (name, text, process.errors)
            left = [*of_environment(f"TMPDIR={scratches[name]}"), *map(str, scratches[name].iterdir())]
            drilled[name] = Drilled(codes[name], json.loads(text), left)
        return drilled


@pytest.fixture(scope="module")
def drills(once: Once) -> dict[str, Drilled]:
    made: dict[str, Drilled] = once("drills", drill_all)
    return made


@pytest.mark.parametrize("name", DRILLS)
def test_the_ladder_holds(drills: dict[str, Drilled], name: str) -> None:
    account = drills[name].account
    assert (account["drill"], account["ok"], drills[name].exit_code) == (name, True, 0), account
    assert account["longest_silence_ms"] <= MOST_SILENCE_MS
    assert account["ended"].startswith("completed ("), account


@pytest.mark.parametrize("name", DRILLS)
def test_the_rungs(drills: dict[str, Drilled], name: str) -> None:
    rungs = [step["rung"] for step in drills[name].account["steps"] if step["rung"] is not None]
    assert list(dict.fromkeys(rungs)) == RUNGS[name]


@pytest.mark.parametrize("name", DRILLS)
def test_the_account_is_told_second_by_second(drills: dict[str, Drilled], name: str) -> None:
    account = drills[name].account
    assert set(account) == {"drill", "ok", "longest_silence_ms", "steps", "ended"}
    starts = [step["at_ms"] for step in account["steps"]]
    assert starts == sorted(set(starts))
    assert starts[0] == 0
    assert {frozenset(step) for step in account["steps"]} == {frozenset({"at_ms", "rung", "heard"})}
    assert any(step["heard"].startswith("speech") for step in account["steps"])


@pytest.mark.parametrize("name", DRILLS)
def test_nothing_is_left_behind(drills: dict[str, Drilled], name: str) -> None:
    assert drills[name].left_over == []
