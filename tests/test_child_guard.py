import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ivr_bridge import child_guard


def guard(*words: str, **options: object) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-I", "-S", child_guard.__file__, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        **options,  # type: ignore[call-overload]
    )


def read_line(process: "subprocess.Popen[bytes]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().decode().strip()


def close(process: "subprocess.Popen[bytes]") -> int:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.close()
    code = process.wait(10)
    process.stdout.close()
    return code


def gone(pid: int) -> bool:
    """Whether it has ended; what is left of one that nobody waits for is ended too."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return not state.strip() or state.startswith("Z")


def wait_until_gone(pid: int) -> None:
    while not gone(pid):
        time.sleep(0.02)


def test_the_first_line_is_the_childs_process_id_and_the_rest_is_its_own():
    process = guard("--", "sh", "-c", "echo $$")
    assert read_line(process) == read_line(process)
    process.wait(10)
    assert close(process) == 0


@pytest.mark.parametrize(("command", "code"), [("exit 7", 7), ("kill -9 $$", 137), ("kill -15 $$", 143)])
def test_the_exit_code_is_the_childs(command: str, code: int):
    process = guard("--", "sh", "-c", command)
    process.wait(10)
    assert close(process) == code


def test_a_command_that_cannot_be_run_is_127():
    process = guard("--", "/nonexistent/program", stderr=subprocess.DEVNULL)
    process.wait(10)
    assert close(process) == 127


def test_a_closed_pipe_ends_the_whole_group():
    process = guard("--", "sh", "-c", "sleep 1000 & echo $!; wait")
    child, grandchild = int(read_line(process)), int(read_line(process))
    assert close(process) == 143
    assert gone(child)
    wait_until_gone(grandchild)


def test_a_child_that_ignores_sigterm_is_killed_after_the_grace_that_was_asked_for():
    process = guard("--", "sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.05; done")
    child = int(read_line(process))
    assert read_line(process) == "ready"
    assert process.stdin is not None
    process.stdin.write(b"0.1\n")
    assert close(process) == 137
    assert gone(child)


def test_what_a_dead_child_left_running_in_its_group_ends_too():
    process = guard("--", "sh", "-c", "sleep 1000 & echo $!")
    read_line(process)
    grandchild = int(read_line(process))
    process.wait(10)
    assert close(process) == 0
    wait_until_gone(grandchild)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_to_the_guard_ends_the_child(number: signal.Signals):
    process = guard("--", "sleep", "1000")
    child = int(read_line(process))
    process.send_signal(number)
    process.wait(10)
    assert gone(child)
    assert close(process) == 143


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child whose guard was killed")
def test_a_killed_guard_takes_the_child_along():
    process = guard("--", "sleep", "1000")
    child = int(read_line(process))
    process.kill()
    wait_until_gone(child)
    close(process)


def test_the_directory_is_removed_at_the_end(tmp_path: Path):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    process = guard("--remove", str(scratch), "--", "sh", "-c", f"touch {scratch}/socket; echo there; sleep 1000")
    read_line(process)
    assert read_line(process) == "there"
    assert [*scratch.iterdir()] == [scratch / "socket"]
    close(process)
    assert not scratch.exists()


def test_open_files_handed_to_it_reach_the_child(tmp_path: Path):
    reading, writing = os.pipe()
    process = guard("--", "sh", "-c", f"echo hello > /dev/fd/{writing}", pass_fds=(writing,))
    os.close(writing)
    with os.fdopen(reading) as file:
        assert file.read() == "hello\n"
    process.wait(10)
    close(process)
