import asyncio
import os
import signal
import sys
import warnings
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import uvloop

from ivr_bridge.child_process import ChildProcess
from ivr_bridge.errors import BridgeError
from tests.test_child_guard import gone

Scenario = Callable[[], Coroutine[Any, Any, None]]
RUNNERS = {"asyncio": asyncio.run, "uvloop": uvloop.run}


@pytest.fixture(params=RUNNERS)
def run(request: pytest.FixtureRequest) -> Callable[[Scenario], None]:
    """Runs a scenario in both event loops; whatever it leaves open is an error."""

    def run_scenario(scenario: Scenario) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error", ResourceWarning)
            RUNNERS[request.param](scenario())

    return run_scenario


def test_starts_speaks_and_stops(run: Callable[[Scenario], None]):
    async def scenario() -> None:
        child = await ChildProcess.start(["sh", "-c", "echo ready $$; sleep 1000"], name="sleeper")
        assert await child.first_line(10) == f"ready {child.pid}"
        assert not child.stopping
        assert await child.stop() == 143
        assert child.stopping
        assert gone(child.pid)
        assert await child.stop() == 143

    run(scenario)


def test_it_has_a_session_of_its_own_so_that_ctrl_c_does_not_reach_it(run: Callable[[Scenario], None]):
    async def scenario() -> None:
        child = await ChildProcess.start(["sleep", "1000"], name="sleeper")
        for pid in (child.pid, child._process.pid):
            assert os.getsid(pid) == os.getpgid(pid) == pid
        await child.stop()

    run(scenario)


def test_an_end_by_itself_is_told(run: Callable[[Scenario], None]):
    async def scenario() -> None:
        child = await ChildProcess.start(["sh", "-c", "echo because; exit 3"], name="broken")
        told: list[int] = []
        child.exited.add_done_callback(lambda exited: told.append(exited.result()))
        assert await child.wait() == 3
        await asyncio.sleep(0)
        assert told == [3]
        assert not child.stopping
        assert await child.stop() == 3
        assert [*child.last_lines] == ["because"]

    run(scenario)


def test_its_stdout_never_blocks_it(run: Callable[[Scenario], None]):
    async def scenario() -> None:
        program = "import sys; sys.stdout.write('x' * 3_000_000 + '\\n' + 'line\\n' * 100_000)"
        child = await ChildProcess.start([sys.executable, "-c", program], name="talker")
        assert await child.first_line(20) == "x" * 4096
        assert await child.wait() == 0
        await child.stop()
        assert [*child.last_lines] == ["line"] * 40

    run(scenario)


async def test_no_such_program():
    with pytest.raises(BridgeError, match="nobody: there is no program nonexistent-program"):
        await ChildProcess.start(["nonexistent-program"], name="nobody")


async def test_a_program_that_is_not_for_this_machine_ends_at_once(tmp_path: Path):
    program = tmp_path / "program"
    program.write_bytes(b"\x7fELF and nothing more")
    program.chmod(0o755)
    child = await ChildProcess.start([str(program)], name="foreign")
    with pytest.raises(BridgeError, match="foreign: ended with exit code 127 before it was ready"):
        await child.first_line(10)
    await child.stop()


async def test_a_silent_child_is_an_error_in_time():
    child = await ChildProcess.start(["sleep", "1000"], name="mute")
    with pytest.raises(BridgeError, match=r"mute: said nothing within 0\.05 s"):
        await child.first_line(0.05)
    await child.stop()


async def test_environment_is_the_given_one():
    child = await ChildProcess.start(["sh", "-c", "echo $GREETING"], name="e", env={**os.environ, "GREETING": "hola"})
    assert await child.first_line(10) == "hola"
    await child.stop()


async def test_a_hanging_guard_cannot_keep_it_alive():
    child = await ChildProcess.start(["sleep", "1000"], name="sleeper")
    os.kill(child._process.pid, signal.SIGSTOP)
    stopping = asyncio.create_task(child.stop(-1.9))
    await stopping
    assert gone(child.pid)


async def test_cancelling_a_wait_leaves_the_child_alone():
    child = await ChildProcess.start(["sleep", "1000"], name="sleeper")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await child.wait()
    assert not child.exited.done()
    assert await child.stop() == 143


async def test_no_zombie_and_no_open_file_is_left():
    before = len([*Path("/dev/fd").iterdir()])
    guards = []
    for _ in range(3):
        child = await ChildProcess.start(["sh", "-c", "sleep 1000 & sleep 1000"], name="sleeper")
        guards.append(child._process.pid)
        await child.stop()
    assert len([*Path("/dev/fd").iterdir()]) <= before
    for pid in guards:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


PARENT = """
import asyncio
from ivr_bridge.child_process import ChildProcess

async def main():
    child = await ChildProcess.start(["sh", "-c", "sleep 1000 & echo $!; wait"], name="sleeper")
    print(child.pid, await child.first_line(10), flush=True)
    await asyncio.sleep(1000)

asyncio.run(main())
"""


async def test_kill_9_of_the_parent_ends_child_and_grandchild():
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", PARENT, stdout=asyncio.subprocess.PIPE)
    assert parent.stdout is not None
    child, grandchild = map(int, (await parent.stdout.readline()).split())
    assert not gone(child)
    assert not gone(grandchild)
    parent.kill()
    await parent.wait()
    async with asyncio.timeout(10):
        while not (gone(child) and gone(grandchild)):
            await asyncio.sleep(0.05)
